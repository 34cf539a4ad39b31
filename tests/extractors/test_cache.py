"""The feature cache: what it returns is what the extractors say, and a stale one is refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from toys import caption_feature, segmentation_feature, semantic_system

from semcomm.contracts import Semantics
from semcomm.data.folders import CropDataset, list_images
from semcomm.extractors.cache import FeatureCache, cache_features, fingerprint
from semcomm.files.pictures import load_image
from semcomm.images import to_float
from semcomm.training.config import TrainingConfig


@pytest.fixture
def photos(photo_folder, tmp_path):
    return shutil.copytree(photo_folder, tmp_path / "photos")


@pytest.fixture
def levels():
    return {"caption": caption_feature(), "segmentation": segmentation_feature()}


def extract(photos, cache, levels):
    return cache_features(list_images(photos), photos, cache, **levels)


def test_the_cache_returns_what_the_extractors_say(photos, tmp_path, levels):
    paths = list_images(photos)
    assert extract(photos, tmp_path / "cache", levels) == 4
    features = FeatureCache(tmp_path / "cache", paths, photos, **levels)
    for path in paths:
        image = to_float(load_image(path)[None])
        assert torch.equal(features.tokens(path), levels["caption"].tokens(image)[0])
        assert torch.equal(features.labels(path).long(), levels["segmentation"].labels(image)[0])


def test_label_maps_are_pictures_in_the_palettes_colours(photos, tmp_path, levels):
    extract(photos, tmp_path / "cache", levels)
    path = photos / "more" / "c.png"
    with Image.open(tmp_path / "cache" / "labels" / "more" / "c.png.png") as image:
        colors = np.asarray(image.convert("RGB")) / 255
    expected = levels["segmentation"](to_float(load_image(path)[None]))[0].permute(1, 2, 0).numpy()
    assert np.abs(colors - expected).max() < 1 / 255


def test_a_second_run_extracts_only_what_is_new_or_changed(photos, tmp_path, levels):
    extract(photos, tmp_path / "cache", levels)
    assert extract(photos, tmp_path / "cache", levels) == 0
    Image.new("RGB", (20, 20), "red").save(photos / "a.png")
    Image.new("RGB", (20, 20), "blue").save(photos / "new.png")
    assert extract(photos, tmp_path / "cache", levels) == 2
    FeatureCache(tmp_path / "cache", list_images(photos), photos, **levels)


@pytest.mark.parametrize("torn_bytes", [1, 9, 40])
def test_a_run_killed_while_it_writes_a_line_goes_on(photos, tmp_path, levels, torn_bytes):
    extract(photos, tmp_path / "cache", levels)
    lines = tmp_path / "cache" / "captions.jsonl"
    whole = lines.read_bytes()
    lines.write_bytes(whole[:-torn_bytes])
    assert extract(photos, tmp_path / "cache", levels) == 1
    assert lines.read_bytes() == whole


def test_a_missing_label_map_is_made_again(photos, tmp_path, levels):
    extract(photos, tmp_path / "cache", levels)
    (tmp_path / "cache" / "labels" / "a.png.png").unlink()
    assert extract(photos, tmp_path / "cache", levels) == 1


def test_a_cache_of_other_weights_is_refused(photos, tmp_path, levels):
    extract(photos, tmp_path / "cache", levels)
    other = caption_feature()
    other.captioner.table.data[0, 0] += 1
    with pytest.raises(ValueError, match="captions were made by ToyCaptioner with other weights"):
        FeatureCache(tmp_path / "cache", list_images(photos), photos, **levels | {"caption": other})
    with pytest.raises(ValueError, match="out is the feature cache of other extractors"):
        extract(photos, tmp_path / "cache", levels | {"caption": other})


def test_a_cache_without_a_level_is_refused_by_a_system_with_it(photos, tmp_path, levels):
    extract(photos, tmp_path / "cache", levels | {"segmentation": None})
    with pytest.raises(ValueError, match="segmentations were made by no extractor"):
        FeatureCache(tmp_path / "cache", list_images(photos), photos, **levels)
    features = FeatureCache(tmp_path / "cache", list_images(photos), photos, **levels | {"segmentation": None})
    assert features.labels(photos / "a.png") is None


def test_a_changed_or_new_photograph_is_refused(photos, tmp_path, levels):
    extract(photos, tmp_path / "cache", levels)
    Image.new("RGB", (20, 20), "red").save(photos / "a.png")
    with pytest.raises(ValueError, match=r"stale: .*a\.png has changed"):
        FeatureCache(tmp_path / "cache", list_images(photos), photos, **levels)
    Image.new("RGB", (20, 20), "red").save(photos / "0.png")
    with pytest.raises(ValueError, match=r"lacks .*0\.png"):
        FeatureCache(tmp_path / "cache", list_images(photos), photos, **levels)


def test_bad_folders_are_refused(photos, tmp_path, levels):
    with pytest.raises(FileNotFoundError, match=r"no feature cache in .*cache\.json is missing"):
        FeatureCache(tmp_path / "nothing", list_images(photos), photos, **levels)
    with pytest.raises(ValueError, match="out must be an empty or a new folder, or a feature cache"):
        extract(photos, photos, levels)
    with pytest.raises(ValueError, match="caption and segmentation are both None"):
        cache_features(list_images(photos), photos, tmp_path / "cache")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "cache.json").write_text("{")
    with pytest.raises(ValueError, match=r"cache\.json is no JSON file"):
        FeatureCache(tmp_path / "damaged", list_images(photos), photos, **levels)
    (tmp_path / "damaged" / "cache.json").write_text("[]")
    with pytest.raises(ValueError, match="must hold a JSON object, got list"):
        FeatureCache(tmp_path / "damaged", list_images(photos), photos, **levels)


def test_a_damaged_label_map_is_named(photos, tmp_path, levels):
    extract(photos, tmp_path / "cache", levels)
    (tmp_path / "cache" / "labels" / "a.png.png").write_bytes(b"no picture")
    features = FeatureCache(tmp_path / "cache", list_images(photos), photos, **levels)
    with pytest.raises(ValueError, match=r"label map .*a\.png\.png is missing or damaged"):
        features.labels(photos / "a.png")


def test_too_many_classes_for_a_png_are_refused(photos, tmp_path, levels):
    segmentation = levels["segmentation"]
    segmentation.segmenter.__class__ = type("Wide", (type(segmentation.segmenter),), {"class_names": ("x",) * 257})
    with pytest.raises(ValueError, match="segmentation has 257 classes"):
        extract(photos, tmp_path / "cache", levels)


def test_the_fingerprint_tells_weights_apart():
    first, second = caption_feature().captioner, caption_feature().captioner
    assert fingerprint(first) == fingerprint(second)
    second.table.data[0, 0] = second.table.data[0, 0].nextafter(torch.tensor(torch.inf))
    assert fingerprint(first) != fingerprint(second)


def test_label_maps_are_cropped_flipped_and_enlarged_with_their_photographs(photos, tmp_path, levels):
    """The toy segmenter labels by colour alone, so a crop's label map is the label map's crop."""
    paths = list_images(photos)
    extract(photos, tmp_path / "cache", levels)
    features = FeatureCache(tmp_path / "cache", paths, photos, **levels)
    crops = CropDataset(paths, 24, seed=0, features=features)
    flips = 0
    for index in range(12):
        item = crops[index]
        again = levels["segmentation"].labels(to_float(item["images"][None]))[0]
        assert torch.equal(item["labels"].long(), again)
        assert item["tokens"].shape == (5,)
        flips += not torch.equal(item["labels"], item["labels"].flip(-1))
    assert flips > 0  # a symmetric map would hide a missing flip
    enlarged = CropDataset(paths, 48, seed=0, features=features)[0]
    assert enlarged["labels"].shape == (48, 48)


def test_training_with_the_cache_equals_training_with_the_extractors(photos, tmp_path):
    """Colour-wise labels and one caption per image: the cached features lead to the symbols of the live ones."""
    pytest.importorskip("lightning")
    from semcomm.training.engine import train

    system = semantic_system(norm="none")
    levels = {"caption": system.transmitter.caption, "segmentation": system.transmitter.segmentation}
    paths = list_images(photos)
    extract(photos, tmp_path / "cache", levels)
    segmenter, captioner = levels["segmentation"].segmenter, levels["caption"].captioner
    segmenter.calls = captioner.calls = 0
    config = TrainingConfig(
        photos, photos, tmp_path / "run", features=tmp_path / "cache", size=16, batch_size=2, steps=3, validate_every=3
    )
    train(system, config)
    validated = len(paths)
    assert (segmenter.calls, captioner.calls) == (validated, validated)  # never in a training step
    image = to_float(load_image(paths[0])[None])
    features = FeatureCache(tmp_path / "cache", paths, photos, **levels)
    given = Semantics(features.tokens(paths[0])[None], features.labels(paths[0])[None])
    assert torch.equal(system.encode(image, semantics=given), system.encode(image))


def test_the_cache_describes_its_extractors(photos, tmp_path, levels):
    extract(photos, tmp_path / "cache", levels)
    description = json.loads((tmp_path / "cache" / "cache.json").read_text())
    assert description["caption"] == {
        "network": "ToyCaptioner",
        "sha256": fingerprint(levels["caption"].captioner),
    }
