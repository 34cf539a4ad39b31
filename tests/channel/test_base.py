import inspect
import math

import numpy as np
import pytest
import torch
from toys import PhaseFlip, gaussian_symbols, seeded

from semcomm import AWGNChannel, Channel, RayleighChannel
from semcomm.channel.base import check_power, check_symbols, complex_normal

CHANNELS = [AWGNChannel(), RayleighChannel(), PhaseFlip()]


def test_channel_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Channel()
    assert list(inspect.signature(Channel.forward).parameters) == ["self", "x", "snr_db", "generator"]


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: type(channel).__name__)
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros((1, 4), np.complex64), TypeError, "x must be a complex64 tensor, got ndarray"),
        (torch.zeros(1, 4), TypeError, r"complex64 symbols \(b, k\), got real torch.float32.*3 dB error"),
        (torch.zeros(1, 4, dtype=torch.int64), TypeError, "got real torch.int64"),
        (torch.zeros(1, 4, dtype=torch.complex128), TypeError, "must be complex64, got torch.complex128"),
        (torch.zeros(4, dtype=torch.complex64), ValueError, r"x must have shape \(b, k\).*got \(4,\)"),
        (torch.zeros(1, 2, 4, dtype=torch.complex64), ValueError, r"got \(1, 2, 4\)"),
        (torch.zeros(0, 4, dtype=torch.complex64), ValueError, r"both positive, got \(0, 4\)"),
        (torch.zeros(2, 0, dtype=torch.complex64), ValueError, r"both positive, got \(2, 0\)"),
    ],
)
def test_what_is_no_complex_batch_is_refused(channel, x, error, message):
    with pytest.raises(error, match=message):
        channel(x, 10.0)


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: type(channel).__name__)
@pytest.mark.parametrize(
    ("snr_db", "error", "message"),
    [
        (math.nan, ValueError, "at least -300, got nan"),
        (torch.zeros(3), ValueError, r"shape \(2,\), got shape \(3,\)"),
        ("ten", TypeError, "snr_db must be a number or a tensor"),
    ],
)
def test_bad_snr_is_refused(channel, snr_db, error, message):
    with pytest.raises(error, match=message):
        channel(gaussian_symbols(2, 8), snr_db)


@pytest.mark.parametrize("power", [0, -1, 1e-13, 1e13, math.nan, math.inf, "1", None])
def test_power_must_be_positive_and_finite(power):
    with pytest.raises(ValueError, match=r"power must be a positive finite number, got"):
        AWGNChannel(power)


def test_power_is_kept_as_a_float():
    assert check_power(2) == 2.0
    assert isinstance(check_power(2), float)
    assert AWGNChannel(2.5).power == 2.5
    assert "power=2.5" in repr(AWGNChannel(2.5))


def test_good_symbols_pass_unchanged():
    x = gaussian_symbols(2, 8)
    assert check_symbols(x) is x
    with pytest.raises(TypeError, match="received must be"):
        check_symbols(x.real, "received")


def test_complex_normal_is_the_generators_stream():
    drawn = complex_normal((3, 5), torch.device("cpu"), seeded(4))
    assert torch.equal(drawn, torch.randn(3, 5, dtype=torch.complex64, generator=seeded(4)))


@pytest.mark.cuda
def test_a_cpu_generator_gives_the_same_noise_to_a_gpu():
    on_gpu = complex_normal((3, 5), torch.device("cuda"), seeded(4))
    assert on_gpu.is_cuda
    assert torch.equal(on_gpu.cpu(), complex_normal((3, 5), torch.device("cpu"), seeded(4)))
