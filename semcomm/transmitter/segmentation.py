"""Hop 1 of 6: images to the colours of their label maps."""

from collections.abc import Sequence
from typing import Any, Protocol, final

import torch
from torch import Tensor, nn


class Segmenter(Protocol):
    """A pretrained network that labels every pixel; any `nn.Module` with this method and these attributes."""

    @property
    def class_names(self) -> Sequence[str]:
        """One name per class, in label order."""
        ...

    @property
    def palette(self) -> Tensor:
        """One RGB colour per class, float32 `(classes, 3)` in [0, 1]."""
        ...

    def segment(self, images: Tensor) -> Tensor:
        """Label the pixels: images `(b, 3, h, w)` in [0, 1], any size, to int64 label maps `(b, h, w)`.

        An image's labels must not depend on the other images of the batch.
        """
        ...


@final
class SegmentationFeature(nn.Module):
    """Hop 1 of 6: an image's label map in its palette's colours, s.

    The segmenter is frozen: no gradient enters it, and it stays in eval mode under `train()` (arXiv 2202.04754,
    Section II-A).

    Args:
        segmenter: the network that labels pixels; see `Segmenter`.

    Shape:
        images `(b, 3, h, w)` in [0, 1], of any size, to s `(b, 3, h, w)` in [0, 1].

    Raises:
        TypeError: if `segmenter` is no `nn.Module` with `segment`, `palette` and `class_names`.
        ValueError: if the palette does not fit the class names, or label maps do not fit images or palette.
    """

    palette: Tensor
    segmenter: Any

    def __init__(self, segmenter: nn.Module):
        super().__init__()
        # hasattr, since from Python 3.12 on isinstance with a protocol does not find a module's buffers
        is_there = all(hasattr(segmenter, name) for name in ("segment", "palette", "class_names"))
        if not (isinstance(segmenter, nn.Module) and is_there):
            raise TypeError(
                f"segmenter must be an nn.Module with segment, palette and class_names, got {type(segmenter).__name__}"
            )
        told: Any = segmenter
        palette = torch.as_tensor(told.palette, dtype=torch.float32)
        classes = len(told.class_names)
        if palette.shape != (classes, 3) or not bool(((palette >= 0) & (palette <= 1)).all()):
            raise ValueError(
                f"segmenter.palette must hold RGB in [0, 1] for its {classes} classes, got {tuple(palette.shape)}"
            )
        self.segmenter = segmenter.requires_grad_(False).eval()
        self.register_buffer("palette", palette.clone(), persistent=False)

    @property
    def class_names(self) -> Sequence[str]:
        """One name per class, in label order."""
        return self.segmenter.class_names

    @torch.no_grad()
    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Turn images `(b, 3, h, w)`, or label maps already made for them `(b, h, w)`, into s `(b, 3, h, w)`."""
        labels = self.labels(images) if labels is None else labels
        expected = (images.shape[0], *images.shape[2:])
        if tuple(labels.shape) != expected:
            raise ValueError(f"labels must have shape {expected} for these images, got {tuple(labels.shape)}")
        return self.colors(labels)

    @torch.no_grad()
    def labels(self, images: Tensor) -> Tensor:
        """Label the pixels of images `(b, 3, h, w)`: int64 `(b, h, w)`."""
        return self.segmenter.segment(images)

    def colors(self, labels: Tensor) -> Tensor:
        """Paint label maps `(b, h, w)` in the palette's colours: `(b, 3, h, w)` in [0, 1]."""
        classes = self.palette.shape[0]
        if not torch.compiler.is_compiling() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            raise ValueError(f"labels must be in 0..{classes - 1}, got {int(labels.min())}..{int(labels.max())}")
        return self.palette[labels.long()].movedim(-1, 1).float()

    def train(self, mode: bool = True) -> "SegmentationFeature":
        """Set training mode; the segmenter stays in eval mode."""
        super().train(mode)
        self.segmenter.eval()
        return self
