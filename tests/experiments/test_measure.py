import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from toy_measurements import Brightness
from toys import semantic_system, small_system

from semcomm import SeparationBaseline
from semcomm.data import folders
from semcomm.data.folders import list_images
from semcomm.experiments.measure import evaluate
from semcomm.extractors.cache import FeatureCache, cache_features
from semcomm.files.pictures import load_image
from semcomm.quality.image import psnr

SNRS = [0.0, 12.0]
WHERE = ["model", "channel", "seed", "images", "bandwidth_ratio"]
ROW = [*WHERE, "snr_db", "psnr_db", "psnr_ci95", "ssim", "ssim_ci95", "failures"]


@pytest.fixture(scope="module")
def system():
    return small_system().eval()


def test_results_have_the_documented_form_and_are_json(system, photo_folder):
    measured = evaluate(system, photo_folder, SNRS)
    assert [list(row) for row in measured.rows] == [ROW, ROW]
    assert [row["snr_db"] for row in measured.rows] == SNRS
    content = measured.json()
    assert list(content) == ["model", "images", "k", "bandwidth_ratio", "channel", "seed", "rows", "measured"]
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_figures_are_the_means_of_single_transmissions(photo_folder):
    paths = list_images(photo_folder)
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1 / 4)
    results = evaluate(scheme, paths, [10.0])
    sent = [scheme.transmit(load_image(path)[None], 10.0) for path in paths]
    row = results.rows[0]
    for figure in ("psnr_db", "ssim"):
        values = np.array([getattr(one, figure).item() for one in sent])
        assert row[figure] == pytest.approx(values.mean(), abs=1e-4)
        half = row[f"{figure.removesuffix('_db')}_ci95"]
        assert half == pytest.approx(stats.t.ppf(0.975, 3) * values.std(ddof=1) / 2, abs=1e-4)
    assert len(results.photographs) == 4
    assert results.symbols == [one.symbols_per_image for one in sent]
    pixels = sum(load_image(path)[0].numel() for path in paths)
    assert results.bandwidth_ratio == pytest.approx(sum(results.symbols) / (3 * pixels))


def test_k_is_one_number_where_all_images_have_it(system, photo_folder):
    paths = list_images(photo_folder)
    assert evaluate(system, [paths[0], paths[0]], 10).json()["k"] == 7 * 8 * 10
    assert evaluate(system, paths, [10.0]).json()["k"] == [7 * 8 * 10, 7 * 10 * 8, 7 * 8 * 10, 7 * 9 * 9]


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
    assert evaluate(system, paths, SNRS, seed=5).json() == first.json()
    assert evaluate(system, paths, SNRS, seed=6).rows != first.rows


def test_failures_are_counted_and_enter_the_mean(photo_folder):
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1 / 12)
    results = evaluate(scheme, list_images(photo_folder), [-10.0, 40.0])
    assert [row["failures"] for row in results.rows] == [4, 0]
    assert results.rows[0]["psnr_db"] < 12


def test_what_is_not_finite_is_none(photo_folder, tmp_path):
    class Perfect:
        def transmit(self, images, snr_db, *, generator=None):  # noqa: ARG002
            from semcomm.transmission import account

            return account(images.float() / 255, images, 7)

    (row,) = evaluate(Perfect(), list_images(photo_folder)[:1], [10.0]).rows
    assert [row[name] for name in ROW[5:]] == [10.0, None, None, 1.0, None, 0]
    Image.new("RGB", (9, 9)).save(tmp_path / "tiny.png")
    measured = evaluate(Perfect(), [tmp_path / "tiny.png"], [10.0])
    assert measured.rows[0]["ssim"] is None
    assert measured.rows[0]["ssim_left_out"] == 1
    assert "| - ± - (1 left out) |" in measured.table()


def test_an_image_without_a_score_does_not_cost_the_others_theirs(system, photo_folder, tmp_path):
    Image.new("RGB", (9, 10)).save(tmp_path / "tiny.png")
    paths = list_images(photo_folder)
    alone, beside = evaluate(system, paths, [10.0]), evaluate(system, [*paths, tmp_path / "tiny.png"], [10.0])
    assert beside.mean("ssim") == pytest.approx(alone.mean("ssim"))
    assert beside.rows[0]["ssim_left_out"] == 1
    assert "ssim_left_out" not in alone.rows[0]
    assert "psnr_db_left_out" not in beside.rows[0]


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
    with pytest.raises(ValueError, match="snr_db must be from -300 to 300 dB, got"):
        evaluate(system, list_images(photo_folder), [10.0, snr_db], progress=lambda: calls.append(1))
    assert calls == []


def test_a_repeated_snr_counts_once(photo_folder):
    from semcomm import SeparationBaseline
    from semcomm.data.folders import list_images

    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1.0)
    once = evaluate(scheme, list_images(photo_folder), [20.0])
    assert evaluate(scheme, list_images(photo_folder), [20.0, 20.0]).json() == once.json()


def test_draws_are_new_noise_and_averaged_within_an_image(photo_folder):
    paths = list_images(photo_folder)
    measured = evaluate(Brightness(), paths, [10.0], draws=5, seed=3)
    (scores,) = measured.scores["psnr_db"]
    assert scores.shape == (4, 5)
    assert all(len(set(row)) > 1 for row in scores.tolist())
    assert evaluate(Brightness(), paths, [10.0], draws=2, seed=3).scores["psnr_db"][0].tolist() == (
        scores[:, :2].tolist()
    )
    row = evaluate(Brightness(), paths, [10.0], draws=5, seed=3).rows[0]
    assert row["draws"] == 5
    means = scores.mean(axis=1)
    assert row["psnr_db"] == pytest.approx(means.mean(), abs=1e-5)
    assert row["psnr_ci95"] == pytest.approx(stats.t.ppf(0.975, 3) * means.std(ddof=1) / 2, abs=1e-5)


@pytest.mark.parametrize("draws", [0, -1])
def test_draws_must_be_positive(photo_folder, draws):
    with pytest.raises(ValueError, match=f"draws must be an integer of at least 1, got {draws}"):
        evaluate(Brightness(), list_images(photo_folder), [10.0], draws=draws)


def test_central_crops_are_sent_where_a_size_is_given(system, photo_folder):
    paths = list_images(photo_folder)
    results = evaluate(system, paths, [10.0], size=32)
    assert results.symbols == [system.symbols_per_image(32, 32)] * 4
    assert results.rows[0]["size"] == 32
    middle = load_image(paths[0])[:, :, 4:36][None]  # of 32 x 40 pixels
    sent = system.transmit(middle, 10.0, generator=torch.Generator().manual_seed(0))
    alone = evaluate(system, paths[:1], [10.0], size=32)
    assert alone.symbols == [sent.symbols_per_image]
    assert alone.scores["psnr_db"].item() == pytest.approx(sent.psnr_db.item(), abs=1.0)
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
    assert len(with_looks.rows) == 2


def test_cached_features_give_the_same_numbers_without_a_look(photo_folder, tmp_path):
    system = semantic_system().eval()
    levels = {"caption": system.transmitter.caption, "segmentation": system.transmitter.segmentation}
    paths = list_images(photo_folder)
    cache_features(paths, photo_folder, tmp_path / "cache", **levels)
    expected = evaluate(system, paths, SNRS).scores
    features = FeatureCache(tmp_path / "cache", paths, photo_folder, **levels)
    system.transmitter.segmentation.labels = lambda _: pytest.fail("looked")
    found = evaluate(system, paths, SNRS, features=features).scores
    assert all((found[name] == expected[name]).all() for name in ("psnr_db", "ssim"))
    with pytest.raises(ValueError, match="features are those of whole photographs: size must be None, got 32"):
        evaluate(system, paths, SNRS, features=features, size=32)


class Gray:
    """A metric that looks once at an image sent, and has two scores."""

    def __init__(self):
        self.looks = 0

    def look(self, sent):
        self.looks += 1
        return {"brightness": sent.mean()}

    def __call__(self, received, sent, *, brightness):
        assert brightness == sent.mean()
        return {"gray": received.mean((1, 2, 3)), "darker": received.mean() - brightness}


def test_own_metrics_stand_beside_psnr_with_their_intervals(photo_folder):
    gray = Gray()
    paths = list_images(photo_folder)
    measured = evaluate(Brightness(), paths, [10.0], draws=2, metrics={"again_db": psnr, "two": gray})
    (row,) = measured.rows
    assert gray.looks == len(paths)
    more = ["again_db", "again_db_ci95", "gray", "gray_ci95", "darker", "darker_ci95"]
    assert list(row) == [*WHERE[:3], "draws", *ROW[3:-1], *more, "failures"]
    assert row["again_db"] == pytest.approx(row["psnr_db"], abs=1e-5)
    assert 0 < row["gray"] < 1
    assert measured.scores["gray"].shape == (1, 4, 2)


def test_photographs_are_decoded_once_for_all_calls(photo_folder, monkeypatch):
    decoded = []
    monkeypatch.setattr(folders, "load_image", lambda path: decoded.append(path) or load_image(path))
    photographs = folders.Photographs(list_images(photo_folder))
    first, second = (evaluate(Brightness(), photographs, 10, seed=1) for _ in range(2))
    assert decoded == list_images(photo_folder)
    assert first.json() == second.json() == evaluate(Brightness(), list_images(photo_folder), 10, seed=1).json()


def test_one_metric_may_be_named_by_a_string(system):
    image = torch.rand(1, 3, 192, 192, generator=torch.Generator().manual_seed(0))
    assert "ms_ssim" in evaluate(system, image, 10, metrics="ms-ssim").scores


def test_images_are_sent_as_files_are(system, photo_folder):
    paths = list_images(photo_folder)
    images = [load_image(path) for path in paths]
    files, tensors = evaluate(system, paths, SNRS), evaluate(system, images, SNRS)
    assert tensors.photographs == ["image 0", "image 1", "image 2", "image 3"]
    assert all((files.scores[name] == tensors.scores[name]).all() for name in files.scores)
    batch = evaluate(system, torch.stack([images[0], images[0]]).float() / 255, SNRS)
    assert batch.scores["psnr_db"][:, 0].tolist() == files.scores["psnr_db"][:, 0].tolist()
    with pytest.raises(ValueError, match="image 1: images must"):
        evaluate(system, [images[0], images[0][0]], SNRS)
    with pytest.raises(ValueError, match="photographs must hold at least one, got none"):
        evaluate(system, [], SNRS)
    with pytest.raises(ValueError, match="snr_db must hold at least one SNR, got none"):
        evaluate(system, images, [])


class Nested:
    """Understands what nested systems understand, and remembers it."""

    def __init__(self):
        self.told = []

    def transmit(
        self,
        images,
        snr_db,
        *,
        levels=None,
        channel_uses=None,
        told_snr_db=None,
        safe_snr_db=None,
        importance=None,
        generator=None,
    ):  # noqa: E501
        self.told.append((levels, channel_uses, told_snr_db, safe_snr_db, importance))
        return Brightness().transmit(images, snr_db, generator=generator)


def test_keywords_of_nested_systems_are_handed_on_or_refused(photo_folder):
    nested, paths = Nested(), list_images(photo_folder)[:1]
    told = {"levels": 2, "channel_uses": 99, "told_snr_db": 4.0, "safe_snr_db": 1.0, "importance": {"person": 4.0}}
    measured = evaluate(nested, paths, [10.0], **told)
    assert nested.told == [(2, 99, 4.0, 1.0, {"person": 4.0})]
    assert measured.settings == told
    evaluate(nested, paths, [10.0], levels=3)
    assert nested.told[-1] == (3, None, None, None, None)
    for keyword, value in told.items():
        with pytest.raises(
            ValueError, match=f"{keyword} must be None for a Brightness, which has no {keyword}= to choose"
        ):
            evaluate(Brightness(), paths, [10.0], **{keyword: value})
