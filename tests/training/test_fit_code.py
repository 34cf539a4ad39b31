"""Fitting: what comes out is what was put in, the same every time; too little is refused."""

import json

import numpy as np
import pytest
import torch
from tiny_codebook import TINY, write_photographs

from semcomm.training import fit_code as module
from semcomm.training.fit_code import fit_code, stages
from semcomm.transmitter.codebook import load_codebook


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_photographs(tmp_path_factory.mktemp("photographs"), 24)


def test_books_are_those_asked_for(codebook):
    assert [book.name for book in codebook.books] == ["coarse-1", "coarse-3", "fine-3"]
    assert [book.textures.classes for book in codebook.books] == [1, 3, 3]
    assert codebook.block == 16


def test_variances_fall_and_shares_add_up(codebook):
    for book in codebook.books:
        assert bool((book.textures.log_variance.diff(dim=1) <= 0).all())
        assert float(book.textures.log_prior.exp().sum()) == pytest.approx(1, abs=1e-4)


def test_common_components_have_the_variances_that_are_said(codebook, folder):
    """Energy of the photographs that it was fitted on, in dB over bands."""
    from semcomm.files.pictures import load_image
    from semcomm.images import to_float
    from semcomm.transmitter.blocks import to_blocks

    pictures = torch.stack([to_float(load_image(path)) for path in sorted(folder.iterdir())])
    components = codebook.common.components(to_blocks(pictures, 16).flatten(0, 2))
    measured = components.square().mean(0)
    said = torch.exp2(codebook.common.log_variance / 8)
    for band in (slice(0, 1), slice(1, 10), slice(10, 60), slice(60, 200)):
        ratio = float(measured[band].mean() / said[band].mean())
        assert abs(10 * np.log10(ratio)) < 0.5


def test_more_classes_code_better(codebook, folder):
    """Cheaper per block than one class, over the photographs."""
    from semcomm.files.pictures import load_image
    from semcomm.images import to_float
    from semcomm.transmitter.blocks import to_blocks

    picture = to_float(load_image(folder / "3.png"))[None]
    components = codebook.common.components(to_blocks(picture, 16).flatten(0, 2))
    known = module._known(codebook.common, components.unflatten(0, (10, 12)), -9)
    one, three = (book.textures.coding_costs(components, known).amin(1).mean() for book in codebook.books[:2])
    assert three < one


def test_progress_says_every_stage(folder):
    said = []
    fit_code(folder, levels=TINY[:1], progress=said.append)
    assert len(said) == stages(TINY[:1]) == 4
    assert said[0] == "reading 24 photographs"
    assert said[-1] == "counting sketches"


def test_the_same_seed_fits_the_same_code(codebook, folder):
    again = fit_code(folder, levels=TINY)
    for one, other in zip(again.books, codebook.books, strict=True):
        assert torch.equal(one.textures.log_variance, other.textures.log_variance)
    assert torch.equal(again.tables.counts, codebook.tables.counts)


def test_a_level_with_more_classes_splits_those_before(folder):
    """Each class once, the largest first, by what its blocks cost; and more classes code better."""
    coarse = module.Level("coarse", 1.5, 7e-3, 48, (2,), (-24, 8), 1)
    fine = module.Level("fine", 0.5, 1e-3, 64, (2, 3), (0, 40), 1)
    books = fit_code(folder, levels=(coarse, fine)).books
    assert [book.textures.classes for book in books] == [2, 2, 3]
    components = torch.randn(600, 384, generator=torch.Generator().manual_seed(0)) * torch.linspace(2, 0.1, 384)
    labels = (torch.arange(600) >= 400).long()  # 400 and 200 blocks
    known = torch.ones(600, 161)
    split = module._split(components, known, labels, 3, fine)
    assert torch.bincount(split).tolist() == [200, 200, 200]
    assert torch.equal(split[400:], labels[400:])
    energy = components.square().sum(1)[:400]
    assert energy[split[:400] == 2].mean() > energy[split[:400] == 0].mean()
    assert torch.bincount(module._split(components, known, labels, 5, fine)).amin() >= 100


def test_too_few_photographs_are_refused(tmp_path):
    write_photographs(tmp_path, 3)
    with pytest.raises(ValueError, match="data must hold at least 8 photographs to fit a code, got 3"):
        fit_code(tmp_path)


def test_too_few_blocks_are_refused(tmp_path):
    write_photographs(tmp_path, 8, height=64, width=64)
    with pytest.raises(ValueError, match="at least 2304 blocks of 16 x 16 pixels for 3 classes, got 128"):
        fit_code(tmp_path, levels=TINY)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        fit_code(tmp_path / "nowhere")


def test_the_command_writes_a_codebook_and_a_record(run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LEVELS", TINY[:1])
    monkeypatch.setattr(module.fit_code, "__kwdefaults__", module.fit_code.__kwdefaults__ | {"levels": TINY[:1]})
    monkeypatch.setattr(module.stages, "__defaults__", (TINY[:1],))
    code, out, err = run("fit-code", folder, "--out", "mine.safetensors", "--json", "mine.json")
    assert code == 0, err
    assert "wrote mine.safetensors: 2 books of 24 photographs" in out
    assert "4/4 counting sketches" in err
    assert len(load_codebook(tmp_path / "mine.safetensors").books) == 2
    record = json.loads((tmp_path / "mine.json").read_text())
    assert record["photographs"] == 24
    assert len(record["manifest_sha256"]) == 64


def test_the_command_refuses_too_few(refused, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    write_photographs(few, 2)
    assert "at least 8 photographs" in refused("fit-code", few, "--out", "mine.safetensors")
    assert "nowhere" in refused("fit-code", "nowhere", "--out", "mine.safetensors")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused(refused, folder, tmp_path):
    message = "--device must be cpu here, got cuda: torch finds no GPU"
    assert message in refused("fit-code", folder, "--out", "mine.safetensors", "--device", "cuda")
    assert not (tmp_path / "mine.safetensors").exists()
