"""The demo, on a crop and with a small system; once as users run it, marked slow."""

import time

import pytest
import torch
from PIL import Image
from toys import semantic_system

from semcomm.experiments import demo
from semcomm.files.pictures import load_image, save_image


@pytest.fixture
def small_demo(photograph, tmp_path, monkeypatch):
    save_image(photograph, tmp_path / "crop.png")
    system = semantic_system(3, 4).eval()
    monkeypatch.setattr(demo, "demo_photograph", lambda: tmp_path / "crop.png")
    monkeypatch.setattr(demo, "demo_system", lambda: system)
    return system


def test_the_photograph_is_the_one_that_matplotlib_ships():
    assert demo.demo_photograph().name == "grace_hopper.jpg"
    assert load_image(demo.demo_photograph()).shape == (3, 600, 512)


def test_the_picture_is_written_and_every_scheme_pays_what_it_says(small_demo, photograph, tmp_path):
    calls = []
    path, rows = demo.run_demo(tmp_path / "out", progress=lambda: calls.append(1))
    assert path == tmp_path / "out" / "demo.png"
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["demo.png"]
    with Image.open(path) as image:
        image.load()
        assert (image.format, image.width > 700) == ("PNG", True)
    ours, jpeg, avif = rows["nested MLSC-image"], rows["JPEG at capacity"], rows["AVIF at capacity"]
    k = small_demo.symbols_per_image(*photograph.shape[1:])
    assert {sent.symbols_per_image for sent in (*ours, *jpeg, *avif)} == {k}
    assert len(ours) == len(avif) == len(jpeg) == len(demo.SNRS_DB) == 5
    assert len(calls) == 15
    assert all(sent.images.shape == (1, *photograph.shape) for sent in (*ours, *jpeg, *avif))
    assert ours[0].captions is not None
    assert ours[0].labels.shape == (1, *photograph.shape[1:])
    measured = torch.cat([sent.measured_snr_db for sent in ours])
    # five standard deviations of a noise power measured on k symbols, in dB
    assert (measured - torch.tensor(demo.SNRS_DB)).abs().max() < 5 * 4.34 / k**0.5


def test_it_is_the_same_every_time(small_demo, tmp_path):  # noqa: ARG001
    first, rows = demo.run_demo(tmp_path / "first")
    torch.manual_seed(123)
    second, again = demo.run_demo(tmp_path / "second")
    assert first.read_bytes() == second.read_bytes()
    for scheme, sent in rows.items():
        assert all(torch.equal(a.images, b.images) for a, b in zip(sent, again[scheme], strict=True))


def test_a_folder_that_cannot_be_written_is_named(small_demo, tmp_path):  # noqa: ARG001
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="cannot write to folder .*file"):
        demo.run_demo(tmp_path / "file" / "out")


@pytest.mark.slow
def test_the_real_one_improves_with_the_snr_within_a_minute(tmp_path):
    started = time.perf_counter()
    path, rows = demo.run_demo(tmp_path)
    assert time.perf_counter() - started < 60
    ours = rows["nested MLSC-image"]
    quality = [sent.psnr_db.item() for sent in ours]
    assert quality == sorted(quality)
    assert quality[2] > 28
    assert not any(sent.lost.any() for sent in ours)
    for sent in ours:
        assert sent.received_captions == sent.captions
    small = sent.labels[:, ::16, ::16], sent.received_labels[:, ::16, ::16]
    assert (small[0] == small[1]).float().mean() > 0.8  # the map is sent in coarse blocks
    assert path.stat().st_size > 50_000
