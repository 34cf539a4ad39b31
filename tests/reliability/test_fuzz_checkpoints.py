"""Damaged and hostile checkpoints: loaded, or refused with one error that names the file; no code in them ever runs."""

import io
import json
import pickle
import shutil
import struct
from functools import partial

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from reliability.mutations import damaged, misfilled, misfilled_text
from reliability.outcomes import attempt, cases
from safetensors.torch import save
from toys import rand_images, seeded, settle, small_system

from semcomm import build_deep_jscc, from_pretrained
from semcomm.extractors.lite import load_lite, save_lite
from semcomm.extractors.lite_captioner import MARKERS, build_lite_captioner
from semcomm.extractors.lite_segmenter import build_lite_segmenter
from semcomm.extractors.vocabulary import read_vocabulary
from semcomm.files.tensors import read_safetensors, read_state_dict

AREA = "checkpoints"


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    """Folders of two small systems."""
    folder = tmp_path_factory.mktemp("systems")
    settle(small_system(3, 4, snr_adaptive=True)).save_pretrained(folder / "mlsc")
    build_deep_jscc(complex_channels=2, device="cpu").save_pretrained(folder / "jscc")
    return [folder / "mlsc", folder / "jscc"]


@pytest.fixture(scope="module")
def extractors(tmp_path_factory):
    """Folders of two small extractors."""
    folder = tmp_path_factory.mktemp("extractors")
    small = {"channels": (4,) * 8, "features": 4}
    captioner = build_lite_captioner((*MARKERS, "a", "dog"), description=4, embedding=4, hidden=4, length=6, **small)
    save_lite(captioner, folder / "caption")
    segmenter = build_lite_segmenter(["sky", "road"], [[90, 180, 230], [90, 90, 90]], width=6, known=(0, 1), **small)
    save_lite(segmenter, folder / "segmentation")
    return [folder / "caption", folder / "segmentation"]


def header_damaged(content, random):
    """Change a safetensors file's header, and its length with it, so that only its meaning is wrong."""
    size = struct.unpack("<Q", content[:8])[0]
    header = json.dumps(misfilled(json.loads(content[8 : 8 + size]), random), allow_nan=True).encode()
    return struct.pack("<Q", len(header)) + header + content[8 + size :]


def hostile(random, mark):
    """A file that would run code if it were unpickled."""
    content = [Bomb(mark), {"weight": torch.zeros(3), "bomb": Bomb(mark)}, {"state_dict": {"bomb": Bomb(mark)}}]
    bomb = content[int(random.integers(3))]
    file = io.BytesIO()
    match int(random.integers(3)):
        case 0:
            torch.save(bomb, file)
        case 1:
            torch.save(bomb, file, _use_new_zipfile_serialization=False)
        case 2:
            return pickle.dumps(bomb, protocol=int(random.integers(6)))
    return file.getvalue()


def fuzz_folders(folders, load, folder, count, seed):
    mark = folder / "code-ran"
    for number in cases(count, seed):
        random = np.random.default_rng(number)
        original = folders[number[1] % len(folders)]
        broken = folder / "broken"
        shutil.copytree(original, broken)
        weights, config = broken / "model.safetensors", broken / "config.json"
        naming = "model.safetensors"
        match int(random.integers(6)):
            case 0:
                weights.write_bytes(damaged(weights.read_bytes(), random))
            case 1:
                weights.write_bytes(header_damaged(weights.read_bytes(), random))
            case 2:
                weights.write_bytes(hostile(random, mark))
            case _:
                config.write_bytes(misfilled_text(json.loads(config.read_text()), random))
                naming = None  # the builder's error names the argument
        loaded = attempt(AREA, partial(load, broken), case=f"{number} of {original.name}", naming=naming)
        if loaded is not None:
            attempt(AREA, partial(use, loaded), case=f"{number} of {original.name}, used")
        shutil.rmtree(broken)
    assert not mark.exists()


def use(loaded):
    images = rand_images(1, 16, 16)
    if hasattr(loaded, "transmit"):
        return loaded.transmit(images, 10.0, generator=seeded())
    return loaded.generate(images) if hasattr(loaded, "generate") else loaded.segment(images)


def load_system(folder):
    return from_pretrained(folder, device="cpu")


def fuzz_files(folder, count, seed):
    """State dicts in every kind of file that `read_state_dict` takes."""
    mark, path = folder / "code-ran", folder / "weights.ckpt"
    state = {"module.weight": torch.arange(6.0).reshape(2, 3), "module.bias": torch.zeros(2)}
    zipped, legacy = io.BytesIO(), io.BytesIO()
    torch.save({"state_dict": state, "epoch": 3}, zipped)
    torch.save(state, legacy, _use_new_zipfile_serialization=False)
    wholes = [zipped.getvalue(), legacy.getvalue(), save(state)]
    for number in cases(count, seed):
        random = np.random.default_rng(number)
        whole = wholes[number[1] % 3]
        content = hostile(random, mark) if random.integers(4) == 0 else damaged(whole, random)
        if random.integers(3) == 0:
            content = damaged(content, random)
        path.write_bytes(content)
        for read in (read_state_dict, read_safetensors):
            found = attempt(AREA, partial(read, path), case=f"{number}, {read.__name__}", naming=str(path))
            assert found is None or all(isinstance(value, torch.Tensor) for value in found.values())
    assert not mark.exists()


def fuzz_vocabularies(folder, count, seed):
    words = ["<pad>", "<start>", "<end>", "<unk>", "dog", "hänger"]
    for number in cases(count, seed):
        random = np.random.default_rng(number)
        path = folder / ("words.json" if number[1] % 2 else "words.txt")
        path.write_bytes(misfilled_text(words, random))
        found = attempt(AREA, partial(read_vocabulary, path), case=f"vocabulary {number}", naming=str(path))
        assert found is None or all(isinstance(word, str) for word in found)


def test_damaged_systems_load_or_are_refused(systems, tmp_path):
    fuzz_folders(systems, load_system, tmp_path, 120, seed=0)


def test_damaged_extractors_load_or_are_refused(extractors, tmp_path):
    fuzz_folders(extractors, load_lite, tmp_path, 60, seed=0)


def test_damaged_files_of_any_kind_load_or_are_refused(tmp_path):
    fuzz_files(tmp_path, 100, seed=0)
    fuzz_vocabularies(tmp_path, 50, seed=0)


@pytest.mark.slow
def test_thousands_of_damaged_checkpoints_load_or_are_refused(systems, extractors, tmp_path):
    fuzz_folders(systems, load_system, tmp_path, 2500, seed=1)
    fuzz_folders(extractors, load_lite, tmp_path, 1000, seed=1)
    fuzz_files(tmp_path, 2500, seed=1)
    fuzz_vocabularies(tmp_path, 500, seed=1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["l", "t", "image_size", "caption", "segmentation", "width", "norm", "power", "text_rank"])


@hypothesis.settings(max_examples=25)
@hypothesis.given(changes=st.dictionaries(names | st.text(max_size=6), json_values, min_size=1, max_size=3))
def test_arguments_of_any_kind_are_taken_or_refused(systems, tmp_path, changes):
    broken = tmp_path / "broken"
    shutil.copytree(systems[0], broken, dirs_exist_ok=True)
    config = json.loads((broken / "config.json").read_text())
    config["arguments"] |= changes
    (broken / "config.json").write_text(json.dumps(config))
    attempt(AREA, lambda: load_system(broken), case=f"arguments {changes}")


def test_huge_numbers_cost_neither_time_nor_memory(systems, tmp_path):
    for name in ("l", "t", "width", "image_size", "text_rank"):
        for value in (2**16, 2**20, 2**63, 10**40, -(10**40), 1e308, [2**40, 2**40]):
            broken = shutil.copytree(systems[0], tmp_path / "broken")
            config = json.loads((broken / "config.json").read_text())
            config["arguments"][name] = value
            (broken / "config.json").write_text(json.dumps(config))
            assert attempt(AREA, partial(load_system, broken), case=f"{name} = {value}") is None or value == 2**16
            shutil.rmtree(broken)


def test_a_state_dict_wrapped_in_itself_is_refused(tmp_path):
    content = {"weight": torch.zeros(2)}
    content["state_dict"] = {"state_dict": content}
    torch.save(content, tmp_path / "weights.pt")
    assert attempt(AREA, lambda: read_state_dict(tmp_path / "weights.pt"), case="wrapped in itself") is None
