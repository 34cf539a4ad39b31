"""The small extractors: their contract, their folders, and the shipped weights."""

import json
import shutil
import zlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_extractors import COLOURS, NAMES, WORDS, pictures, seeing_segmenter, small_captioner, small_segmenter

import semcomm
from semcomm.extractors.lite import (
    golden_image,
    golden_output,
    lite_captioner,
    lite_segmenter,
    load_lite,
    save_lite,
)
from semcomm.extractors.lite_captioner import END, MARKERS, PADDING, START, UNKNOWN, LiteCaptioner, build_lite_captioner
from semcomm.extractors.lite_segmenter import LiteSegmenter, build_lite_segmenter
from semcomm.extractors.lite_trunk import resize_to_area
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.segmentation import SegmentationFeature

WEIGHTS = (lite_captioner, lite_segmenter)
MOST_MEGABYTES = 12


@pytest.fixture(scope="module")
def shipped_folder() -> Path:
    return Path(semcomm.__file__).parent / "_weights"


@pytest.fixture(scope="module")
def shipped() -> tuple[LiteCaptioner, LiteSegmenter]:
    return lite_captioner(), lite_segmenter()


def test_they_fit_the_protocols_of_hop_1(shipped):
    captioner, segmenter = shipped
    images = pictures(2, 64, 64)
    assert CaptionFeature(captioner, image_size=32)(images).shape == (2, 32 * 32)
    colours = SegmentationFeature(segmenter)(images)
    assert colours.shape == images.shape
    seen = {tuple(colour) for colour in colours.permute(0, 2, 3, 1).reshape(-1, 3).tolist()}
    assert seen <= {tuple(colour) for colour in segmenter.palette.tolist()}


@pytest.mark.parametrize("load", WEIGHTS)
def test_the_shipped_ones_are_frozen_and_in_eval_mode(load):
    model = load()
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("name", ["caption-lite", "segmentation-lite"])
def test_the_golden_output_is_recomputed(name, shipped, shipped_folder):
    golden = json.loads((shipped_folder / name / "golden.json").read_text())
    output = golden_output(shipped[name == "segmentation-lite"])
    assert output.keys() == golden.keys()
    if "logits" in golden:
        torch.testing.assert_close(torch.tensor(output["logits"]), torch.tensor(golden["logits"]), atol=2e-3, rtol=0)
    else:
        assert (output["text"], output["tokens"]) == (golden["text"], golden["tokens"])
        assert output["log_likelihood"] == pytest.approx(golden["log_likelihood"], abs=1e-3)


def test_the_shipped_folders_are_whole_and_small(shipped_folder):
    size = sum(len(zlib.compress(path.read_bytes())) for path in (shipped_folder / "efficientnet-lite0").iterdir())
    assert (shipped_folder / "efficientnet-lite0" / "NOTICE").is_file()
    for name in ("caption-lite", "segmentation-lite"):
        folder = shipped_folder / name
        assert {path.name for path in folder.iterdir()} == {
            "config.json", "model.safetensors", "training.json", "golden.json", "README.md", "NOTICE",
        }  # fmt: skip
        assert "EfficientNet-Lite0" in (folder / "NOTICE").read_text()
        assert {value.dtype for value in load_file(folder / "model.safetensors").values() if value.ndim > 1} == {
            torch.float16
        }
        # As in a wheel, which is a ZIP archive.
        size += sum(len(zlib.compress(path.read_bytes())) for path in folder.iterdir())
        training = json.loads((folder / "training.json").read_text())
        assert training["kind"] == name
        assert all(len(source["sha256"]) == 64 and source["images"] > 0 for source in training["data"])
    assert size < MOST_MEGABYTES * 1e6


def test_the_shipped_scores_hold_their_bounds(shipped_folder):
    """The scores themselves are printed by `semcomm score-extractor`; here the record is held to its bounds."""
    read = {n: json.loads((shipped_folder / n / "training.json").read_text())["metrics"] for n in
            ("caption-lite", "segmentation-lite")}  # fmt: skip
    judged = read["segmentation-lite"]["coco_val"]
    assert judged["mean_iou"] >= 0.38
    assert judged["pixel_accuracy"] >= 0.86
    assert judged["iou"]["person"] >= 0.66
    captions = read["caption-lite"]["flickr8k_test"]
    assert captions["captioner"]["bleu_4"] >= 0.14
    assert captions["captioner"]["cider_d"] >= 0.30
    assert captions["likelihood"]["margin"] >= 0.5
    assert captions["likelihood"]["p_value"] < 0.01


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (64, 48), (333, 250)])
def test_any_size(height, width):
    images = pictures(2, height, width)
    labels = small_segmenter().eval().segment(images)
    assert labels.shape == (2, height, width)
    assert labels.dtype == torch.int64
    tokens = small_captioner().eval().generate(images)
    assert tokens.shape == (2, 7)
    assert tokens.dtype == torch.int64


@pytest.mark.parametrize("precision", ["half", "bfloat16", "double"])
@pytest.mark.parametrize(("height", "width"), [(40, 56), (65, 33)])
def test_other_precisions_tell_nearly_the_same(precision, height, width):
    """Smaller and larger images than those inside the network, for not every resize knows every precision."""
    images = golden_image(height, width)
    labels, segmenter = seeing_segmenter(working_area=40 * 40).segment(images), seeing_segmenter(working_area=40 * 40)
    same = getattr(segmenter, precision)().segment(images) == labels
    assert same.float().mean() > (0.95 if precision == "bfloat16" else 0.99)
    colours = SegmentationFeature(segmenter).to(getattr(torch, precision))(images)
    assert colours.dtype == torch.float32
    captioner = getattr(small_captioner().eval(), precision)()
    assert CaptionFeature(captioner, 16)(images).dtype == torch.float32
    assert captioner.log_likelihood(images, captioner.generate(images)).isfinite().all()


def test_an_image_does_not_depend_on_the_rest_of_the_batch(shipped):
    captioner, segmenter = shipped
    images = torch.cat([golden_image(96, 128), pictures(2, 96, 128), 1 - golden_image(96, 128)])
    together, alone = segmenter(images), torch.cat([segmenter(image[None]) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-4)
    together, alone = captioner.generate(images), torch.cat([captioner.generate(image[None]) for image in images])
    assert torch.equal(together, alone)


def test_labels_are_where_the_logits_are_greatest():
    segmenter, images = small_segmenter().eval(), pictures(2, 48, 40)
    assert torch.equal(segmenter.segment(images), segmenter(images).argmax(1))


def test_beam_search_finds_the_likeliest_caption():
    """Against brute force: with as many beams as prefixes, no caption of up to two words is likelier."""
    captioner = small_captioner().eval()
    captioner.beams, captioner.length = 30, 3
    image = pictures(1, 40, 40)
    words = range(len(MARKERS), len(WORDS))
    candidates = [(END, 0, 0), *((a, END, 0) for a in words), *((a, b, END) for a in words for b in words)]
    candidates += [(a, b, c) for a in words for b in words for c in words]
    tokens = torch.tensor(candidates)
    context = captioner.read(image).expand(len(tokens), -1)
    total = captioner.judge(context, tokens) * (tokens != PADDING).sum(1)
    assert tuple(captioner.generate(image)[0].tolist()) == candidates[int(total.argmax())]


def test_generated_captions_hold_words_then_the_end_then_padding(shipped):
    for row in shipped[0].generate(pictures(3, 80, 60)).tolist():
        words = row[: row.index(END)] if END in row else row
        assert not {PADDING, START, UNKNOWN} & set(words)
        assert set(row[len(words) + 1 :]) <= {PADDING}


def test_padding_embeds_as_zero_and_is_not_spelled():
    captioner = small_captioner()
    tokens = torch.tensor([[4, 5, END, PADDING], [END, PADDING, PADDING, PADDING]])
    embeddings = captioner.embed(tokens)
    assert embeddings.shape == (2, 4, 6)
    assert embeddings[tokens == PADDING].abs().max() == 0
    assert embeddings[tokens != PADDING].abs().min() > 0
    assert captioner.text(tokens) == ["a dog", ""]


def test_log_likelihood_is_the_mean_over_tokens_of_step_by_step_probabilities():
    captioner, image = small_captioner().eval(), pictures(1, 40, 40)
    tokens = torch.tensor([[4, 5, 6, END, PADDING]])
    context = captioner.read(image)
    steps = [
        captioner.next_word_logits(context, tokens[:, : place + 1])[0, place].softmax(0)[tokens[0, place]].log()
        for place in range(4)
    ]
    torch.testing.assert_close(captioner.log_likelihood(image, tokens)[0], torch.stack(steps).mean())


def test_words_are_counted_and_named_by_their_embeddings():
    """A word's score for being in a caption is its embedding times what the image is turned into, and its own bias."""
    captioner = small_captioner().eval()
    features = torch.rand(2, 9, generator=torch.Generator().manual_seed(0))
    described = captioner.describe(features)
    scores = captioner.word_logits(described)
    expected = captioner.naming(described) @ captioner.embedding.weight.T + captioner.naming_bias
    torch.testing.assert_close(scores, expected)
    assert captioner.counts == (1,) * len(WORDS)


def test_the_packages_trunk_is_named_and_another_is_stored(tmp_path, shipped):
    for model in shipped:
        save_lite(model, tmp_path / "same")
        assert json.loads((tmp_path / "same" / "config.json").read_text())["trunk"] == "efficientnet-lite0"
        assert not any(name.startswith("trunk.") for name in load_file(tmp_path / "same" / "model.safetensors"))
        again = load_lite(tmp_path / "same")
        for name, value in model.state_dict().items():
            assert torch.equal(again.state_dict()[name], value), name
    changed = load_lite(tmp_path / "same")
    with torch.no_grad():
        changed.trunk.head.bias[0] += 1
    save_lite(changed, tmp_path / "other")
    again = load_lite(tmp_path / "other")
    assert torch.equal(again.trunk.head.bias, changed.trunk.head.bias)


def test_a_resize_keeps_the_aspect_and_reaches_the_area():
    resized = resize_to_area(pictures(1, 30, 120), 1600)
    assert resized.shape == (1, 3, 20, 80)
    assert resize_to_area(pictures(1, 30, 120), 1600, multiple=16).shape == (1, 3, 16, 80)
    assert resize_to_area(pictures(1, 4, 120), 480, multiple=32).shape == (1, 3, 32, 128)
    constant = resize_to_area(torch.full((1, 3, 33, 57), 0.25), 400)
    torch.testing.assert_close(constant, torch.full_like(constant, 0.25))


@pytest.mark.parametrize("build", [small_captioner, small_segmenter])
def test_a_folder_gives_back_what_was_saved(build, tmp_path):
    model = build().eval()
    save_lite(model, tmp_path / "model")
    loaded = load_lite(tmp_path / "model")
    assert type(loaded) is type(model)
    saved = model.state_dict()
    for name, value in loaded.state_dict().items():
        torch.testing.assert_close(value, saved[name], atol=1e-3, rtol=1e-3)
    if isinstance(model, LiteCaptioner):
        assert (loaded.words, loaded.counts, loaded.beams) == (model.words, model.counts, model.beams)
    else:
        assert loaded.class_names == model.class_names
        torch.testing.assert_close(loaded.palette, model.palette)


def test_how_a_segmenter_looks_is_saved_with_it(tmp_path):
    segmenter = build_lite_segmenter(
        NAMES, COLOURS, channels=(4,) * 8, features=8, width=6, working_area=900, smaller_areas=(400, 100), kin=(2, 1)
    )
    save_lite(segmenter, tmp_path)
    loaded = load_lite(tmp_path)
    assert (loaded.working_area, loaded.smaller_areas, loaded.kin) == (900, (400, 100), (2, 1))
    saved = json.loads((tmp_path / "config.json").read_text())
    for name, damaged in (("smaller_areas", 400), ("smaller_areas", None), ("kin", "ab"), ("kin", {}), ("kin", 2)):
        (tmp_path / "config.json").write_text(json.dumps(saved | {name: damaged}))
        with pytest.raises(ValueError, match=rf"config\.json .*{name} must be a list of integers from"):
            load_lite(tmp_path)
    (tmp_path / "config.json").write_text(
        json.dumps({k: v for k, v in saved.items() if k not in {"smaller_areas", "kin"}})
    )
    before = load_lite(tmp_path)
    assert (before.smaller_areas, before.kin) == ((), ())


def test_wrong_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no configuration: .*config\.json is missing"):
        load_lite(tmp_path)
    save_lite(small_segmenter(), tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / "config.json").write_text('{"kind": "resnet"}')
    with pytest.raises(ValueError, match=r"must describe a lite extractor \(caption-lite or segmentation-lite\)"):
        load_lite(tmp_path / "b")
    (tmp_path / "b" / "config.json").write_text((tmp_path / "a" / "config.json").read_text())
    (tmp_path / "b" / "model.safetensors").write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(ValueError, match=r"model\.safetensors is a pickle.* and is refused"):
        load_lite(tmp_path / "b")
    (tmp_path / "b" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"model\.safetensors is truncated or no safetensors file"):
        load_lite(tmp_path / "b")
    weights = load_file(tmp_path / "a" / "model.safetensors")
    del weights["head.classify.bias"]
    save_file(weights | {"surplus": torch.zeros(1)}, tmp_path / "b" / "model.safetensors")
    with pytest.raises(ValueError, match=r"missing 1: head\.classify\.bias; unexpected 1: surplus"):
        load_lite(tmp_path / "b")


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"words must start with .*, got \('a',\)"):
        build_lite_captioner(["a"])
    with pytest.raises(ValueError, match="words must be distinct, 1 of 6 are repeated"):
        build_lite_captioner([*MARKERS, "a", "a"])
    with pytest.raises(ValueError, match=r"length must be an integer from 1 to 65536, got 0"):
        build_lite_captioner(MARKERS, length=0)
    with pytest.raises(ValueError, match="beams must be an integer from 1 to 65536, got 0"):
        build_lite_captioner(MARKERS, beams=0)
    with pytest.raises(ValueError, match=r"counts must hold a number for each of 4 words, got 3"):
        build_lite_captioner(MARKERS, counts=[1, 2, 3])
    with pytest.raises(ValueError, match=r"working_area must be an integer from 1 to 16777216, got 25000000"):
        build_lite_captioner(MARKERS, side=5000)
    with pytest.raises(ValueError, match=r"working_area must be an integer from 1 to 16777216, got 9.*9"):
        build_lite_segmenter(NAMES, COLOURS, working_area=int("9" * 19))
    with pytest.raises(ValueError, match=r"smaller_areas must be an integer from 1 to 1023, got 1024"):
        build_lite_segmenter(NAMES, COLOURS, working_area=32 * 32, smaller_areas=(32 * 32,))
    with pytest.raises(ValueError, match="kin must be an integer from 0 to 2, got 3"):
        build_lite_segmenter(NAMES, COLOURS, kin=(1, 3))
    with pytest.raises(ValueError, match=r"kin must hold each label once, got \(1, 1\)"):
        build_lite_segmenter(NAMES, COLOURS, kin=(1, 1))
    with pytest.raises(ValueError, match="known must be an integer from 0 to 2, got 3"):
        build_lite_segmenter(NAMES, COLOURS, known=(0, 3))
    with pytest.raises(ValueError, match="features must be an integer from 1 to 65536, got 0"):
        build_lite_segmenter(NAMES, COLOURS, features=0)
    with pytest.raises(ValueError, match="class_names must hold at least one name, got none"):
        build_lite_segmenter([], [])
    with pytest.raises(ValueError, match=r"palette must have the shape \(3, 3\), got \(2, 3\)"):
        build_lite_segmenter(NAMES, COLOURS[:2])
    with pytest.raises(ValueError, match=r"palette must lie in \[0, 1\], got 0 to 2"):
        build_lite_segmenter(NAMES[:1], [(0, 0, 510)])
    with pytest.raises(TypeError, match="images must be float32"):
        small_segmenter().segment(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match="images must have shape"):
        small_captioner().generate(torch.zeros(3, 8, 8))
