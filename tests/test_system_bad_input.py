"""Bad input to a system: refused, by name, value and remedy."""

import math

import pytest
import torch
import torch._inductor.config
from torch import nn
from toys import (
    rand_images,
    small_system,
)

from semcomm import AWGNChannel, SemanticSystem

SNR_DB = 10.0

BAD_IMAGES = [
    (torch.zeros(3, 16, 16), ValueError, r"images must have shape \(b, 3, h, w\)"),
    (torch.zeros(1, 3, 3, 16), ValueError, r"images must be at least 4 x 4 pixels.*got 3 x 16"),
    (torch.full((1, 3, 16, 16), math.nan), ValueError, r"finite values in \[0, 1\]"),
    (torch.full((1, 3, 16, 16), 255.0), ValueError, r"got values from 255 to 255"),
    (torch.zeros(1, 3, 16, 16, dtype=torch.float64), TypeError, "images must be float32"),
    ([[0.0]], TypeError, "images must be a float32 tensor.*got list"),
]


@pytest.mark.parametrize("call", ["forward", "encode", "transmit"])
@pytest.mark.parametrize(("images", "error", "message"), BAD_IMAGES)
def test_bad_images_are_refused_everywhere(call, images, error, message):
    system = small_system()
    with pytest.raises(error, match=message):
        getattr(system, call)(images, SNR_DB)
    assert system.training


def test_uint8_is_for_transmit_only():
    images = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    with pytest.raises(TypeError, match=r"got torch.uint8; divide by 255, or give transmit\(\) uint8"):
        small_system()(images, SNR_DB)
    small_system().transmit(images, SNR_DB)


@pytest.mark.parametrize("call", ["forward", "encode", "transmit"])
@pytest.mark.parametrize(
    ("snr_db", "error", "message"),
    [
        (math.nan, ValueError, "snr_db must be an SNR in dB"),
        (torch.tensor([1.0, math.nan]), ValueError, "snr_db must hold SNRs in dB"),
        (torch.zeros(3), ValueError, r"shape \(2,\), got shape \(3,\)"),
        ("10", TypeError, "snr_db must be a number or a tensor, got str"),
    ],
)
def test_bad_snr_is_refused_everywhere(call, snr_db, error, message):
    with pytest.raises(error, match=message):
        getattr(small_system(), call)(rand_images(), snr_db)


@pytest.mark.parametrize("call", ["forward", "transmit"])
def test_a_bad_belief_is_called_by_its_name(call):
    with pytest.raises(ValueError, match="told_snr_db must be an SNR in dB, at least -300, got nan"):
        getattr(small_system(), call)(rand_images(), SNR_DB, told_snr_db=math.nan)


def test_an_adaptive_system_needs_the_snr():
    system = small_system(snr_adaptive=True).eval()
    symbols = system.encode(rand_images(), 5.0)
    with pytest.raises(ValueError, match="snr_db is None, but this system adapts"):
        system.encode(rand_images())
    with pytest.raises(ValueError, match="snr_db is None, but this system adapts"):
        system.decode(symbols, (16, 16))


def test_symbols_of_another_size_are_refused():
    system = small_system().eval()
    symbols = system.encode(rand_images())
    with pytest.raises(ValueError, match=r"received: a 24 x 16 image takes k = 168 symbols, got 112"):
        system.decode(symbols, (24, 16))
    with pytest.raises(ValueError, match=r"shape \(2,\), got shape \(4,\)"):
        system.decode(symbols, (16, 16), torch.zeros(4))


def test_a_transmitter_that_sends_more_than_it_announces_is_caught():
    system = small_system()
    system.transmitter.complex_channels = 5
    with pytest.raises(ValueError, match=r"transmitter \w+ sent 112 symbols per image, but announces k = 80"):
        system.encode(rand_images())


@pytest.mark.parametrize("part", ["transmitter", "receiver"])
def test_parts_must_be_modules(part):
    parts = {"transmitter": small_system().transmitter, "channel": AWGNChannel(), "receiver": nn.Identity()}
    with pytest.raises(TypeError, match=f"{part} must be an nn.Module, got str"):
        SemanticSystem(**(parts | {part: "lite"}))


@pytest.mark.parametrize("size", [16, (16.0, 16.0), (16,), (0, 16), None])
def test_a_size_that_is_none_is_refused(size):
    system = small_system()
    with pytest.raises(ValueError, match=r"size must be \(height, width\) in pixels"):
        system.decode(system.eval().encode(rand_images()), size)


def test_arguments_of_another_type_are_named():
    system = small_system().eval()
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator or None, got int 0"):
        system(rand_images(), 10.0, generator=0)
    with pytest.raises(TypeError, match=r"semantics must be a Semantics\(tokens, labels\) or None, got dict"):
        system(rand_images(), 10.0, semantics={"labels": None})
