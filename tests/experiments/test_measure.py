import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from toys import semantic_system, small_system

from semcomm import SeparationBaseline
from semcomm.data.folders import list_images
from semcomm.experiments.measure import evaluate, measure
from semcomm.extractors.cache import FeatureCache, cache_features
from semcomm.files.pictures import load_image
from semcomm.quality.image import psnr

SNRS = [0.0, 12.0]
ROW = ["snr_db", "psnr_db", "psnr_ci95", "ssim", "ssim_ci95", "failures"]


@pytest.fixture(scope="module")
def system():
    return small_system().eval()


def test_results_have_the_documented_form_and_are_json(system, photo_folder):
    results = evaluate(system, list_images(photo_folder), SNRS)
    assert list(results) == ["images", "k", "bandwidth_ratio", "rows"]
    assert [list(row) for row in results["rows"]] == [ROW, ROW]
    assert [row["snr_db"] for row in results["rows"]] == SNRS
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_figures_are_the_means_of_single_transmissions(photo_folder):
    paths = list_images(photo_folder)
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1 / 4)
    results = evaluate(scheme, paths, [10.0])
    sent = [scheme.transmit(load_image(path)[None], 10.0) for path in paths]
    row = results["rows"][0]
    for figure in ("psnr_db", "ssim"):
        values = np.array([getattr(one, figure).item() for one in sent])
        assert row[figure] == pytest.approx(values.mean(), abs=1e-4)
        half = row[f"{figure.removesuffix('_db')}_ci95"]
        assert half == pytest.approx(1.96 * values.std(ddof=1) / 2, abs=1e-4)
    assert results["images"] == 4
    assert results["k"] == [one.symbols_per_image for one in sent]
    pixels = sum(load_image(path)[0].numel() for path in paths)
    assert results["bandwidth_ratio"] == pytest.approx(sum(results["k"]) / (3 * pixels))


def test_k_is_one_number_where_all_images_have_it(system, photo_folder):
    paths = list_images(photo_folder)
    assert evaluate(system, [paths[0], paths[0]], [10.0])["k"] == 7 * 8 * 10
    assert evaluate(system, paths, [10.0])["k"] == [7 * 8 * 10, 7 * 10 * 8, 7 * 8 * 10, 7 * 9 * 9]


def test_noise_depends_on_seed_snr_and_place_alone(photo_folder):
    class Draws:
        def __init__(self):
            self.drawn = {}

        def transmit(self, images, snr_db, *, generator=None):
            first = torch.rand(1, generator=generator).item()
            self.drawn[images.shape, snr_db] = first
            return SeparationBaseline("jpeg", bandwidth_ratio=1).transmit(images, 30.0)

    paths = list_images(photo_folder)[:2]
    few, more, other = Draws(), Draws(), Draws()
    evaluate(few, paths, [10.0], seed=1)
    evaluate(more, paths, [-2.0, 10.0, 13.5], seed=1)
    evaluate(other, paths, [10.0], seed=2)
    assert few.drawn.items() <= more.drawn.items()
    assert len(set(more.drawn.values())) == 6
    assert not set(other.drawn.values()) & set(few.drawn.values())


def test_same_seed_same_numbers(system, photo_folder):
    paths = list_images(photo_folder)
    first = evaluate(system, paths, SNRS, seed=5)
    torch.manual_seed(99)
    assert evaluate(system, paths, SNRS, seed=5) == first
    assert evaluate(system, paths, SNRS, seed=6) != first


def test_failures_are_counted_and_enter_the_mean(photo_folder):
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1 / 12)
    results = evaluate(scheme, list_images(photo_folder), [-10.0, 40.0])
    assert [row["failures"] for row in results["rows"]] == [4, 0]
    assert results["rows"][0]["psnr_db"] < 12


def test_what_is_not_finite_is_none(photo_folder, tmp_path):
    class Perfect:
        def transmit(self, images, snr_db, *, generator=None):  # noqa: ARG002
            from semcomm.transmission import account

            return account(images.float() / 255, images, 7)

    results = evaluate(Perfect(), list_images(photo_folder)[:1], [10.0])
    assert results["rows"] == [
        {"snr_db": 10.0, "psnr_db": None, "psnr_ci95": None, "ssim": 1.0, "ssim_ci95": None, "failures": 0}
    ]
    Image.new("RGB", (9, 9)).save(tmp_path / "tiny.png")
    row = evaluate(Perfect(), [tmp_path / "tiny.png"], [10.0])["rows"][0]
    assert row["ssim"] is None


def test_progress_is_reported_after_every_transmission(system, photo_folder):
    calls = []
    evaluate(system, list_images(photo_folder), SNRS, progress=lambda: calls.append(1))
    assert len(calls) == 8


def test_an_image_that_cannot_be_sent_is_named(system, tmp_path):
    Image.new("RGB", (3, 9)).save(tmp_path / "narrow.png")
    with pytest.raises(ValueError, match=r"narrow\.png: images must be at least 4 x 4 pixels"):
        evaluate(system, [tmp_path / "narrow.png"], SNRS)


@pytest.mark.parametrize("snr_db", [math.nan, math.inf, -math.inf, -1e6, 1e308, 301])
def test_an_snr_that_no_table_can_hold_is_refused_before_anything_is_sent(system, photo_folder, snr_db):
    calls = []
    with pytest.raises(ValueError, match="snrs_db must be from -300 to 300 dB, got"):
        evaluate(system, list_images(photo_folder), [10.0, snr_db], progress=lambda: calls.append(1))
    assert calls == []


def test_a_repeated_snr_counts_once(photo_folder):
    from semcomm import SeparationBaseline
    from semcomm.data.folders import list_images

    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1.0)
    once = evaluate(scheme, list_images(photo_folder), [20.0])
    assert evaluate(scheme, list_images(photo_folder), [20.0, 20.0]) == once


class Brightness:
    """Delivers gray images of a random brightness, so that draws can be told apart."""

    def transmit(self, images, snr_db, *, generator=None):  # noqa: ARG002
        from semcomm.images import to_float
        from semcomm.transmission import account

        gray = torch.randint(0, 256, (1, 1, 1, 1), dtype=torch.uint8, generator=generator)
        return account(to_float(images), gray.expand_as(images).contiguous(), 7)


def test_draws_are_new_noise_and_averaged_within_an_image(photo_folder):
    paths = list_images(photo_folder)
    measured = measure(Brightness(), paths, [10.0], draws=5, seed=3)
    scores = measured.scores[10.0]["psnr_db"]
    assert scores.shape == (4, 5)
    assert all(len(set(row)) > 1 for row in scores.tolist())
    assert measure(Brightness(), paths, [10.0], draws=2, seed=3).scores[10.0]["psnr_db"].tolist() == (
        scores[:, :2].tolist()
    )
    row = evaluate(Brightness(), paths, [10.0], draws=5, seed=3)["rows"][0]
    means = scores.mean(axis=1)
    assert row["psnr_db"] == pytest.approx(means.mean(), abs=1e-5)
    assert row["psnr_ci95"] == pytest.approx(1.96 * means.std(ddof=1) / 2, abs=1e-5)


@pytest.mark.parametrize("draws", [0, -1])
def test_draws_must_be_positive(photo_folder, draws):
    with pytest.raises(ValueError, match=f"draws must be at least 1, got {draws}"):
        measure(Brightness(), list_images(photo_folder), [10.0], draws=draws)


def test_central_crops_are_sent_where_a_size_is_given(system, photo_folder):
    paths = list_images(photo_folder)
    results = evaluate(system, paths, [10.0], size=32)
    assert results["k"] == system.symbols_per_image(32, 32)
    middle = load_image(paths[0])[:, :, 4:36][None]  # of 32 x 40 pixels
    sent = system.transmit(middle, 10.0, generator=torch.Generator().manual_seed(0))
    alone = measure(system, paths[:1], [10.0], size=32)
    assert alone.symbols == [sent.symbols_per_image]
    assert alone.scores[10.0]["psnr_db"].item() == pytest.approx(sent.psnr_db.item(), abs=1.0)
    with pytest.raises(ValueError, match=r"a\.png: image must be at least 40 x 40 pixels \(size\), got 32 x 40"):
        evaluate(system, paths, [10.0], size=40)


def test_extractors_look_once_at_an_image_however_often_it_is_sent(photo_folder):
    system = semantic_system().eval()
    looks = []
    original = system.transmitter.segmentation.labels
    system.transmitter.segmentation.labels = lambda images: looks.append(len(looks)) or original(images)
    paths = list_images(photo_folder)
    with_looks = evaluate(system, paths, SNRS, draws=3)
    assert len(looks) == len(paths)
    assert len(with_looks["rows"]) == 2


def test_cached_features_give_the_same_numbers_without_a_look(photo_folder, tmp_path):
    system = semantic_system().eval()
    levels = {"caption": system.transmitter.caption, "segmentation": system.transmitter.segmentation}
    paths = list_images(photo_folder)
    cache_features(paths, photo_folder, tmp_path / "cache", **levels)
    expected = measure(system, paths, SNRS).scores
    features = FeatureCache(tmp_path / "cache", paths, photo_folder, **levels)
    system.transmitter.segmentation.labels = lambda _: pytest.fail("looked")
    found = measure(system, paths, SNRS, features=features).scores
    assert all((found[snr_db][name] == expected[snr_db][name]).all() for snr_db in SNRS for name in ("psnr_db", "ssim"))
    with pytest.raises(ValueError, match="features are those of whole photographs: size must be None, got 32"):
        measure(system, paths, SNRS, features=features, size=32)


def test_more_scores_stand_beside_psnr_with_their_intervals(photo_folder):
    looks = []

    def brightness(sent):
        looks.append(1)
        return lambda received: {"gray": received.mean((1, 2, 3)), "psnr_again_db": psnr(received, sent)}

    paths = list_images(photo_folder)
    row = evaluate(Brightness(), paths, [10.0], draws=2, metrics=brightness)["rows"][0]
    assert len(looks) == len(paths)
    assert list(row) == [*ROW[:-1], "gray", "gray_ci95", "psnr_again_db", "psnr_again_ci95", "failures"]
    assert row["psnr_again_db"] == pytest.approx(row["psnr_db"], abs=1e-5)
    assert 0 < row["gray"] < 1
