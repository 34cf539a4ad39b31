"""The builders of the hybrid code: saved and loaded, with the package's codebook or one's own; bad ones refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_codebook import dead_leaves, gaussian_codebook
from toys import seeded

from semcomm import build_hybrid_code, build_linear_code, build_nested_mlsc_image, from_pretrained
from semcomm.transmitter.codebook import load_codebook

BUILDERS = {
    "linear": build_linear_code,
    "hybrid": build_hybrid_code,
    "nested": lambda **given: build_nested_mlsc_image(width=4, caption=None, segmentation=None, **given).eval(),
}


@pytest.fixture(scope="module")
def image():
    return dead_leaves(80, 96, 7)[None]


def same(one, other, image):
    options = {"channel_uses": 1400}
    first, second = (system.transmit(image, 9.0, generator=seeded(), **options) for system in (one, other))
    return torch.equal(first.images, second.images) and torch.equal(first.symbols, second.symbols)


@pytest.mark.parametrize("name", BUILDERS)
def test_systems_with_a_codebook_of_ones_own_come_back(name, codebook, image, tmp_path):
    system = BUILDERS[name](codebook=codebook, device="cpu")
    system.save_pretrained(tmp_path / "mine")
    files = {path.name for path in (tmp_path / "mine").iterdir()} - {"README.md"}
    weights = {"model.safetensors"} if name == "nested" else set()
    assert files == {"config.json", "codebook.safetensors"} | weights
    assert same(from_pretrained(tmp_path / "mine", device="cpu"), system, image)


@pytest.mark.parametrize("name", BUILDERS)
def test_systems_with_the_packages_codebook_do_not_copy_it(name, tmp_path):
    BUILDERS[name](device="cpu").save_pretrained(tmp_path / "mine")
    assert not (tmp_path / "mine" / "codebook.safetensors").exists()
    assert from_pretrained(tmp_path / "mine", device="cpu").transmitter.codebook.block == 16


def test_weights_of_nested_systems_come_back(codebook, image, tmp_path):
    system = BUILDERS["nested"](codebook=codebook, device="cpu")
    with torch.no_grad():
        for weight in system.parameters():
            weight += 0.02 * torch.randn(weight.shape, generator=seeded())
    system.save_pretrained(tmp_path / "mine")
    assert same(from_pretrained(tmp_path / "mine", device="cpu"), system, image)
    assert not same(BUILDERS["nested"](codebook=codebook, device="cpu"), system, image)


def test_without_a_name_nested_mlsc_image_is_loaded():
    assert from_pretrained(device="cpu").config["builder"] == "build_nested_mlsc_image"


def test_a_configuration_cannot_name_files_elsewhere(codebook, tmp_path):
    build_linear_code(codebook=codebook, device="cpu").save_pretrained(tmp_path / "mine")
    config = json.loads((tmp_path / "mine" / "config.json").read_text())
    config["arguments"]["codebook"] = "../codebook.safetensors"
    (tmp_path / "mine" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="must name its codebook 'codebook.safetensors'"):
        from_pretrained(tmp_path / "mine", device="cpu")


@pytest.fixture
def file(codebook, tmp_path):
    codebook.save(tmp_path / "codebook.safetensors")
    return tmp_path / "codebook.safetensors"


def test_a_codebook_is_a_file_or_the_thing_itself(codebook, file, image):
    of_file = build_hybrid_code(codebook=file, device="cpu")
    assert same(build_hybrid_code(codebook=str(file), device="cpu"), of_file, image)
    assert same(build_hybrid_code(codebook=codebook, device="cpu"), of_file, image)


def test_a_file_holds_integers_and_halves_that_come_back(codebook, file):
    again = load_codebook(file)
    assert torch.equal(again.tables.counts, codebook.tables.counts)
    assert [book.name for book in again.books] == [book.name for book in codebook.books]
    for one, other in zip(again.books, codebook.books, strict=True):
        assert torch.equal(one.textures.transform, other.textures.transform)
        assert torch.equal(one.textures.log_variance, other.textures.log_variance)
        assert torch.equal(one.map_counts, other.map_counts)


def test_a_damaged_file_is_refused(file):
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match="truncated or no safetensors file"):
        build_linear_code(codebook=file)


@pytest.mark.parametrize("name", ["common.mean", "tables.counts", "books.0.coarse-1.transform"])
def test_a_file_with_a_part_missing_is_refused(file, name):
    tensors = load_file(file)
    del tensors[name]
    save_file(tensors, file)
    with pytest.raises(ValueError, match="holds no codebook: .*make one with semcomm fit-code"):
        build_linear_code(codebook=file)


@pytest.mark.parametrize("name", ["tables.expected", "books.1.coarse-3.map_counts", "books.1.coarse-3.transform"])
def test_a_file_with_a_part_of_another_shape_is_refused(file, name):
    tensors = load_file(file)
    tensors[name] = tensors[name][..., :-1].contiguous()
    save_file(tensors, file)
    with pytest.raises(ValueError, match="holds no codebook"):
        build_linear_code(codebook=file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights: .*none.safetensors is missing"):
        build_hybrid_code(codebook=tmp_path / "none.safetensors")


@pytest.mark.parametrize("build", [build_linear_code, build_hybrid_code, build_nested_mlsc_image])
def test_a_codebook_of_another_t_is_refused(build):
    with pytest.raises(ValueError, match="t must be 16, the block of the codebook, got 8"):
        build(t=8)
    with pytest.raises(ValueError, match="t must be 8, the block of the codebook, got 16"):
        build(codebook=gaussian_codebook([0] * 16, block=8))


def test_a_codebook_of_another_type_is_refused():
    with pytest.raises(TypeError, match="codebook must be a Codebook, a file or None, got int"):
        build_hybrid_code(codebook=3)


@pytest.mark.parametrize("l", [1, 22, 2.5])
def test_a_level_out_of_range_is_refused(l):  # noqa: E741
    with pytest.raises(ValueError, match="l must be an integer from 2 to 21"):
        build_nested_mlsc_image(l)
