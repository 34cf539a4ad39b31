"""How the small segmenter looks at an image: sizes, mirror images, padding, the whole image, the evidence."""

import torch
from small_extractors import pictures, seeing_segmenter, small_segmenter
from torch.nn import functional as F

from semcomm.extractors.lite_segmenter import LiteSegmenter, share_by_whole
from semcomm.extractors.lite_trunk import resize_to_area


def sizes_seen(segmenter: LiteSegmenter, height: int, width: int) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    hook = segmenter.trunk.register_forward_pre_hook(lambda _, images: seen.append(tuple(images[0].shape[2:])))
    assert segmenter.segment(pictures(1, height, width)).shape == (1, height, width)
    hook.remove()
    return seen


def test_images_are_reduced_to_the_limit_and_never_enlarged():
    segmenter = small_segmenter().eval()
    # In whole strides of 32: 20 and 40 are padded, 40 of 80 and 10 of 20 rounded. Each is seen twice, once mirrored.
    assert sizes_seen(segmenter, 20, 30) == [(32, 32)] * 2
    assert sizes_seen(segmenter, 40, 40) == [(64, 64)] * 2
    assert sizes_seen(segmenter, 80, 80) == [(32, 32)] * 2
    assert sizes_seen(segmenter, 20, 320) == [(32, 160)] * 2


def test_an_image_is_looked_at_from_near_and_from_afar():
    segmenter = seeing_segmenter(working_area=128 * 128, smaller_areas=(64 * 64, 96 * 96))
    assert sizes_seen(segmenter, 200, 200) == [(128, 128), (96, 96), (64, 64)]
    assert sizes_seen(segmenter, 100, 100) == [(128, 128), (96, 96), (64, 64)]
    assert sizes_seen(segmenter, 70, 70) == [(96, 96), (64, 64)]
    assert sizes_seen(segmenter, 64, 64) == [(64, 64), (64, 64)]


def test_every_look_counts_alike_and_every_second_is_mirrored():
    segmenter, images = seeing_segmenter(working_area=96 * 96, smaller_areas=(64 * 64, 32 * 32)), pictures(2, 96, 96)

    def look(side: int, *, mirrored: bool) -> torch.Tensor:
        seen = resize_to_area(images, side * side)
        seen = seen.flip(-1) if mirrored else seen
        likely = segmenter.head(segmenter.trunk(seen)).softmax(1)
        likely = likely.flip(-1) if mirrored else likely
        return F.interpolate(likely.log(), (24, 24), mode="bilinear", align_corners=False).exp()

    assert (look(64, mirrored=True) - look(64, mirrored=False)).abs().max() > 1e-3
    expected = (look(96, mirrored=False) + look(64, mirrored=True) + look(32, mirrored=False)) / 3
    expected = F.interpolate(expected.log(), (96, 96), mode="bilinear", align_corners=False)
    torch.testing.assert_close(segmenter(images), expected, atol=1e-5, rtol=1e-4)


def test_a_small_image_and_its_mirror_image_are_labelled_alike():
    segmenter, images = seeing_segmenter(working_area=32 * 32), pictures(2, 32, 32)
    torch.testing.assert_close(segmenter(images.flip(-1)), segmenter(images).flip(-1), atol=1e-5, rtol=1e-4)
    one_look = segmenter.head(segmenter.trunk(images)).softmax(1)
    other = segmenter.head(segmenter.trunk(images.flip(-1))).softmax(1).flip(-1)
    assert (one_look - other).abs().max() > 1e-3
    expected = F.interpolate(((one_look + other) / 2).log(), (32, 32), mode="bilinear", align_corners=False)
    torch.testing.assert_close(segmenter(images), expected, atol=1e-5, rtol=1e-4)


def test_the_whole_image_says_which_of_the_kin_it_shows():
    """Their shares of a place are multiplied by sqrt(p) / n^0.6, for the image seen from afar; others stay."""
    alone = seeing_segmenter(working_area=64 * 64, smaller_areas=(32 * 32,))
    with_kin = seeing_segmenter(working_area=64 * 64, smaller_areas=(32 * 32,), kin=(1, 2))
    images = pictures(2, 64, 64)
    features = with_kin.trunk(resize_to_area(images, 32 * 32).flip(-1)).features.mean((2, 3))
    classifier = with_kin.head.evidence.classifier
    shown = (features @ classifier.weight[:, :, 0, 0].T + classifier.bias).softmax(1)
    # known: (0, 1, 2, 2)
    one, two = shown[:, 1].clamp_min(1e-3), (shown[:, 2] + shown[:, 3]).clamp_min(1e-3)
    odds = one.sqrt() / (two.sqrt() / 2**0.6)
    before, after = alone(images).exp(), with_kin(images).exp()
    torch.testing.assert_close(after[:, 0], before[:, 0], atol=1e-4, rtol=1e-3)
    changed = (after[:, 1] / after[:, 2]) / (before[:, 1] / before[:, 2])
    torch.testing.assert_close(changed, odds[:, None, None].expand_as(changed), atol=0, rtol=1e-3)
    assert (odds - 1).abs().min() > 0.05


def test_what_a_place_gives_to_the_kin_stays_theirs():
    generator = torch.Generator().manual_seed(0)
    places = torch.randn(2, 4, 3, 5, generator=generator).log_softmax(1)
    weights = torch.rand(2, 4, 1, 1, generator=generator)
    shared = share_by_whole(places, weights.log(), (3, 1)).exp()
    before = places.exp()
    scale = (before[:, 1] + before[:, 3]) / (before[:, 1] * weights[:, 1] + before[:, 3] * weights[:, 3])
    for label in range(4):
        factor = scale * weights[:, label] if label in (1, 3) else 1
        torch.testing.assert_close(shared[:, label], before[:, label] * factor)
    assert share_by_whole(places, weights.log(), ()) is places


def test_what_pads_an_image_moves_nothing_in_it():
    segmenter, image = small_segmenter().eval(), pictures(1, 28, 24)
    with torch.no_grad():
        segmenter.head.classify.weight.normal_(generator=torch.Generator().manual_seed(0))
    padded = torch.cat([image, image[..., -1:].expand(-1, -1, -1, 8)], dim=-1)
    padded = torch.cat([padded, padded[..., -1:, :].expand(-1, -1, 4, -1)], dim=-2)
    assert padded.shape[2:] == (32, 32)
    # The last two pixels are interpolated from a place of the padding.
    torch.testing.assert_close(segmenter(padded)[..., :26, :22], segmenter(image)[..., :26, :22], atol=1e-5, rtol=1e-4)


def test_a_segmenter_begins_with_the_evidence():
    """Before training, a place has the class whose classes of the classifier are likeliest together, above 0.35."""
    segmenter = small_segmenter().eval()
    evidence = segmenter.head.evidence
    with torch.no_grad():
        evidence.classifier.weight.mul_(10)
        maps = segmenter.trunk(pictures(1, 64, 96))
        found = (evidence.classifier(maps.features)).softmax(1)[0]
        expected = torch.stack([torch.full_like(found[0], 0.35), found[1], found[2] + found[3]]).clamp_min(1e-3).log()
        logits = segmenter.head(maps)[0]
    size = logits.shape[1:]
    expected = F.interpolate(expected[None], size, mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)
