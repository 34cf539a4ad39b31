import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from semcomm.files.tensors import load_checked, read_safetensors, read_state_dict


class _Trap:
    """Unpickling this makes a file, as any code could."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def state():
    return {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.tensor([0.5, -0.5])}


def _same(read, state):
    return list(read) == list(state) and all(torch.equal(read[name], state[name]) for name in state)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", ["bare", "wrapped", "parallel"])
def test_pytorch_layouts(tmp_path, state, wrap, zipped):
    prefix = "module." if wrap == "parallel" else ""
    content = {f"{prefix}{name}": value for name, value in state.items()}
    if wrap != "bare":
        content = {"epoch": 3, "state_dict": content, "optimizer": {"lr": 0.1}}
    path = tmp_path / "file.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert _same(read_state_dict(path), state)


def test_safetensors_whatever_the_name(tmp_path, state):
    path = tmp_path / "file.pth"
    save_file({f"module.{name}": value for name, value in state.items()}, path)
    read = read_state_dict(str(path))
    assert _same({name: read[name] for name in state}, state)


@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_pickle_is_refused_and_never_run(tmp_path, save):
    path, made = tmp_path / "evil.pth", tmp_path / "made"
    save({"state_dict": _Trap(made)}, path)
    with pytest.raises(ValueError, match=r"evil\.pth' is refused.*safetensors"):
        read_state_dict(path)
    assert not made.exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.pth' is not there"):
        read_state_dict(tmp_path / "gone.pth")


@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.9])
def test_a_truncated_file_is_one_clear_error(tmp_path, kind, kept):
    path = tmp_path / "cut.file"
    state = {f"layer{i}.weight": torch.randn(40, 40) for i in range(20)}
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match=r"cut\.file'? is (truncated|refused)"):
        read_state_dict(path)


@pytest.mark.parametrize(
    "content", [b"hello, I am a text file\n" * 20, b"\x89PNG\r\n\x1a\n" + bytes(100), b"PK", b"\x80\x02."]
)
def test_another_file_is_one_clear_error(tmp_path, content):
    path = tmp_path / "photo.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"photo\.pth'? is"):
        read_state_dict(path)


def test_a_safetensors_header_may_begin_as_a_pickle_does(tmp_path):
    """One length in 32 has 0x80 as its lowest byte, which opens a pickle, too."""
    path = tmp_path / "model.safetensors"
    state = {"weight": torch.arange(3.0)}
    for padding in range(256):
        save_file(state, path, metadata={"padding": "x" * padding})
        if path.read_bytes()[:1] == b"\x80":
            break
    assert path.read_bytes()[:1] == b"\x80"
    assert torch.equal(read_state_dict(path)["weight"], state["weight"])
    assert torch.equal(read_safetensors(path)["weight"], state["weight"])


@pytest.mark.parametrize("content", [torch.zeros(3), [torch.zeros(3)], {}])
def test_tensors_without_names_are_no_state_dict(tmp_path, content):
    path = tmp_path / "list.pth"
    torch.save(content, path)
    with pytest.raises(ValueError, match=r"list\.pth' holds a \w+, required: a state dict"):
        read_state_dict(path)


def test_what_is_no_tensor_is_named(tmp_path):
    path = tmp_path / "mixed.pth"
    torch.save({"epoch": 3, "weights": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="holds no state dict: epoch should be tensors"):
        read_state_dict(path)


@pytest.mark.parametrize(
    "strange",
    [
        torch.eye(2).to_sparse(),
        torch.nested.nested_tensor([torch.ones(1), torch.ones(2)], layout=torch.jagged),
        torch.ones(2, dtype=torch.complex64),
        torch.empty(2, device="meta"),
    ],
    ids=["sparse", "nested", "complex", "meta"],
)
def test_tensors_that_no_weights_are_are_named(tmp_path, state, strange):
    torch.save(state | {"b.weight": strange}, tmp_path / "file.pth")
    with pytest.raises(ValueError, match=r"(holds tensors that no weights are, .*: b\.weight|cannot read it)$"):
        read_state_dict(tmp_path / "file.pth")


def test_loading_fills_the_network(state):
    network = nn.ModuleDict({"a": nn.Linear(3, 2)})
    load_checked(network, state, source="x.pth")
    assert _same(network.state_dict(), state)


def test_another_network_is_told_by_name():
    network = nn.ModuleDict({f"part{i:02}": nn.Linear(2, 2, bias=False) for i in range(15)})
    state = {f"other{i}": torch.zeros(1) for i in range(3)} | {"part00.weight": torch.zeros(2, 3)}
    with pytest.raises(ValueError, match=r"x\.pth' does not fit ModuleDict") as error:
        load_checked(network, state, source="x.pth")
    said = str(error.value)
    assert "missing 14: part01.weight, " in said
    assert said.count("part") == 10 + 1, "at most ten missing names, and one wrongly shaped"
    assert (
        "and 4 more; unexpected 3: other0, other1, other2; wrong shape 1: part00.weight (2, 3) instead of (2, 2)"
        in said
    )


def test_old_files_without_batch_counts_load():
    network = nn.BatchNorm2d(3)
    load_checked(
        network, {name: torch.full((3,), 2.0) for name in ("weight", "bias", "running_mean", "running_var")}, source="x"
    )
    assert network.running_var.tolist() == [2.0, 2.0, 2.0]
