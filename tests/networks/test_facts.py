"""How far networks on the hybrid code are trusted."""

import math

import pytest
import torch

from semcomm.networks.facts import confidence

USUAL = {"snr_db": 10.0, "told_db": 10.0, "uses": 32.0, "missing": 1e-3}


@pytest.mark.parametrize(
    ("changed", "trust"),
    [
        ({}, 1.0),
        ({"snr_db": -6.0}, 1.0),
        ({"snr_db": -7.5}, 0.5),
        ({"told_db": 24.0}, 0.0),
        ({"snr_db": math.inf}, 0.0),
        ({"uses": 7.0}, 1.0),
        ({"uses": 64 * 2**0.25}, 0.5),
        ({"uses": 1000.0}, 0.0),
        ({"missing": 2**-12.2}, 1.0),
        ({"missing": 2**-12.7}, 0.5),
        ({"missing": 1e-6}, 0.0),
    ],
)
def test_networks_are_trusted_where_they_were_trained(changed, trust):
    said = USUAL | changed
    about = torch.tensor(
        [
            [
                min(said["snr_db"], 60) / 10,
                said["told_db"] / 10,
                math.log2(said["uses"] / 32),
                0.0,
                0.0,
                math.log2(said["missing"]) / 4 + 2,
            ]
        ]
    )
    assert confidence(about).shape == (1, 1, 1, 1)
    assert float(confidence(about)) == pytest.approx(trust, abs=1e-5)
