"""Files that run without the package compute what the system computes."""

import importlib.util
import json

import numpy as np
import pytest
import torch
from toys import caption_feature, rand_images, segmentation_feature, settle

from semcomm import SemanticSystem, build_deep_jscc, build_linear_code, build_mlsc_image
from semcomm.export import export_system
from semcomm.images import pad_to_multiple

ort = pytest.importorskip("onnxruntime", reason="needs the extra export")


def full_system():
    """Both semantic levels, told the SNR; its parts are settled, so that batch normalisation and gates do something."""
    levels = {"caption": caption_feature(), "segmentation": segmentation_feature()}
    return settle(build_mlsc_image(3, 4, image_size=16, width=4, snr_adaptive=True, device="cpu", **levels))


def run_file(path, **inputs):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (made,) = session.run(None, {name: np.asarray(value) for name, value in inputs.items()})
    return torch.from_numpy(made)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    system = full_system()
    return system, folder, export_system(system, folder, to="onnx", name="mine")


@pytest.mark.parametrize("size", [(8, 12), (20, 17), (35, 64)])
def test_a_file_sends_and_receives_as_the_system_does(exported, size):
    system, folder, said = exported
    images, snr_db = rand_images(3, *size), torch.tensor([1.0, 7.0, 15.0])
    found = system.extract(images)
    expected = system.encode(images, snr_db, semantics=found)
    padded = pad_to_multiple(images, said["downsampling"])
    labels = pad_to_multiple(found.labels[:, None].float(), said["downsampling"])[:, 0].long()
    sent = run_file(folder / "transmitter.onnx", images=padded, snr_db=snr_db, tokens=found.tokens, labels=labels)
    assert sent.shape == (3, expected.shape[1], 2)
    assert torch.allclose(torch.view_as_complex(sent), expected, atol=1e-4)
    assert sent.square().sum(2).mean(1).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    rows, columns = padded.shape[2] // said["downsampling"], padded.shape[3] // said["downsampling"]
    assert sent.shape[1] == said["complex_channels"] * rows * columns
    planes = sent.reshape(3, said["complex_channels"], rows, columns, 2)
    received = run_file(folder / "receiver.onnx", symbols=planes, snr_db=snr_db)[:, :, : size[0], : size[1]]
    assert torch.allclose(received, system.decode(expected, size, snr_db), atol=1e-4)


def test_the_json_says_how_to_use_the_files(exported):
    _, folder, said = exported
    assert json.loads((folder / "system.json").read_text()) == said
    assert (said["system"], said["downsampling"], said["complex_channels"]) == ("mine", 4, 10)
    assert said["channel_uses"].startswith("k = 10 * ceil(h / 4) * ceil(w / 4)")
    assert list(said["transmitter"]["inputs"]) == ["images", "snr_db", "tokens", "labels"]
    assert sorted(path.name for path in folder.iterdir()) == ["receiver.onnx", "system.json", "transmitter.onnx"]
    assert 0 <= said["largest_difference"] <= 1e-4


def test_torchs_own_programs_do_the_same(tmp_path):
    system = build_deep_jscc(complex_channels=2, device="cpu")
    said = export_system(system, tmp_path, to="torch")
    programs = {part: torch.export.load(tmp_path / name).module() for part, name in said["files"].items()}
    images = rand_images(1, 24, 36)
    sent = programs["transmitter"](images=images, snr_db=torch.zeros(1))
    assert torch.allclose(torch.view_as_complex(sent), system.encode(images), atol=1e-5)
    received = programs["receiver"](symbols=sent.reshape(1, 2, 6, 9, 2), snr_db=torch.zeros(1))
    assert torch.allclose(received, system.decode(system.encode(images), (24, 36)), atol=1e-5)


def test_what_is_no_graph_is_refused_and_nothing_is_written(tmp_path, codebook):
    linear = build_linear_code(codebook=codebook)
    with pytest.raises(ValueError, match="HybridTransmitter cannot be exported.*build_mlsc_image and build_deep_jscc"):
        export_system(linear, tmp_path, to="torch")
    with pytest.raises(ValueError, match="to must be one of onnx, torch, got 'tflite'"):
        export_system(build_deep_jscc(complex_channels=1, device="cpu"), tmp_path, to="tflite")
    assert not list(tmp_path.iterdir())


class Reads(torch.nn.Module):
    """A transmitter that looks at values, which a graph cannot."""

    complex_channels, downsampling = 1, 4

    def symbols_per_image(self, height, width):
        return height * width // 16

    def forward(self, images, snr_db=None, *, semantics=None):  # noqa: ARG002
        scale = 2.0 if float(images.mean()) > 0.5 else 1.0
        return scale * torch.complex(images[:, 0, ::4, ::4], images[:, 1, ::4, ::4]).flatten(1)


def test_a_part_that_looks_at_values_is_named(tmp_path):
    jscc = build_deep_jscc(complex_channels=1, device="cpu")
    mine = SemanticSystem(Reads(), jscc.channel, jscc.receiver)
    with pytest.raises(ValueError, match="TransmitterGraph cannot be exported: "):
        export_system(mine, tmp_path, to="torch")
    assert not list(tmp_path.iterdir())


def test_files_that_compute_something_else_are_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr("semcomm.export._run_torch", lambda content: lambda inputs: torch.tensor(9.0))  # noqa: ARG005
    with pytest.raises(ValueError, match="exported files differ by .* from the system, more than 0.0001"):
        export_system(build_deep_jscc(complex_channels=1, device="cpu"), tmp_path, to="torch")
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_one_clear_error(refused, monkeypatch, tmp_path, model):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == "onnxscript" else find(name))
    error = refused("export", model, "--to", "onnx", "--out", tmp_path / "out")
    assert "exporting to ONNX needs onnxscript: pip install 'semcomm[export]'" in error


def test_the_command_writes_and_says_what_it_checked(run, model, tmp_path):
    code, out, err = run("export", model, "--to", "torch", "--out", "files")
    assert code == 0, err
    assert "wrote files/transmitter.pt2" in out
    assert "checked at three sizes: symbols and images differ by" in out
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == [
        "receiver.pt2", "system.json", "transmitter.pt2"
    ]  # fmt: skip


def test_the_command_names_the_option(refused, model):
    assert "Invalid value for '--to'" in refused("export", model, "--to", "tflite", "--out", "o")
    assert "Missing option '--out'" in refused("export", model, "--to", "onnx")
    assert "no trained system 'nope'" in refused("export", "nope", "--to", "onnx", "--out", "o")
