"""The numbers of a run: which are refused, and which decide its result."""

import json
import math

import pytest
from training_runs import config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *(
            ({name: 0}, f"{name} must be an integer of at least 1, got 0")
            for name in ("size", "batch_size", "accumulate", "validate_every", "devices", "num_nodes")
        ),
        ({"steps": 0}, "steps must be an integer of at least 1, got 0"),
        ({"steps": None}, "steps and minutes are both None"),
        ({"minutes": 0.0}, "minutes must be None or positive and finite, got 0.0"),
        ({"muon_rate": -1.0}, "muon_rate must be None or positive and finite, got -1.0"),
        ({"average_rate": 0.0}, "average_rate must be None or a number from 0 to 1, not 0, got 0.0"),
        ({"average_rate": 1.1}, "average_rate must be None or a number from 0 to 1, not 0, got 1.1"),
        ({"loss": "ssim"}, "loss must be one of log-mse, mse, got 'ssim'"),
        ({"learning_rate": 0.0}, "learning_rate must be positive and finite, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be positive and finite, got nan"),
        ({"schedule": "linear"}, "schedule must be one of constant, cosine, decay, got 'linear'"),
        ({"strategy": "bogus"}, "strategy must be one of auto, ddp, got 'bogus'"),
        ({"precision": "16"}, "precision must be one of 32-true, 16-mixed, bf16-mixed, got '16'"),
        ({"batch_size": 4, "devices": 3}, "batch_size must be a multiple of the 3 parts .*, got 4"),
        ({"batch_size": 6, "devices": 2, "accumulate": 2}, "batch_size must be a multiple of the 4 parts .*, got 6"),
        ({"batch_size": 6, "devices": 2, "num_nodes": 2}, "batch_size must be a multiple of the 4 parts .*, got 6"),
        ({"gradient_clip": 0.0}, "gradient_clip must be None or positive and finite, got 0.0"),
        ({"gradient_clip": math.inf}, "gradient_clip must be None or positive and finite, got inf"),
        ({"gradient_clip": math.nan}, "gradient_clip must be None or positive and finite, got nan"),
        ({"val_images": 0}, "val_images must be an integer of at least 1, got 0"),
        ({"workers": -1}, "workers must be an integer of at least 0, got -1"),
        ({"snr_db": (10.0, 0.0)}, r"snr_db must be a number or a range \(low, high\), low < high, got \(10.0, 0.0\)"),
        ({"snr_db": (5.0, 5.0)}, "snr_db must be a number or a range"),
        ({"snr_db": (math.nan, 5.0)}, "snr_db must be a number or a range"),
        ({"snr_db": math.nan}, "snr_db must be .*got nan"),
        ({"snr_db": -math.inf}, "snr_db must be .*got -inf"),
        ({"snr_db": (-math.inf, 5.0)}, "snr_db must be .*-inf"),
        ({"snr_db": (0.0, math.inf)}, "snr_db must be .*inf"),
    ],
)
def test_numbers_out_of_range_are_refused(photo_folder, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        config(photo_folder, tmp_path, **changes)


def test_the_description_holds_what_decides_the_result(photo_folder, tmp_path):
    described = config(photo_folder, tmp_path).describe()
    assert not described.keys() & {"train", "val", "out", "features", "workers"}
    assert described.keys() >= {"seed", "steps", "batch_size", "snr_db", "learning_rate", "size", "precision"}
    assert json.loads(json.dumps(described))["size"] == 16


def test_rates_decay_over_the_last_two_fifths_of_steps_or_minutes_whichever_is_over_first(photo_folder, tmp_path):
    settings = config(photo_folder, tmp_path, schedule="decay", steps=100, minutes=10.0)
    assert [settings.rate_factor(step, 0.0) for step in (0, 59, 60)] == [1.0, 1.0, 1.0]
    assert settings.rate_factor(80, 0.0) == pytest.approx(0.5)
    assert settings.rate_factor(0, 480.0) == pytest.approx(0.5)
    assert settings.rate_factor(90, 480.0) == pytest.approx(0.25)
    assert settings.rate_factor(100, 0.0) == settings.rate_factor(0, 700.0) == 0.0
    by_time = config(photo_folder, tmp_path, schedule="cosine", steps=None, minutes=10.0)
    assert by_time.rate_factor(7, 300.0) == pytest.approx(0.505)
    assert by_time.rate_factor(7, 600.0) == pytest.approx(0.01)
    constant = config(photo_folder, tmp_path, schedule="constant", steps=100)
    assert constant.rate_factor(99, 1e9) == 1.0
