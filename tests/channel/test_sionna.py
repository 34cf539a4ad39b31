"""Sionna's models behind our contract: what they tell, count and leave alone."""

import math
import subprocess
import sys

import pytest
import torch
from toys import gaussian_symbols, seeded

from semcomm.channel import SionnaChannel, check_channel
from semcomm.channel.sionna import _blocks
from semcomm.receiver.equalizer import MMSEEqualizer


def run(script):
    warn = ["-W", "error", "-W", "ignore::DeprecationWarning:typer"]  # an older Typer takes what Click gives up
    done = subprocess.run([sys.executable, *warn, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_and_building_need_no_sionna():
    run(
        "import sys, semcomm, semcomm.cli.main\n"
        "from semcomm.channel import SionnaChannel\n"
        "SionnaChannel('umi').channel_uses(100)\n"
        "assert 'sionna' not in sys.modules"
    )


def test_global_state_stays_as_it_was():
    run(
        "import random, numpy as np, torch\n"
        "from semcomm.channel import SionnaChannel\n"
        "torch.manual_seed(5), np.random.seed(5), random.seed(5)\n"
        "before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()\n"
        "x, g = torch.ones(1, 100, dtype=torch.complex64), torch.Generator().manual_seed(1)\n"
        "SionnaChannel('tdl-a')(x, 10.0, generator=g)\n"
        "from sionna.phy import config\n"
        "config.precision = 'double'\n"
        "theirs = config.torch_rng('cpu').get_state()\n"
        "y = SionnaChannel('umi', streams=2, receive_antennas=2)(x, 10.0, generator=g).symbols\n"
        "assert y.dtype == torch.complex64 and config.precision == 'double' and config.seed is None\n"
        "assert torch.equal(config.torch_rng('cpu').get_state(), theirs)\n"
        "assert torch.equal(torch.get_rng_state(), before[0])\n"
        "assert np.random.get_state()[1].tolist() == before[1] and random.getstate() == before[2]\n"
    )


@pytest.mark.parametrize("model", ["tdl-a", "tdl-c", "tdl-e", "cdl-b", "uma"])
def test_fades_have_unit_energy_and_are_known_nearly(model):
    x = gaussian_symbols(200, 1536)
    received = SionnaChannel(model)(x, 20.0, generator=seeded(1))
    assert received.csi.abs().square().mean().item() == pytest.approx(1, abs=0.15)
    left = (received.symbols - received.csi * x).abs().square().mean().item()
    assert left == pytest.approx(0.0173, rel=0.15)  # the noise, 0.01, and that in interpolated pilots, about 0.7 of it
    assert received.noise_variance.mean().item() == pytest.approx(left, rel=0.3)


def test_our_equaliser_gives_what_sionnas_lmmse_gives():
    channel, x, noise = SionnaChannel("tdl-c"), gaussian_symbols(2, 1536), 0.1
    received = channel(x, 10.0, generator=seeded(1))
    blocks = _blocks(channel._setting("cpu"))
    grid = torch.zeros(2, 14, 128, dtype=torch.complex64)
    told, known = torch.full((2, 14, 128), 0.05), torch.ones(2, 14, 128, dtype=torch.complex64)
    data = ~blocks.is_pilot
    grid[:, data], known[:, data] = received.symbols.reshape(2, 12, 128), received.csi.reshape(2, 12, 128)
    told[:, data] = received.noise_variance.reshape(2, 12, 128) - noise
    theirs, left = blocks.equalize(
        grid[:, None, None], known[:, None, None, None, None], told[:, None, None, None, None], torch.full((2,), noise)
    )
    ours = MMSEEqualizer()(received)
    assert torch.allclose(ours.symbols / ours.csi, theirs, rtol=1e-3, atol=1e-3)
    # its noise is relative to symbols that are not shrunk
    assert torch.allclose(ours.noise_variance / ours.csi.abs().square(), left, rtol=1e-3)


@pytest.mark.parametrize("options", [{"streams": 2, "receive_antennas": 4}, {"receive_antennas": 2}], ids=str)
@pytest.mark.parametrize("power", [1.0, 4.0])
def test_noise_left_after_lmmse_is_told(options, power):
    x = gaussian_symbols(60, 3072) * power**0.5
    received = SionnaChannel("tdl-a", power, **options)(x, 15.0, generator=seeded(2))
    left = ((received.symbols - x).abs().square() / received.noise_variance).mean().item()
    assert left == pytest.approx(0.9, abs=0.2)  # Sionna takes interpolated estimates for as noisy as the pilots


def test_more_antennas_are_heard_as_more_power():
    x = gaussian_symbols(40, 1536)
    sinr = [
        (1 / SionnaChannel("tdl-a", receive_antennas=n)(x, 20.0, generator=seeded(1)).noise_variance).mean().item()
        for n in (2, 4, 8)
    ]
    assert sinr[1] / sinr[0] == pytest.approx(2, rel=0.15)
    assert sinr[2] / sinr[1] == pytest.approx(2, rel=0.15)


def test_slots_pilots_prefixes_and_streams_are_counted():
    assert SionnaChannel("tdl-c").channel_uses(1536) == 14 * 137
    assert SionnaChannel("tdl-c").channel_uses(1537) == 28 * 137
    assert SionnaChannel("tdl-c", streams=2, receive_antennas=2).channel_uses(3072) == 14 * 137


@pytest.mark.parametrize(
    ("channel", "additive"),
    [
        (SionnaChannel("tdl-c", 2.0, fft_size=64, cyclic_prefix=8), True),
        (SionnaChannel("tdl-a", streams=2, receive_antennas=2), False),
        (SionnaChannel("uma", receive_antennas=2), False),
    ],
    ids=str,
)
def test_the_contract_is_kept(channel, additive):
    """After LMMSE the noise is no longer that of the SNR, so its clauses cannot hold."""
    check_channel(channel, power=channel.power, additive_noise=additive)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "tdl-f"}, "model must be one of tdl-a, .* got 'tdl-f'"),
        ({"delay_spread_s": 0.0}, "delay_spread_s must be a number from 1e-12 to 1e.12, got 0.0"),
        ({"carrier_hz": math.inf}, "carrier_hz must be a number from .* got inf"),
        ({"speed_m_s": -1.0}, "speed_m_s must be a number from 0 to 1000 m/s, got -1.0"),
        ({"speed_m_s": "3"}, "speed_m_s must be a number from 0 to 1000 m/s, got '3'"),
        ({"streams": 0}, "streams must be an integer of at least 1, got 0"),
        ({"streams": 3, "receive_antennas": 3}, "fft_size must be a multiple of streams=3, got 128"),
        ({"streams": 2}, "receive_antennas must be at least streams=2, got 1"),
        ({"cyclic_prefix": 129}, "cyclic_prefix must be an integer from 0 to 128, got 129; .* fft_size"),
        ({"delay_spread_s": 2e-6}, "cyclic_prefix must be at least 16 samples, twice the delay spread, got 9"),
    ],
)
def test_bad_input_is_one_clear_error(options, said):
    with pytest.raises(ValueError, match=said):
        SionnaChannel(**options)
