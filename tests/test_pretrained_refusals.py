"""Systems on disk that are missing, damaged or dangerous: refused, and nothing in them is run."""

import json
import pickle
import shutil

import pytest
import torch
from toys import same

from semcomm import build_deep_jscc, from_pretrained


@pytest.mark.parametrize("name", ["no-such-system", "./nowhere", "/nowhere/at/all", "~/nowhere", "a/b/c", ""])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(FileNotFoundError, match=f"no (trained system {name!r}.*mlsc-image-l4-t8|configuration)"):
        from_pretrained(name, device="cpu")


def test_a_file_is_no_folder(saved):
    with pytest.raises(ValueError, match=r"model\.safetensors is a file; from_pretrained takes the folder"):
        from_pretrained(saved[1] / "model.safetensors", device="cpu")


@pytest.mark.parametrize(
    ("file", "message"), [("config.json", "no configuration"), ("model.safetensors", "no weights")]
)
def test_a_missing_file_is_named(saved, file, message):
    (saved[1] / file).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{message}: .*{file} is missing"):
        from_pretrained(saved[1], device="cpu")


@pytest.mark.parametrize("kept", [0, 3, 7, 8, 200, 0.5, -1])
def test_a_truncated_weights_file_is_refused(saved, kept):
    path = saved[1] / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(ValueError, match=r"model\.safetensors is truncated or no safetensors file"):
        from_pretrained(saved[1], device="cpu")


class Bomb:
    """Writes a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def write_torch_zip(value, path):
    torch.save(value, path)


def write_torch_legacy(value, path):
    torch.save(value, path, _use_new_zipfile_serialization=False)


def write_pickle(value, path, protocol=4):
    path.write_bytes(pickle.dumps(value, protocol=protocol))


def write_old_pickle(value, path):
    write_pickle(value, path, protocol=0)


@pytest.mark.parametrize("write", [write_torch_zip, write_torch_legacy, write_pickle])
def test_a_pickle_in_place_of_the_weights_is_refused_and_not_run(saved, tmp_path, write):
    mark = tmp_path / "code-ran"
    write({"weight": torch.zeros(3), "bomb": Bomb(mark)}, saved[1] / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors is a pickle, which could run code when loaded"):
        from_pretrained(saved[1], device="cpu")
    assert not mark.exists()


def test_the_bomb_would_go_off_if_it_were_unpickled(tmp_path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "code-ran"))).close()
    assert (tmp_path / "code-ran").exists()


def test_a_pickle_of_protocol_0_is_refused_and_not_run(saved, tmp_path):
    mark = tmp_path / "code-ran"
    write_old_pickle(Bomb(mark), saved[1] / "model.safetensors")
    with pytest.raises(ValueError, match=r"no safetensors file|is a pickle"):
        from_pretrained(saved[1], device="cpu")
    assert not mark.exists()


def test_no_pickle_is_looked_for_beside_the_weights(saved, tmp_path):
    mark = tmp_path / "code-ran"
    for name in ("pytorch_model.bin", "model.pt", "training_args.bin"):
        write_pickle(Bomb(mark), saved[1] / name)
    assert same(from_pretrained(saved[1], device="cpu"), saved[0])
    (saved[1] / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="no weights"):
        from_pretrained(saved[1], device="cpu")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 6}, r"belongs to another configuration.*wrong shape \d+: .* \(4\) instead of \(6\)"),
        ({"l": 4}, "belongs to another configuration than config.json beside it; missing "),
        ({"l": 2}, "belongs to another configuration than config.json beside it; unexpected "),
        ({"t": 8}, "belongs to another configuration"),
        ({"norm": "none"}, "unexpected .*norm.* and .* more"),
        ({"snr_adaptive": False}, "unexpected .*conditioning"),
    ],
)
def test_weights_of_another_configuration_are_refused(saved, change, message):
    path = saved[1] / "config.json"
    config = json.loads(path.read_text())
    config["arguments"] |= change
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        from_pretrained(saved[1], device="cpu")


def test_weights_of_another_architecture_are_refused(saved, tmp_path):
    build_deep_jscc(complex_channels=3, device="cpu").save_pretrained(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.safetensors", saved[1] / "model.safetensors")
    with pytest.raises(ValueError, match="belongs to another configuration.*missing .*; unexpected "):
        from_pretrained(saved[1], device="cpu")


ARGUMENTS = {"l": 2, "t": 4, "image_size": 16, "caption": None, "segmentation": None}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{not json", r"config\.json is no JSON file"),
        ("[1, 2]", r"config\.json must hold a JSON object, got list"),
        ('"text"', r"must hold a JSON object, got str"),
        ({}, r"describes no semcomm system: it needs a builder \(build_mlsc_image, build_deep_jscc, "),
        ({"builder": "os.system", "arguments": {}}, "describes no semcomm system"),
        ({"builder": "build_mlsc_image"}, "describes no semcomm system"),
        ({"builder": "build_mlsc_image", "arguments": [4, 8]}, "describes no semcomm system"),
        (
            {"builder": "build_mlsc_image", "arguments": ARGUMENTS | {"hidth": 3}},
            "arguments that build_mlsc_image does not",
        ),
        ({"builder": "build_mlsc_image", "arguments": {"l": 2}}, "arguments that build_mlsc_image does not take.*'t'"),
        (
            {"builder": "build_mlsc_image", "arguments": ARGUMENTS | {"l": 1}},
            "l must be an integer from 2 to 16, got 1",
        ),
        (
            {"builder": "build_mlsc_image", "arguments": ARGUMENTS, "channel": {"type": "satellite"}},
            "an unknown channel: .*satellite",
        ),
        (
            {"builder": "build_mlsc_image", "arguments": ARGUMENTS, "channel": "awgn"},
            "names an unknown channel: 'awgn'",
        ),
        (
            {"builder": "build_mlsc_image", "arguments": ARGUMENTS, "channel": {"type": "rayleigh"}},
            "a channel without coh",
        ),
    ],
)
def test_a_damaged_configuration_is_refused(saved, config, message):
    text = config if isinstance(config, str) else json.dumps(config)
    (saved[1] / "config.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        from_pretrained(saved[1], device="cpu")


def test_a_configuration_that_is_no_text_is_refused(saved):
    (saved[1] / "config.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ValueError, match=r"config\.json is no JSON file"):
        from_pretrained(saved[1], device="cpu")
