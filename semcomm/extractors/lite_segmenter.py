"""The small segmenter that is trained here and shipped: EfficientNet-Lite0 with strip pooling."""

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.extractors.inference import in_dtype_of, labels_at
from semcomm.extractors.lite_trunk import (
    CHANNELS,
    FEATURES,
    STRIDE,
    LiteTrunk,
    Maps,
    build_stage,
    check_working_area,
    resize_to_area,
)
from semcomm.extractors.strip_pooling import StripGate, conv_norm_relu
from semcomm.images import check_images, pad_to_multiple
from semcomm.networks.stages import check_positive
from semcomm.whole import check_all_whole, check_whole


@final
class ClassEvidence(nn.Module):
    """Tell from the trunk's features, place by place, how likely ImageNet's classifier finds each group of its classes.

    log p_k = log sum over the classes of group k of softmax(W features + b), and no less than log 0.001.

    Args:
        features: channels of the trunk's features.
        group: for each of the classifier's classes, the group it belongs to.
        groups: number of groups.

    Shape:
        features `(b, features, h, w)` to `(b, groups, h, w)`.
    """

    membership: Tensor

    def __init__(self, features: int, group: Sequence[int], groups: int) -> None:
        super().__init__()
        self.classifier = nn.Conv2d(features, len(group), 1)
        membership = F.one_hot(torch.tensor(group), groups).float().T[:, :, None, None]
        self.register_buffer("membership", membership.contiguous(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Add up the classes' probabilities by group."""
        return F.conv2d(self.classifier(features).softmax(dim=1), self.membership).clamp_min(1e-3).log()

    def whole(self, features: Tensor) -> Tensor:
        """Weigh the groups by the mean features of all places: 0.5 log p - 0.6 log n, for a group of n classes.

        118 of ImageNet's 1,000 classes are dogs, three are cattle: what might be either would be a dog too often.
        """
        found = self(features.mean(dim=(2, 3), keepdim=True))
        return 0.5 * found - 0.6 * self.membership.sum(dim=1).clamp_min(1).log()


@final
class StripHead(nn.Module):
    """Label the trunk's maps: what the evidence says, and what a decoder with strip pooling adds to it.

    The decoder goes from the coarsest maps, seen through a stage of its own and weighed by whole rows and columns
    (Hou et al., CVPR 2020), to the finest. Its last layer begins at zero: before any training the answer is the class
    whose evidence exceeds 0.35, and where there is none, class 0.

    Args:
        channels: channels of the trunk's stem and stages.
        evidence: likely classes from the trunk's features.
        classes: number of classes.
        width: channels at strides 32 and 16; half of it at 8, a third at 4.
        dropout: share of the last map's channels left out in training.

    Shape:
        `Maps` of images `(b, 3, h, w)` to logits `(b, classes, h / 4, w / 4)`.
    """

    def __init__(
        self, channels: Sequence[int], evidence: ClassEvidence, classes: int, *, width: int, dropout: float = 0.1
    ) -> None:
        super().__init__()
        half, third, sixth = (max(1, width // part) for part in (2, 3, 6))
        self.evidence = evidence
        self.trust = nn.Parameter(torch.ones(classes, 1, 1))
        self.offset = nn.Parameter(torch.zeros(classes, 1, 1))
        with torch.no_grad():
            self.trust[0], self.offset[0] = 0, math.log(0.35)
        self.own_stage = nn.Sequential(*build_stage(channels, 6, blocks=2))
        self.skip_coarsest = conv_norm_relu(channels[7], half, kernel_size=1)
        self.narrow = conv_norm_relu(channels[6] + half + classes, width, kernel_size=1)
        self.strips = StripGate(width)
        self.skip_coarse = conv_norm_relu(channels[5], half, kernel_size=1)
        self.join_coarse = conv_norm_relu(width + half, width)
        self.skip_middle = conv_norm_relu(channels[3], third, kernel_size=1)
        self.join_middle = conv_norm_relu(width + third, half)
        self.skip_fine = conv_norm_relu(channels[2], sixth, kernel_size=1)
        self.join_fine = conv_norm_relu(half + sixth, third)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(third, classes, 1)
        nn.init.zeros_(self.classify.weight)
        nn.init.zeros_(self.classify.bias)  # type: ignore[arg-type]

    def forward(self, maps: Maps) -> Tensor:
        """Go from the coarsest map to the finest and label it."""
        found = self.evidence(maps.features)
        x = torch.cat([self.own_stage(maps.coarse), self.skip_coarsest(maps.coarsest), found], dim=1)
        x = self.narrow(x)
        x = x * self.strips(x)
        x = self.join_coarse(torch.cat([_grow(x, maps.coarse), self.skip_coarse(maps.coarse)], dim=1))
        x = self.join_middle(torch.cat([_grow(x, maps.middle), self.skip_middle(maps.middle)], dim=1))
        x = self.join_fine(torch.cat([_grow(x, maps.fine), self.skip_fine(maps.fine)], dim=1))
        return self.classify(self.dropout(x)) + _grow(found * self.trust + self.offset, maps.fine)


def share_by_whole(likely: Tensor, whole: Tensor, kin: Sequence[int]) -> Tensor:
    """Let the whole image say which of the kin classes its places show; together they stay as likely as they were.

    p_k becomes p_k q_k (sum of p_j) / (sum of p_j q_j), both sums over the kin, for the whole image's weights q.

    Args:
        likely: log p of each class, place by place.
        whole: log q of each class, for the image as a whole.
        kin: labels of the kin classes; the others stay as they are.

    Shape:
        `(b, classes, h, w)` and `(b, classes, 1, 1)` to `(b, classes, h, w)`.

    Example:
        >>> import torch
        >>> cow, dog, grass = 0.2, 0.3, 0.5
        >>> places = torch.tensor([cow, dog, grass])[None, :, None, None].log()
        >>> herd = torch.tensor([0.9, 0.1, 1.0])[None, :, None, None].log()
        >>> [round(p, 2) for p in share_by_whole(places, herd, (0, 1)).exp().flatten().tolist()]
        [0.43, 0.07, 0.5]
    """
    if not len(kin):
        return likely
    before = likely[:, list(kin)]
    after = before + whole[:, list(kin)]
    after = after + before.logsumexp(1, keepdim=True) - after.logsumexp(1, keepdim=True)
    return likely.index_copy(1, torch.tensor(kin, device=likely.device), after)


@final
class LiteSegmenter(nn.Module):
    """Hop 1 of 6: images to label maps, by a small network that fits `semcomm.transmitter.segmentation.Segmenter`.

    An image is looked at from near and from afar, that is at several sizes, every second time mirrored; if it is so
    small that one size remains, at that size twice. All n answers count: p = (p_1 + ... + p_n) / n. Inside the network
    its sides are multiples of the trunk's stride: a larger image is reduced to such, a smaller one is padded. Otherwise
    the coarsest places, which reach beyond the image, would be stretched over it and lie beside what they saw.

    At last `share_by_whole` lets the whole image, seen from afar, say which of some kin classes it shows.

    Args:
        trunk: images to maps.
        head: maps to logits.
        class_names: one name per class, in label order.
        palette: one colour per class, `(classes, 3)`, RGB in [0, 1].
        working_area: most pixels of an image inside the network; a larger image is reduced to it.
        smaller_areas: pixels of the image when it is looked at again, reduced further; one that the image does not
            exceed is left out.
        kin: labels of classes that are easily mistaken for one another, such as the animals.

    Shape:
        `forward`: images `(b, 3, h, w)` to log-probabilities `(b, classes, h, w)`.

    Raises:
        ValueError: if the palette does not hold one RGB colour in [0, 1] per class name, or an area or a label is out
            of range.
    """

    palette: Tensor

    def __init__(
        self,
        trunk: LiteTrunk,
        head: StripHead,
        class_names: Sequence[str],
        palette: Tensor,
        *,
        working_area: int,
        smaller_areas: Sequence[int] = (),
        kin: Sequence[int] = (),
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
        self.smaller_areas = check_all_whole(
            smaller_areas, "smaller_areas", 1, self.working_area - 1, because="each is below the working area"
        )
        self.kin = check_all_whole(kin, "kin", 0, len(class_names) - 1)
        if len(set(self.kin)) < len(self.kin):
            raise ValueError(f"kin must hold each label once, got {self.kin}")
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
        sizes = self._sizes(images)
        looks = [self._look(seen, mirrored=number % 2 == 1) for number, seen in enumerate(sizes)]
        answers = torch.stack([_grow(likely, looks[0][0]) for likely, _ in looks])
        _, from_afar = looks[-1]
        return share_by_whole(
            answers.logsumexp(0) - math.log(len(looks)), self.head.evidence.whole(from_afar), self.kin
        )

    def _sizes(self, images: Tensor) -> list[Tensor]:
        """Give the images as they are looked at, the largest first."""
        area = images.shape[-2] * images.shape[-1]
        limits = sorted((self.working_area, *self.smaller_areas), reverse=True)
        sizes = [resize_to_area(images, limit, multiple=STRIDE) for limit in limits if area > limit]
        if area <= self.working_area:
            sizes = [images, *sizes]
        return sizes if len(sizes) > 1 else sizes * 2

    def _look(self, images: Tensor, *, mirrored: bool) -> tuple[Tensor, Tensor]:
        """Score every class place by place, and give the trunk's features."""
        rows, columns = (-(-size // 4) for size in images.shape[-2:])
        padded = pad_to_multiple(in_dtype_of(self, images), STRIDE)
        maps = self.trunk(padded.flip(-1) if mirrored else padded)
        likely = self.head(maps).log_softmax(dim=1)
        return (likely.flip(-1) if mirrored else likely)[..., :rows, :columns], maps.features


def build_lite_segmenter(
    class_names: Sequence[str],
    palette: Sequence[Sequence[int]],
    *,
    channels: Sequence[int] = CHANNELS,
    features: int = FEATURES,
    known: Sequence[int] = (0,),
    width: int = 112,
    working_area: int = 384 * 384,
    smaller_areas: Sequence[int] = (),
    kin: Sequence[int] = (),
) -> LiteSegmenter:
    """Build an untrained lite segmenter.

    Args:
        class_names: one name per class, in label order.
        palette: one RGB colour per class, 0 to 255.
        channels: channels of the trunk's stem and stages.
        features: channels of the trunk's head.
        known: the label of each class that a classifier of the trunk's features knows.
        width: channels of the decoder.
        working_area: most pixels of an image inside the network.
        smaller_areas: pixels of the image when it is looked at again, reduced further.
        kin: labels of classes that are easily mistaken for one another.

    Raises:
        ValueError: if a number is out of range, or `class_names`, `palette` and `known` do not fit one another.

    Example:
        >>> import torch
        >>> names, palette = ["sky", "road"], [[90, 180, 230], [90, 90, 90]]
        >>> segmenter = build_lite_segmenter(names, palette, channels=(4,) * 8, features=8, width=6)
        >>> segmenter.eval().segment(torch.zeros(1, 3, 40, 56)).shape
        torch.Size([1, 40, 56])
    """
    if not class_names:
        raise ValueError("class_names must hold at least one name, got none")
    if not len(known):
        raise ValueError(f"known must hold labels from 0 to {len(class_names) - 1}, got none")
    known = [check_whole(label, "known", 0, len(class_names) - 1) for label in known]
    trunk = LiteTrunk(channels, features)
    evidence = ClassEvidence(features, known, len(class_names))
    head = StripHead(trunk.channels, evidence, len(class_names), width=check_positive(width, "width"))
    colours = torch.tensor(palette, dtype=torch.float32) / 255
    return LiteSegmenter(
        trunk, head, class_names, colours, working_area=working_area, smaller_areas=smaller_areas, kin=kin
    )


def _grow(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
