"""What arrived of a transmission beside its image: captions, label maps, and the parts that matter."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from semcomm.transmission import Transmission


def arrivals(sent: Transmission) -> dict[str, Tensor]:
    """Say of each image whether its digital part, its caption and its label map arrived: 1.0 or 0.0, float `(b,)`.

    A caption has arrived if it is the one sent, a label map if there is one: it may be coarser than the one sent.
    Scores of what a system does not send are left out.

    Example:
        >>> image = torch.zeros(1, 3, 8, 8)
        >>> sent = Transmission(image, 9, 0.1, 0.3, image, image, captions=["a dog"], received_captions=[None])
        >>> arrivals(sent)
        {'caption_arrived': tensor([0.])}
    """
    scores: dict[str, Tensor] = {}
    if sent.lost is not None:
        scores["bits_arrived"] = 1 - sent.lost.float()
    if sent.captions is not None and sent.received_captions is not None:
        pairs = zip(sent.captions, sent.received_captions, strict=True)
        scores["caption_arrived"] = torch.tensor([float(said == heard) for said, heard in pairs])
    if sent.received_labels is not None:
        scores["labels_arrived"] = (sent.received_labels.flatten(1) >= 0).all(1).float()
    return scores


def psnr_by_importance(
    received: Tensor, images: Tensor, labels: Tensor, importance: Mapping[str, float], class_names: Sequence[str]
) -> dict[str, Tensor]:
    """PSNR of the pixels whose label has a weight, and of all others, in dB.

    Args:
        received: float `(b, 3, h, w)` in [0, 1].
        images: what was sent, the same.
        labels: the label maps at the sender, integer `(b, h, w)`.
        importance: weights of classes by name.
        class_names: in label order.

    Returns:
        "psnr_inside_db" and "psnr_outside_db", float `(b,)`; NaN for an image that has no such pixels.

    Raises:
        ValueError: if a class is unknown.
    """
    unknown = sorted(set(importance) - set(class_names))
    if unknown:
        raise ValueError(f"importance must name labels among {', '.join(class_names)}; got {', '.join(unknown)}")
    weighed = torch.tensor([name in importance for name in class_names], device=labels.device)
    inside = weighed[labels.long()].to(images.device)
    errors = (received - images).double().square().mean(1)
    return {
        f"psnr_{name}_db": -10 * ((errors * chosen).flatten(1).sum(1) / chosen.flatten(1).sum(1)).log10()
        for name, chosen in {"inside": inside, "outside": ~inside}.items()
    }
