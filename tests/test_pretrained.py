"""Systems on disk: what is saved comes back, and what is shipped is as recorded."""

import json
import math
from unittest import mock

import huggingface_hub
import huggingface_hub.hub_mixin
import numpy as np
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file, save_file
from toys import (
    PhaseFlip,
    caption_feature,
    rand_images,
    same,
    seeded,
    segmentation_feature,
    semantic_system,
    settle,
    small_system,
)

from semcomm import (
    AWGNChannel,
    SemanticSystem,
    build_deep_jscc,
    build_hybrid_code,
    build_mlsc_image,
    from_pretrained,
    list_pretrained,
)
from semcomm.files.tensors import read_safetensors
from semcomm.pretrained import SHIPPED

GOLDEN_SNR_DB, GOLDEN_SEED = 10.0, 0
TOLERANCE = 1e-3


# What is shipped


def golden_input():
    """A 64 x 72 picture that is a formula of the position alone: two ramps, rings, a square."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(72.0), indexing="ij")
    rings = 0.5 + 0.5 * torch.cos(((x - 30) ** 2 + (y - 24) ** 2) / 90)
    square = ((x >= 44) & (x < 62) & (y >= 36) & (y < 54)).float()
    red, green, blue = x / 71, 0.7 * y / 63 + 0.3 * square, rings * (1 - square)
    return torch.stack([red, green, blue])[None]


@torch.no_grad()
@mock.patch("semcomm.receiver.hybrid.has_bf16", return_value=False)
def golden_output(system, _has_bf16):
    """What a system makes of `golden_input`, in float32: symbols, the image's mean and its central 4 x 4 pixels."""
    images = golden_input()
    symbols = system.encode(images, GOLDEN_SNR_DB)[0, :16]
    received = system(images, GOLDEN_SNR_DB, generator=torch.Generator().manual_seed(GOLDEN_SEED))[0]
    return {
        "input": "golden_input() of tests/test_pretrained.py: 64 x 72 pixels, two ramps, rings, a square",
        "snr_db": GOLDEN_SNR_DB,
        "seed": GOLDEN_SEED,
        "symbols": [[round(one.real, 5), round(one.imag, 5)] for one in symbols.tolist()],
        "image_mean": round(received.mean().item(), 5),
        "image_patch": received[:, 30:34, 34:38].double().mul(1e5).round().div(1e5).tolist(),
    }


@pytest.mark.parametrize("name", list_pretrained())
def test_shipped_system_reproduces_its_golden_output(name):
    golden = json.loads((SHIPPED / name / "golden.json").read_text())
    computed = golden_output(from_pretrained(name, device="cpu"))
    assert computed.keys() == golden.keys()
    assert (golden["snr_db"], golden["seed"]) == (GOLDEN_SNR_DB, GOLDEN_SEED)
    assert len(golden["symbols"]) == 16
    for figure in ("symbols", "image_mean", "image_patch"):
        np.testing.assert_allclose(computed[figure], golden[figure], rtol=0, atol=TOLERANCE, err_msg=figure)


@pytest.mark.parametrize("name", list_pretrained())
def test_shipped_folder_says_where_it_comes_from(name):
    folder = SHIPPED / name
    assert len((folder / "README.md").read_text()) > 200
    if not (folder / "model.safetensors").exists():  # nothing in it is trained
        assert not any(weight.requires_grad for weight in from_pretrained(name, device="cpu").parameters())
        return
    recipe = json.loads((folder / "training.json").read_text())
    assert recipe["system"] == {
        k: v for k, v in json.loads((folder / "config.json").read_text()).items() if k in ("builder", "arguments")
    }
    assert len(recipe["train_manifest_sha256"]) == 64
    assert recipe["training"]["seed"] >= 0
    assert recipe["steps"] >= 1
    assert "psnr" in json.dumps(recipe)


@pytest.mark.parametrize("name", list_pretrained())
def test_shipped_system_delivers_a_recognisable_photograph(name, photograph):
    system = from_pretrained(name, device="cpu")
    assert not system.training
    snrs_db = (-2.0, 4.0, 13.0, math.inf)  # the last, noise-free, is far beyond all that it was trained for
    quality = [system.transmit(photograph[None], snr, generator=seeded()).psnr_db.item() for snr in snrs_db]
    assert quality == sorted(quality)
    assert quality[-2] > 18  # a small crop, full of detail


def test_there_is_a_shipped_system_and_extractors_are_not_systems():
    assert "mlsc-image-l4-t8" in list_pretrained()
    for name in list_pretrained():
        assert "builder" in json.loads((SHIPPED / name / "config.json").read_text())


# There and back


@pytest.mark.parametrize("load", [from_pretrained, SemanticSystem.from_pretrained], ids=["function", "mixin"])
def test_a_saved_system_comes_back(saved, load):
    system, folder = saved
    assert {path.name for path in folder.iterdir()} >= {"config.json", "model.safetensors"}
    loaded = load(str(folder), device="cpu")
    assert isinstance(loaded, SemanticSystem)
    assert not loaded.training
    assert same(loaded, system)
    assert loaded.config == system.config


def test_the_configuration_is_readable(saved):
    config = json.loads((saved[1] / "config.json").read_text())
    assert config["builder"] == "build_mlsc_image"
    assert config["arguments"]["l"] == 3
    assert config["arguments"]["snr_adaptive"] is True
    assert config["channel"] == {"type": "awgn"}


def test_saving_a_loaded_system_writes_the_same_again(saved, tmp_path):
    from_pretrained(saved[1], device="cpu").save_pretrained(tmp_path / "again")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (saved[1] / name).read_bytes()


def test_deep_jscc_comes_back(tmp_path):
    system = build_deep_jscc(complex_channels=3, device="cpu").eval()
    system.save_pretrained(tmp_path)
    loaded = from_pretrained(tmp_path, device="cpu")
    assert same(loaded, system)


def test_arguments_that_json_cannot_hold_are_refused_before_a_folder_is_made(tmp_path):
    system = build_hybrid_code(caption=None, segmentation=None, safe_snr_db=torch.tensor([3.0]), device="cpu")
    with pytest.raises(ValueError, match=r"safe_snr_db cannot be saved: .* got tensor\(\[3\.\]\)"):
        system.save_pretrained(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_numbers_of_numpy_are_saved_as_numbers(tmp_path):
    whole = np.int64
    small = {"caption": None, "segmentation": None, "width": whole(4), "text_rank": whole(2), "device": "cpu"}
    build_mlsc_image(whole(2), whole(4), image_size=(whole(16), 16), **small).save_pretrained(tmp_path / "mlsc")
    assert from_pretrained(tmp_path / "mlsc", device="cpu").config["arguments"]["l"] == 2
    build_deep_jscc(complex_channels=whole(2), device="cpu").save_pretrained(tmp_path / "jscc")
    assert from_pretrained(tmp_path / "jscc", device="cpu").symbols_per_image(8, 8) == 8


def test_a_channel_of_ones_own_is_passed_again(tmp_path):
    system = small_system(channel=PhaseFlip()).eval()
    with pytest.warns(UserWarning, match="the channel, PhaseFlip, is not saved: from_pretrained gives AWGN"):
        system.save_pretrained(tmp_path)
    assert isinstance(from_pretrained(tmp_path, device="cpu").channel, AWGNChannel)
    for load in (from_pretrained, SemanticSystem.from_pretrained):
        assert same(load(tmp_path, channel=PhaseFlip(), device="cpu"), system)


def test_extractors_of_ones_own_stay_out_of_the_file_and_are_passed_again(tmp_path):
    system = settle(semantic_system())
    system.save_pretrained(tmp_path)
    names = load_file(tmp_path / "model.safetensors").keys()
    assert not [name for name in names if "captioner" in name or "segmenter" in name or name.startswith("channel")]
    own = {"caption": caption_feature(), "segmentation": segmentation_feature()}
    assert same(from_pretrained(tmp_path, **own, device="cpu"), system)
    for name in own:
        others = {other: feature for other, feature in own.items() if other != name}
        with pytest.raises(ValueError, match=f"trained with a {name} extractor of the user's own: pass {name}="):
            from_pretrained(tmp_path, **others, device="cpu")


def test_a_system_assembled_by_hand_has_no_configuration(tmp_path):
    parts = small_system()
    by_hand = SemanticSystem(parts.transmitter, AWGNChannel(), parts.receiver)
    with pytest.raises(ValueError, match="this system was assembled by hand.*semcomm.saveable"):
        by_hand.save_pretrained(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        small_system().save_pretrained(tmp_path / "file" / "folder")


def test_load_weights_reads_what_safetensors_wrote(tmp_path):
    weights = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([math.pi])}
    save_file(weights, tmp_path / "w.safetensors")
    loaded = read_safetensors(tmp_path / "w.safetensors")
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[name], value) for name, value in weights.items())


# The Hub, without a network


def test_a_repository_of_the_hub_is_fetched_file_by_file(saved, monkeypatch):
    asked = []

    def download(repo_id, filename, **options):
        asked.append((repo_id, filename, options["revision"]))
        return str(saved[1] / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub.hub_mixin, "hf_hub_download", download)
    assert same(from_pretrained("owner/name", device="cpu"), saved[0])
    assert asked == [("owner/name", "config.json", None), ("owner/name", "model.safetensors", None)]
    asked.clear()
    assert same(SemanticSystem.from_pretrained("owner/name", revision="v1", device="cpu"), saved[0])
    assert {revision for *_, revision in asked} == {"v1"}
    assert {file for _, file, _ in asked} == {"config.json", "model.safetensors"}


def test_a_revision_of_what_is_here_is_refused(saved):
    for here in ("mlsc-image-l2-t8", str(saved[1])):
        with pytest.raises(ValueError, match=f"revision must be None for what is not on the Hub, got 'v1' for {here}"):
            from_pretrained(here, revision="v1", device="cpu")


def test_a_repository_that_the_hub_does_not_deliver_is_one_clear_error(monkeypatch):
    def download(*_, **__):
        raise LocalEntryNotFoundError("no network here\nand a long story")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(
        FileNotFoundError, match=r"no trained system 'owner/name'.*mlsc-image-l4-t8.*\(no network here\)"
    ):
        from_pretrained("owner/name", device="cpu")


@pytest.mark.cuda
def test_a_saved_system_comes_back_on_a_gpu(saved):
    loaded = from_pretrained(saved[1])
    assert loaded.device.type == "cuda"
    images = rand_images(2, 18, 17)
    torch.testing.assert_close(
        loaded.encode(images.cuda(), 7.0).cpu(), saved[0].encode(images, 7.0), rtol=1e-2, atol=1e-2
    )
