"""Channels against the least that any implementation must do: draw the randomness, multiply and add once."""

import importlib
import warnings

import pytest
import torch

from semcomm import AWGNChannel, RayleighChannel
from semcomm.receiver.equalizer import MMSEEqualizer

SHAPE, SNR_DB, ROUNDS = (32, 16384), 10.0, 60


@pytest.fixture
def signal():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SHAPE, dtype=torch.complex64, generator=generator).requires_grad_()
    return x, torch.randn(SHAPE, dtype=torch.complex64, generator=generator), generator


def there_and_back(send, x, gradient):
    def run():
        send(x).backward(gradient)
        x.grad = None

    return run


def kaira(name, **arguments):
    """Kaira's channel of that name, or nothing where it cannot be imported."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {f"Kaira's {name}": getattr(importlib.import_module("kaira.channels"), name)(**arguments)}
    except Exception:  # its imports fail in many ways beside a current torch
        return {}


def draw(generator):
    return torch.randn(SHAPE, dtype=torch.complex64, generator=generator)


@pytest.mark.parametrize("per_image", [False, True], ids=["one SNR", "an SNR per image"])
def test_awgn(compare, signal, per_image):
    x, gradient, generator = signal
    snr_db = torch.full((SHAPE[0],), SNR_DB) if per_image else SNR_DB
    sends = {
        "semcomm": lambda x: AWGNChannel()(x, snr_db, generator=generator),
        "the floor": lambda x: torch.add(x, draw(generator), alpha=10 ** (-SNR_DB / 20)),
        **kaira("AWGNChannel", snr_db=SNR_DB),
    }
    ways = {name: there_and_back(send, x, gradient) for name, send in sends.items()}
    which = "an SNR per image" if per_image else "one SNR"
    compare(f"AWGN forward and backward, {which}", ways, rounds=ROUNDS, target=1.15)


def test_rayleigh_with_mmse(compare, signal):
    x, gradient, generator = signal
    channel, equalizer = RayleighChannel(), MMSEEqualizer()
    sends = {
        "semcomm": lambda x: equalizer(channel(x, SNR_DB, generator=generator)).symbols,
        "the floor": lambda x: torch.addcmul(draw(generator), draw(generator), x),
    }
    ways = {name: there_and_back(send, x, gradient) for name, send in sends.items()}
    compare("Rayleigh with MMSE forward and backward", ways, rounds=ROUNDS, target=1.5)


def test_rayleigh(compare, signal):
    x, gradient, generator = signal
    channel = RayleighChannel()
    sends = {
        "semcomm": lambda x: channel(x, SNR_DB, generator=generator).symbols,
        "the floor": lambda x: torch.addcmul(draw(generator), draw(generator), x),
        **kaira("FlatFadingChannel", fading_type="rayleigh", coherence_time=1, snr_db=SNR_DB),
    }
    ways = {name: there_and_back(send, x, gradient) for name, send in sends.items()}
    compare("Rayleigh without equaliser forward and backward", ways, rounds=ROUNDS, target=1.5)
