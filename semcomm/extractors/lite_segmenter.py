"""The small segmenter that is trained here and shipped: a residual trunk with strip pooling."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.extractors.inference import labels_at
from semcomm.extractors.lite_trunk import LiteTrunk, check_working_area, conv_block, resize_to_area
from semcomm.extractors.strip_pooling import StripGate
from semcomm.images import check_images


@final
class StripHead(nn.Module):
    """Label the coarse map after strip pooling (Hou et al., CVPR 2020), sharpened by the two finer maps.

    Long thin things (poles, kerbs, horizons) share a row or a column of the map, which square windows miss.

    Args:
        widths: channels of the trunk's stem and of its maps at strides 4, 8 and 16.
        classes: number of classes.
        dropout: share of the last map's channels left out in training.

    Shape:
        maps `(b, widths[1], h / 4, w / 4)`, `(b, widths[2], h / 8, w / 8)`, `(b, widths[3], h / 16, w / 16)` to
        logits `(b, classes, h / 4, w / 4)`.
    """

    def __init__(self, widths: tuple[int, int, int, int], classes: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        _, fine, middle, coarse = widths
        self.strips = StripGate(coarse)
        self.join_middle = conv_block(coarse + middle, 64, 3)
        self.narrow = conv_block(64, 32, 1)
        self.skip_fine = conv_block(fine, 24, 1)
        self.join_fine = conv_block(32 + 24, 40, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(40, classes, 1)

    def forward(self, maps: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Go from the coarse map to the fine one and label it."""
        fine, middle, coarse = maps
        x = self.join_middle(torch.cat([_grow(coarse * self.strips(coarse), middle), middle], dim=1))
        x = self.join_fine(torch.cat([_grow(self.narrow(x), fine), self.skip_fine(fine)], dim=1))
        return self.classify(self.dropout(x))


@final
class LiteSegmenter(nn.Module):
    """Hop 1 of 6: images to label maps, by a small network that fits `semcomm.transmitter.segmentation.Segmenter`.

    Args:
        trunk: images to three feature maps.
        head: three feature maps to logits.
        class_names: one name per class, in label order.
        palette: one colour per class, `(classes, 3)`, RGB in [0, 1].
        working_area: pixels per image inside the network; every image is resized to it.

    Shape:
        `forward`: images `(b, 3, h, w)` to logits `(b, classes, h, w)`.

    Raises:
        ValueError: if the palette does not hold one RGB colour in [0, 1] per class name.
    """

    palette: Tensor

    def __init__(
        self, trunk: LiteTrunk, head: nn.Module, class_names: Sequence[str], palette: Tensor, *, working_area: int
    ) -> None:
        super().__init__()
        if tuple(palette.shape) != (len(class_names), 3):
            raise ValueError(f"palette must have the shape ({len(class_names)}, 3), got {tuple(palette.shape)}")
        if palette.min() < 0 or palette.max() > 1:
            raise ValueError(f"palette must lie in [0, 1], got {palette.min():g} to {palette.max():g}")
        self.trunk = trunk
        self.head = head
        self.class_names = tuple(class_names)
        self.working_area = check_working_area(working_area)
        self.register_buffer("palette", palette.float(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Score every class at every pixel of the images, at the size they came in."""
        return F.interpolate(self._coarse(images), images.shape[-2:], mode="bilinear", align_corners=False)

    @torch.no_grad()
    def segment(self, images: Tensor) -> Tensor:
        """Label the pixels: images `(b, 3, h, w)` in [0, 1], any size, to int64 label maps `(b, h, w)`."""
        return labels_at(self._coarse(images), images.shape[-2:])

    def _coarse(self, images: Tensor) -> Tensor:
        check_images(images)
        return self.head(self.trunk(resize_to_area(images, self.working_area)))


def build_lite_segmenter(
    class_names: Sequence[str],
    palette: Sequence[Sequence[int]],
    *,
    widths: Sequence[int] = (24, 40, 80, 128),
    working_area: int = 320 * 240,
) -> LiteSegmenter:
    """Build an untrained lite segmenter.

    Args:
        class_names: one name per class, in label order.
        palette: one RGB colour per class, 0 to 255.
        widths: channels of the trunk's stem and of its maps at strides 4, 8 and 16.
        working_area: pixels per image inside the network.

    Example:
        >>> import torch
        >>> segmenter = build_lite_segmenter(["sky", "road"], [[90, 180, 230], [90, 90, 90]], widths=(4, 4, 4, 4))
        >>> segmenter.eval().segment(torch.zeros(1, 3, 40, 56)).shape
        torch.Size([1, 40, 56])
    """
    if not class_names:
        raise ValueError("class_names must hold at least one name, got none")
    trunk = LiteTrunk(tuple(widths))  # type: ignore[arg-type]
    head = StripHead(trunk.widths, len(class_names))
    colours = torch.tensor(palette, dtype=torch.float32) / 255
    return LiteSegmenter(trunk, head, class_names, colours, working_area=working_area)


def _grow(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
