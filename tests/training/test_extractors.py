"""Training the lite extractors: the pieces against closed forms, and whole runs on a few synthetic pictures."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from typer import Typer
from typer.testing import CliRunner

from semcomm.cli.extractors import score_extractor_command, train_extractor_command
from semcomm.data.classes import IGNORED
from semcomm.extractors.lite import golden_output, load_lite, save_lite
from semcomm.extractors.lite_segmenter import build_lite_segmenter
from semcomm.training.augmentation import jitter_colours, random_crop
from semcomm.training.class_sentences import CLASS_SENTENCES, sentences_for
from semcomm.training.extractor_data import describe_files, find_captions, find_labelled, sampling_weights
from semcomm.training.extractors import score_extractor, train_extractor
from semcomm.training.sampling import SeededAugmentation, SeededSampler

FILES = {"config.json", "model.safetensors", "training.json", "golden.json", "README.md", "NOTICE"}
pytestmark = pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*")


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """CamVid's layout: sky (0) above, a car (8) below, and some void."""
    folder = tmp_path_factory.mktemp("street")
    rng = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for number in range(3):
            labels = np.full((48, 64), 8)
            labels[: 20 + number] = 0
            labels[:, :2] = 11
            image = np.where(labels[..., None] == 0, [120, 190, 250], [90, 80, 80]) + rng.integers(0, 6, (48, 64, 3))
            save(folder / split / f"{number}.png", image.clip(0, 255))
            save(folder / f"{split}annot" / f"{number}.png", labels)
    return folder


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """COCO's layout: one person per image, with a caption."""
    folder = tmp_path_factory.mktemp("things")
    (folder / "annotations").mkdir()
    for split in ("train2017", "val2017"):
        save(folder / split / "7.jpg", np.full((40, 50, 3), 70))
        square = [[5, 5, 25, 5, 25, 25, 5, 25]]
        images = [{"id": 7, "file_name": "7.jpg", "height": 40, "width": 50}]
        mask = {"id": 1, "image_id": 7, "category_id": 1, "iscrowd": 0, "area": 400, "segmentation": square}
        instances = {"images": images, "categories": [{"id": 1, "name": "person"}], "annotations": [mask]}
        (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(instances))
        captions = {"images": images, "annotations": [{"id": 1, "image_id": 7, "caption": "A person stands ."}]}
        (folder / "annotations" / f"captions_{split}.json").write_text(json.dumps(captions))
    return folder


@pytest.fixture(scope="module")
def flickr(tmp_path_factory):
    """Flickr8k's layout: bright pictures are snow, dark ones are grass."""
    folder = tmp_path_factory.mktemp("flickr")
    lines = ["image,caption"]
    for number in range(30):
        bright = number % 2
        save(folder / "images" / f"{number}.jpg", np.full((30, 40, 3), 230 if bright else 30))
        lines += [f"{number}.jpg,A dog runs in the {'snow' if bright else 'grass'} ."] * 2
    (folder / "captions.txt").write_text("\n".join(lines))
    return folder


def test_a_segmenter_is_trained_stopped_and_resumed(street, things, tmp_path, monkeypatch):
    settings = {"steps": 4, "batch_size": 2, "validate_every": 2, "progress": False, "learning_rate": 1e-3}
    whole = train_extractor("segmentation", [street, things], tmp_path / "whole", **settings)

    fail_at_step(monkeypatch, 3)
    with pytest.raises(OSError, match="power cut"):
        train_extractor("segmentation", [street, things], tmp_path / "resumed", **settings)
    monkeypatch.undo()
    assert not (tmp_path / "resumed").exists()
    with pytest.raises(ValueError, match="holds an unfinished training: pass resume=True"):
        train_extractor("segmentation", [street, things], tmp_path / "resumed", **settings)
    resumed = train_extractor("segmentation", [street, things], tmp_path / "resumed", resume=True, **settings)

    assert {path.name for path in tmp_path.iterdir()} == {"whole", "resumed"}
    assert {path.name for path in (tmp_path / "resumed").iterdir()} == FILES
    assert resumed["metrics"] == whole["metrics"]
    assert (resumed["steps_taken"], resumed["images_seen"]) == (4, 8)
    assert set(whole["metrics"]) == {"camvid_val", "camvid_test", "coco_val"}
    once, again = load_lite(tmp_path / "whole"), load_lite(tmp_path / "resumed")
    for name, value in again.state_dict().items():
        torch.testing.assert_close(value, once.state_dict()[name])
    assert golden_output(again) == json.loads((tmp_path / "resumed" / "golden.json").read_text())
    assert json.loads((tmp_path / "whole" / "training.json").read_text()) == whole
    readme = (tmp_path / "whole" / "README.md").read_text()
    assert f"| CamVid test | 3 | {whole['metrics']['camvid_test']['mean_iou']:.3f} |" in readme
    assert "| background |" in readme
    assert score_extractor("segmentation", [street, things], model=tmp_path / "whole") == whole["metrics"]


def fail_at_step(monkeypatch, last):
    """Interrupt the training step of that number, as a machine that goes down would."""
    from semcomm.training.extractor_modules import SegmenterTraining

    step, calls = SegmenterTraining.training_step, []

    def interrupted(self, batch, batch_index):
        calls.append(batch_index)
        if len(calls) == last:
            raise OSError("power cut")
        return step(self, batch, batch_index)

    monkeypatch.setattr(SegmenterTraining, "training_step", interrupted)


def test_a_captioner_begins_with_a_segmenters_trunk(flickr, things, tmp_path, monkeypatch):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_lite(build_lite_segmenter(["a"], [(0, 0, 0)]), tmp_path / "trunk")
    settings = {"steps": 2, "batch_size": 4, "progress": False, "begin_from": tmp_path / "trunk"}
    monkeypatch.setattr("semcomm.training.extractor_recipes.sentences_for", lambda *_, **__: ("a dog runs",))
    settings["uncaptioned"] = [things / "val2017"]
    record = train_extractor("caption", [flickr, things], tmp_path / "captioner", **settings)
    assert {path.name for path in (tmp_path / "captioner").iterdir()} == FILES
    assert record["begin_from"] == "trunk"
    assert [source["layout"] for source in record["data"]] == ["flickr8k", "coco", "uncaptioned"]
    captioner, trunk = load_lite(tmp_path / "captioner"), load_lite(tmp_path / "trunk").trunk
    assert set(captioner.words[4:]) == {"a", "dog", "runs", "in", "the", "snow", "grass"}
    assert captioner.counts[captioner.words.index("dog")] == 48
    for name, value in captioner.trunk.named_parameters():
        assert torch.equal(value, trunk.get_parameter(name))
    assert golden_output(captioner) == json.loads((tmp_path / "captioner" / "golden.json").read_text())
    assert score_extractor("caption", [flickr, things], model=tmp_path / "captioner") == record["metrics"]
    with pytest.raises(ValueError, match="model must be a segmentation extractor, .* holds a LiteCaptioner"):
        score_extractor("segmentation", [street], model=tmp_path / "captioner")


def test_a_segmenter_begins_with_all_weights_of_a_segmenter(street, tmp_path):
    settings = {"steps": 1, "batch_size": 2, "progress": False, "learning_rate": 1e-12}
    train_extractor("segmentation", [street], tmp_path / "first", **settings)
    train_extractor("segmentation", [street], tmp_path / "second", begin_from=tmp_path / "first", seed=1, **settings)
    first, second = (load_lite(tmp_path / name) for name in ("first", "second"))
    added = torch.tensor([dict(json.loads((tmp_path / "first" / "training.json").read_text())["bias"]).get(name, 0.0)
                          for name in first.class_names])  # fmt: skip
    assert added[[0, 5, 15]].tolist() == [-1.0, 1.5, 0.0]
    for name, value in second.named_parameters():
        begun = first.get_parameter(name)
        if name == "head.classify.bias":
            torch.testing.assert_close(begun, added)
            begun = begun + added
        torch.testing.assert_close(value, begun)


def test_the_commands_train_and_score(flickr, tmp_path):
    app = Typer()
    app.command("train-extractor")(train_extractor_command)
    app.command("score-extractor")(score_extractor_command)
    options = ["--data", str(flickr)]
    train = [
        "train-extractor",
        "caption",
        *options,
        "--out",
        str(tmp_path / "out"),
        "--steps",
        "1",
        "--batch-size",
        "2",
    ]
    result = CliRunner().invoke(app, train, catch_exceptions=False)
    assert result.exit_code == 0
    score = [
        "score-extractor",
        "caption",
        *options,
        "--model",
        str(tmp_path / "out"),
        "--json",
        str(tmp_path / "x.json"),
    ]
    assert CliRunner().invoke(app, score, catch_exceptions=False).exit_code == 0
    scores = json.loads((tmp_path / "x.json").read_text())
    assert scores == json.loads((tmp_path / "out" / "training.json").read_text())["metrics"]


def test_a_pair_of_folders_that_is_none_is_refused(street, tmp_path):
    app = Typer()
    app.command()(train_extractor_command)
    given = ["segmentation", "--data", str(street), "--out", str(tmp_path / "out"), "--labelled", "photos"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 2
    assert "must be PHOTOS=LABELS, two folders, got" in " ".join(result.output.replace("│", "").split())


def test_photographs_are_taught_their_likely_class_or_nothing():
    """Two rackets' worth of probability in two classes of one group counts together; doubt says nothing."""
    logits = torch.full((1000,), -20.0)
    logits[[752, 852, 805]] = torch.tensor([0.3, 0.3, 0.4]).log()
    assert sentences_for(logits, sure=0.55) == CLASS_SENTENCES[752, 852]
    assert sentences_for(logits, sure=0.65) == ()


def test_wrong_arguments_are_refused(flickr, street, things, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="kind must be 'caption' or 'segmentation', got 'depth'"):
        train_extractor("depth", [street], tmp_path / "x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="kind must be 'caption' or 'segmentation', got 'depth'"):
        score_extractor("depth", [street])  # type: ignore[arg-type]
    for name in ("steps", "batch_size", "validate_every", "patience"):
        with pytest.raises(ValueError, match=f"{name} must be an integer of at least 1, got 0"):
            train_extractor("caption", [flickr], tmp_path / "x", **{name: 0})
    with pytest.raises(ValueError, match="learning_rate must be positive, got -1"):
        train_extractor("caption", [flickr], tmp_path / "x", learning_rate=-1)
    with pytest.raises(ValueError, match=r"must hold trainannot/ \(CamVid\) or annotations/"):
        find_labelled([flickr])
    with pytest.raises(ValueError, match="give labelled and labelled_validation, or a data folder in CamVid's"):
        train_extractor("segmentation", [things], tmp_path / "x")
    with pytest.raises(ValueError, match="data must hold labelled images to score on: CamVid's val or test, or COCO"):
        score_extractor("segmentation", [])
    with pytest.raises(ValueError, match=r"must hold captions\.txt \(Flickr8k\) or annotations/"):
        find_captions([street])
    with pytest.raises(ValueError, match="data must name a folder in Flickr8k's layout"):
        find_captions([things])
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    monkeypatch.delitem(sys.modules, "semcomm.training.extractor_modules", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'semcomm\[train\]'"):
        train_extractor("caption", [flickr], tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_overlap_loss_is_one_less_the_mean_soft_iou_of_the_classes_that_occur():
    """Pixels of classes 0, 0, 1 and one unknown; class 2 never occurs and only takes from the others."""
    from semcomm.training.extractor_modules import overlap_loss

    likely = torch.tensor([[0.5, 0.25, 0.25], [0.75, 0.0625, 0.1875], [0.125, 0.5, 0.375], [0.0625, 0.0625, 0.875]])
    logits = likely.log().T.reshape(1, 3, 2, 2)
    labels = torch.tensor([[[0, 0], [1, IGNORED]]])
    # Class 0: hits 0.5 + 0.75, likely 1.375, true 2. Class 1: hits 0.5, likely 0.8125, true 1.
    expected = 1 - (1.25 / (1.375 + 2 - 1.25) + 0.5 / (0.8125 + 1 - 0.5)) / 2
    assert overlap_loss(logits, labels).item() == pytest.approx(expected, abs=1e-6)

    sure = 60 * torch.nn.functional.one_hot(torch.tensor([[[0, 0], [1, 2]]]), 3).movedim(3, 1).float()
    assert overlap_loss(sure, labels).item() == pytest.approx(0, abs=1e-6)
    # All as class 0: its soft IoU is 2 / 3, that of class 1 is 0. Over the batch, not image by image.
    wrong = 60 * torch.tensor([1.0, 0.0, 0.0])[None, :, None, None].expand(2, 3, 1, 2)
    assert overlap_loss(wrong, labels.reshape(2, 1, 2)).item() == pytest.approx(1 - (2 / 3 + 0) / 2, abs=1e-6)

    nothing = torch.zeros(1, 3, 2, 2, requires_grad=True)
    loss = overlap_loss(nothing, torch.full((1, 2, 2), IGNORED))
    loss.backward()
    assert (loss.item(), nothing.grad.abs().sum().item()) == (0, 0)


def test_rare_classes_are_drawn_more_often():
    """A class in a hundredth of the images where a quarter is often: sqrt(25) times as often; void is no class."""
    labels = [torch.tensor([[0, 3]])] * 30 + [torch.tensor([[0, 8]])] + [torch.tensor([[0, IGNORED]])] * 69
    weights = sampling_weights(labels, often=0.25)
    assert weights[:30] == [1.0] * 30
    assert weights[30] == 5
    assert weights[31:] == [1.0] * 69


def test_flickrs_photographs_are_split_for_the_segmenter_as_for_the_captioner(flickr, tmp_path):
    for path in (flickr / "images").iterdir():
        save(tmp_path / "maps" / f"{path.stem}.png", np.zeros((30, 40)))
    found = find_labelled([], [(flickr / "images", tmp_path / "maps")])
    captions = find_captions([flickr])
    whole = found.train["maps"].dataset
    for several, subset in ((captions.train, found.train["maps"]), (captions.validation, found.validation[0])):
        assert {sample.path for sample in several} == {whole.images[i] for i in subset.indices}


def test_the_sampler_draws_by_weight_and_repeats_itself():
    sampler = SeededSampler([3, 1, 0], 40, seed=5)
    first = list(sampler)
    indices = [index for index, _ in first]
    assert (len(sampler), indices.count(0), indices.count(1)) == (40, 30, 10)
    assert len({seed for _, seed in first}) == 40
    assert list(SeededSampler([3, 1, 0], 40, seed=5)) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(SeededSampler([3, 1, 0], 40, seed=6)) != first
    augmented = SeededAugmentation([10, 20], lambda sample, generator: sample + torch.rand((), generator=generator))
    assert len(augmented) == 2
    assert augmented[1, 7] == augmented[1, 7] != augmented[1, 8]
    with pytest.raises(ValueError, match="weights must hold one number per sample, got none"):
        SeededSampler([], 4, seed=0)
    with pytest.raises(ValueError, match="length must be an integer of at least 1, got 0"):
        SeededSampler([1], 0, seed=0)


@pytest.mark.parametrize("zoom", [(0.3, 0.5), (0.8, 1.2), (3, 4)])
def test_crops_keep_labels_on_their_pixels(zoom):
    """Pictures whose colour is their label: wherever a crop shows it away from an edge, the label says so."""
    labels = torch.zeros(40, 60, dtype=torch.uint8)
    labels[10:30, 20:50] = 1
    image = (labels * 200)[None].expand(3, -1, -1).contiguous()
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        crop, cut = random_crop(image, (24, 32), zoom=zoom, generator=generator, labels=labels)
        assert crop.shape == (3, 24, 32)
        assert cut is not None
        assert cut.shape == (24, 32)
        assert set(cut.unique().tolist()) <= {0, 1, IGNORED}
        sure = (crop[0] < 0.05) | (crop[0] > 0.75)
        known = sure & (cut != IGNORED)
        assert known.any()
        assert ((crop[0] > 0.5) == (cut == 1))[known].float().mean() > 0.97


def test_colours_change_with_strength_only():
    image = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    still = jitter_colours(image, strength=0, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(still, image)
    changed = jitter_colours(image, strength=0.4, generator=torch.Generator().manual_seed(1))
    assert not torch.allclose(changed, image, atol=0.01)
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_a_manifest_changes_with_content_and_name_but_not_with_place(tmp_path):
    for place in ("here", "there"):
        (tmp_path / place / "data").mkdir(parents=True)
        (tmp_path / place / "data" / "a.txt").write_text("a")
    here, there = (tmp_path / place / "data" for place in ("here", "there"))
    first = describe_files(here, "coco", 1, [here / "a.txt"])
    assert first == describe_files(there, "coco", 1, [there / "a.txt"])
    (there / "a.txt").write_text("b")
    assert describe_files(there, "coco", 1, [there / "a.txt"])["sha256"] != first["sha256"]
