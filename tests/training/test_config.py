"""The numbers of a run: which are refused, and which decide its result."""

import json
import math

import pytest
from training_runs import config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *(
            ({name: 0}, f"{name} must be at least 1, got 0")
            for name in ("size", "batch_size", "steps", "validate_every", "devices", "num_nodes")
        ),
        ({"learning_rate": 0.0}, "learning_rate must be positive and finite, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be positive and finite, got nan"),
        ({"schedule": "linear"}, "schedule must be one of constant, cosine, got 'linear'"),
        ({"strategy": "bogus"}, "strategy must be one of auto, ddp, got 'bogus'"),
        ({"precision": "16"}, "precision must be one of 32-true, 16-mixed, bf16-mixed, got '16'"),
        ({"batch_size": 4, "devices": 3}, "batch_size must be a multiple of the 3 processes, got 4"),
        ({"batch_size": 6, "devices": 2, "num_nodes": 2}, "batch_size must be a multiple of the 4 processes, got 6"),
        ({"gradient_clip": 0.0}, "gradient_clip must be None or positive and finite, got 0.0"),
        ({"gradient_clip": math.inf}, "gradient_clip must be None or positive and finite, got inf"),
        ({"gradient_clip": math.nan}, "gradient_clip must be None or positive and finite, got nan"),
        ({"val_images": 0}, "val_images must be None or at least 1, got 0"),
        ({"workers": -1}, "workers must be at least 0, got -1"),
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
