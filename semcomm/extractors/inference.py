"""How an extractor is run on raw images: checked and normalised input, eval mode, no gradient."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.images import STRIP_PIXELS

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def one_by_one(run: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Run a labelling on each image alone, so that its labels are the same to the last pixel in any batch.

    Kernels round differently at different batch sizes. Of the many pixels of an image some lie on the border between
    two classes, and would change sides. Large score maps are also held for one image at a time only.

    Args:
        run: Labels a batch of one.
        images: The batch.

    Example:
        >>> one_by_one(lambda image: image.sum(dim=(1, 2, 3)) / len(image), torch.ones(2, 3, 4, 4))
        tensor([48., 48.])
    """
    return torch.cat([run(image) for image in images.split(1)])


def labels_at(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Label every pixel of images from logits at a smaller size, resized bilinearly.

    Of large images only some rows' logits are held at a time: they take a hundred times the memory of the image.

    Args:
        logits: scores of the classes.
        size: height and width of the label maps.

    Shape:
        logits `(b, classes, h', w')` to int64 `(b, h, w)`.

    Example:
        >>> labels_at(torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]]), (1, 4))
        tensor([[[0, 0, 1, 1]]])
    """
    height, width = size
    if height * width <= STRIP_PIXELS:
        return _argmax_of_resized(logits, size)
    rows = logits.shape[2]
    place = ((torch.arange(height, device=logits.device) + 0.5) * (rows / height) - 0.5).clamp(0, rows - 1)
    above = place.long()
    share = (place - above).to(logits.dtype)[:, None]
    labels = torch.empty(len(logits), height, width, dtype=torch.long, device=logits.device)
    for strip in torch.arange(height, device=logits.device).split(max(1, STRIP_PIXELS // (8 * width))):
        upper, lower = logits[:, :, above[strip]], logits[:, :, (above[strip] + 1).clamp(max=rows - 1)]
        between = torch.lerp(upper, lower, share[strip])
        labels[:, strip[0] : strip[-1] + 1] = _argmax_of_resized(between, (len(strip), width))
    return labels


def _argmax_of_resized(logits: Tensor, size: Sequence[int]) -> Tensor:
    # with the classes of a pixel side by side in memory, both steps take a third of the time on a CPU
    beside = logits.contiguous(memory_format=torch.channels_last)
    return F.interpolate(beside, tuple(size), mode="bilinear", align_corners=False).argmax(dim=1)


def check_images(images: Tensor) -> None:
    """Refuse what is not a batch of raw RGB images.

    Args:
        images: Anything; required is a floating-point tensor `(b, 3, h, w)`, in [0, 1], with no empty dimension.

    Raises:
        TypeError: If it is not a floating-point tensor.
        ValueError: If its shape is another.

    Example:
        >>> check_images(torch.zeros(1, 1, 8, 8))
        Traceback (most recent call last):
        ...
        ValueError: images has shape (1, 1, 8, 8), required: (b, 3, h, w), none of them 0
    """
    if not isinstance(images, Tensor) or not images.is_floating_point():
        kind = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images is {kind}, required: a floating-point tensor (b, 3, h, w) in [0, 1]")
    if images.dim() != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise ValueError(f"images has shape {tuple(images.shape)}, required: (b, 3, h, w), none of them 0")


def in_dtype_of(network: nn.Module, images: Tensor) -> Tensor:
    """Convert images to the number format of a network's parameters.

    Args:
        network: The network about to see them.
        images: Any floating-point images.

    Example:
        >>> in_dtype_of(nn.Linear(1, 1), torch.zeros(1, dtype=torch.float16)).dtype
        torch.float32
    """
    return images.to(next(network.parameters(), images).dtype)


def normalize(images: Tensor, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD) -> Tensor:
    """Shift and scale each colour as a network saw it in training: `(x - mean) / std`.

    Args:
        images: RGB in [0, 1].
        mean: Per colour; ImageNet's by default.
        std: Per colour; ImageNet's by default.

    Shape:
        `(b, 3, h, w)` to the same.

    Example:
        >>> normalize(torch.full((1, 3, 1, 1), 0.5), mean=(0.5, 0.0, 0.5), std=(1.0, 0.5, 1.0)).flatten()
        tensor([0., 1., 0.])
    """
    shift, scale = (images.new_tensor(values).view(1, 3, 1, 1) for values in (mean, std))
    return (images - shift) / scale
