"""Measure the finished systems, and codecs at their channel uses, on test photographs: `python zoo/measure.py --help`.

Writes `OUT/results/NAME.json` with the PSNR and SSIM of every image, so that comparisons can be paired; what is there
is measured again only if the weights or the photographs have changed. `make_results.py` makes the page of it.
"""

import argparse
import hashlib
from pathlib import Path

from make_zoo import SNRS_DB, SYSTEMS, has_semantics

from semcomm import RayleighChannel, SeparationBaseline, from_pretrained
from semcomm.channel.awgn import AWGNChannel
from semcomm.cli.options import show_progress
from semcomm.data.folders import evenly, manifest_hash
from semcomm.data.layouts import find_photographs
from semcomm.experiments.measure import measure
from semcomm.extractors.cache import FeatureCache, cache_features
from semcomm.extractors.lite import lite_captioner, lite_segmenter
from semcomm.files.json import read_object, write_json
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.segmentation import SegmentationFeature

SEED = 0
CHANNELS = {"awgn": AWGNChannel, "rayleigh": RayleighChannel}
ON_BOTH_CHANNELS = ("mlsc-image-l4-t8", "mlsc-image-l4-t8-rayleigh")
SENT_BY_CODECS = ("mlsc-image-l2-t8", "mlsc-image-l3-t8", "mlsc-image-l4-t8", "mlsc-image-l6-t8", "mlsc-image-l4-t16")
"""Systems whose channel uses the codecs get, image by image."""
CODEC_IMAGES = {"jpeg": None, "avif": 25}
"""Photographs that each codec sends, evenly spaced; None for all. AVIF takes 12 s of one core for each."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="systems, or codecs; all without one")
    parser.add_argument("--test", type=Path, required=True, help="photographs to judge by")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, as in make_zoo.py")
    given = parser.parse_args()
    unknown = set(given.names) - {*SYSTEMS, *CODEC_IMAGES}
    if unknown:
        parser.error(f"no system or codec {', '.join(sorted(unknown))}")
    paths = find_photographs(given.test)
    (given.out / "results").mkdir(exist_ok=True)
    for name in given.names or [*SYSTEMS, *CODEC_IMAGES]:
        if name in CODEC_IMAGES:
            measure_codec(name, evenly(paths, CODEC_IMAGES[name]), given)
        elif (given.out / name / "training.json").is_file():
            measure_system(name, paths, given)


def measure_system(name, paths, given):
    settings = {"weights_sha256": _sha256(given.out / name / "model.safetensors"), **_settings(paths, given)}
    if _is_done(name, settings, given):
        return
    system = from_pretrained(str(given.out / name), device="cpu")
    features = _features(paths, given) if has_semantics(name) else None
    points = []
    for channel in CHANNELS if name in ON_BOTH_CHANNELS else ["awgn"]:
        system.channel = CHANNELS[channel]()
        with show_progress(f"{name}, {channel}", total=len(paths) * len(SNRS_DB)) as advance:
            measured = measure(system, paths, SNRS_DB, seed=SEED, features=features, progress=advance)
        points += [{"channel": channel, **point} for point in _points(measured)]
    write_json(_file(name, given), {**settings, "points": points})


def measure_codec(codec, paths, given):
    settings = _settings(paths, given)
    if _is_done(codec, settings, given):
        return
    # image by image, since a codec keeps the files of the last few images only
    per_image = {name: [] for name in SENT_BY_CODECS}
    senders = {
        name: SeparationBaseline(codec, symbols_per_image=_untrained(name).symbols_per_image) for name in SENT_BY_CODECS
    }
    with show_progress(codec, total=len(paths)) as advance:
        for path in paths:
            for name, sender in senders.items():
                per_image[name].append(measure(sender, [path], SNRS_DB, seed=SEED))
            advance()
    points = []
    for name, measured in per_image.items():
        for places in zip(*map(_points, measured), strict=True):
            points.append(
                {
                    "like": name,
                    "channel": "awgn",
                    "snr_db": places[0]["snr_db"],
                    "symbols": sum(point["symbols"] for point in places),
                    "dimensions": sum(point["dimensions"] for point in places),
                    "psnr_db": [value for point in places for value in point["psnr_db"]],
                    "ssim": [value for point in places for value in point["ssim"]],
                    "failures": sum(point["failures"] for point in places),
                }
            )
    write_json(_file(codec, given), {**settings, "points": points})


def _untrained(name):
    from semcomm import build_mlsc_image

    level, downsampling = name.removeprefix("mlsc-image-l").split("-t")
    return build_mlsc_image(int(level), int(downsampling), caption=None, segmentation=None, device="cpu")


def _points(measured):
    return [
        {
            "snr_db": snr_db,
            "symbols": sum(measured.symbols),
            "dimensions": sum(measured.dimensions),
            "psnr_db": [round(value, 4) for value in scores["psnr_db"][:, 0].tolist()],
            "ssim": [round(value, 5) for value in scores["ssim"][:, 0].tolist()],
            "failures": measured.failures[snr_db],
        }
        for snr_db, scores in measured.scores.items()
    ]


def _features(paths, given):
    levels = {
        "caption": CaptionFeature(lite_captioner(), 64),
        "segmentation": SegmentationFeature(lite_segmenter()),
    }
    with show_progress("extracting", total=len(paths)) as advance:
        cache_features(paths, given.test, given.out / "results" / "features", **levels, progress=advance)
    return FeatureCache(given.out / "results" / "features", paths, given.test, **levels)


def _settings(paths, given):
    return {
        "test": "/".join(given.test.parts[-2:]),
        "images": [path.name for path in paths],
        "test_manifest_sha256": manifest_hash(paths),
        "seed": SEED,
        "snrs_db": SNRS_DB,
    }


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _file(name, given):
    return given.out / "results" / f"{name}.json"


def _is_done(name, settings, given):
    path = _file(name, given)
    return path.is_file() and {key: read_object(path).get(key) for key in settings} == settings


if __name__ == "__main__":
    main()
