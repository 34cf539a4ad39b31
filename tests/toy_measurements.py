"""A zoo's folder as `zoo/measure.py` and the trainings leave it, with scores by a rule instead of by transmissions."""

import json

import numpy as np

SNRS_DB = [-2.0, 1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0]
MANIFEST = "0123456789abcdef" * 4


def psnr_db(name, channel, snr_db):
    """What a scheme scores on the average photograph: every claim of the page holds but those against codecs."""
    if name in ("jpeg", "avif"):
        return 12 + 0.75 * (snr_db + 2) + (3 if name == "avif" else 0) + (1 if "l6" in channel else 0)
    score = 21 + 0.12 * (snr_db + 2) - 0.002 * (snr_db + 2) ** 2
    if name.startswith("deep-jscc"):
        return score - 0.9
    score -= 0.4 * ("plain" in name) + (19 - snr_db) / 40 * sum(word in name for word in ("no-caption", "no-seg"))
    score -= (19 - snr_db) / 20 * ("no-semantics" in name)
    trained_on = "rayleigh" if name.endswith("rayleigh") else "awgn"
    return score - 0.8 * (channel == "rayleigh") - 0.5 * (channel != trained_on)


def write_measurements(out, names, *, images=30, rule=psnr_db, manifest=MANIFEST):
    """Write `out/results/NAME.json` and `out/NAME/training.json` for these systems and codecs."""
    random = np.random.default_rng(0)
    shared = random.normal(0, 3, images)
    for name in names:
        coded = name in ("jpeg", "avif")
        count = images // 2 if name == "avif" else images
        settings = {
            "test": "toys/val",
            "images": [f"{number}.jpg" for number in range(0, images, images // count)],
            "test_manifest_sha256": "of half of them" if name == "avif" else manifest,
            "seed": 0,
            "snrs_db": SNRS_DB,
        }
        points = []
        for other in _others(name):
            for snr_db in SNRS_DB:
                scores = rule(name, other, snr_db) + shared[:: images // count] + random.normal(0, 0.05, count)
                where = {"like": other, "channel": "awgn"} if coded else {"channel": other}
                points.append(
                    where
                    | {
                        "snr_db": snr_db,
                        "symbols": round(1_040_000 * count * nominal(other if coded else name)),
                        "dimensions": 1_000_000 * count,
                        "psnr_db": scores.tolist(),
                        "ssim": (scores / 40).tolist(),
                        "failures": max(0, round(-snr_db)) if coded else 0,
                    }
                )
        _write(out / "results" / f"{name}.json", settings | {"points": points})
        if not coded:
            _write(out / name / "training.json", training())


def nominal(name):
    if name.startswith("deep-jscc-c"):
        return int(name[-1]) / 48
    level, downsampling = name.split("-")[2:4]
    return (3 * int(level[1:]) + 1) / (3 * int(downsampling[1:]) ** 2)


def training():
    return {
        "training": {
            "size": 64,
            "batch_size": 8,
            "learning_rate": 0.001,
            "schedule": "cosine",
            "seed": 0,
            "precision": "32-true",
        },
        "steps": 6000,
        "weights": 123456,
        "wall_time_s": 600.0,
        "hardware": "1 CPU threads, toy",
        "versions": {"torch": "2"},
        "train_images": 2280,
        "train_manifest_sha256": "fedcba9876543210" * 4,
    }


def _others(name):
    """The channels of a system, or the systems whose channel uses a codec gets."""
    if name in ("jpeg", "avif"):
        return ["mlsc-image-l2-t8", "mlsc-image-l3-t8", "mlsc-image-l4-t8", "mlsc-image-l6-t8", "mlsc-image-l4-t16"]
    return ["awgn", "rayleigh"] if name in ("mlsc-image-l4-t8", "mlsc-image-l4-t8-rayleigh") else ["awgn"]


def _write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
