"""Hop 4 of 6: the channel models of 3GPP TR 38.901, by Sionna, through an OFDM resource grid.

Sionna is imported when symbols are first sent (seconds). It keeps random generators of its own, one for each device;
they are seeded from the caller's generator for the length of a call and put back as they were.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from semcomm.channel.awgn import add_noise
from semcomm.channel.base import Fading, check_generator, check_number, check_symbols
from semcomm.channel.snr import SNR, check_snr, noise_variance_of
from semcomm.contracts import Channel, Received
from semcomm.link.sionna_blocks import generators_kept
from semcomm.whole import check_whole

OFDM_SYMBOLS = 14
PILOT_SYMBOLS = (2, 11)
MODELS = ("tdl-a", "tdl-b", "tdl-c", "tdl-d", "tdl-e", "cdl-a", "cdl-b", "cdl-c", "cdl-d", "cdl-e", "umi", "uma")
SCENARIOS = ("umi", "uma")


@final
@dataclass(frozen=True)
class _Setting:
    """What the blocks of a channel are made from."""

    model: str
    delay_spread: float
    carrier: float
    speed: float
    subcarriers: int
    prefix: int
    spacing: float
    streams: int
    antennas: int
    device: str


@final
class SionnaChannel(Channel):
    r"""Hop 4 of 6: a 3GPP TR 38.901 model through slots of 14 OFDM symbols, two of them pilots.

    Symbols fill slots on all subcarriers; OFDM symbols 2 and 11 of each are pilots. Fades follow the model over the
    image's slots, constant within an OFDM symbol; E|h|^2 = 1 over an antenna pair (no path loss, no shadowing). The
    receiver estimates them by least squares and linear interpolation. With one stream and one receive antenna it tells
    the fades and leaves equalising to the system. Otherwise it equalises by LMMSE over its antennas, and tells the
    noise and interference that is left in every symbol.

    With S streams, S symbols share a channel use and its power: each is sent with P / S, so k symbols spend about k / S
    channel uses. Pilots, cyclic prefixes and the empty rest of the last slot are counted by `channel_uses`.

    Args:
        model: "tdl-a" to "tdl-e", "cdl-a" to "cdl-e", "umi" or "uma".
        power: the transmit power constraint P.
        delay_spread_s: RMS delay spread in seconds; "umi" and "uma" draw their own.
        carrier_hz: carrier frequency in Hz.
        speed_m_s: speed of the receiver in m/s.
        fft_size: subcarriers, a multiple of `streams`.
        cyclic_prefix: samples; they must outlast the delays, which for the models is about 5 delay spreads.
        subcarrier_spacing_hz: in Hz.
        streams: transmit antennas, each with a stream of symbols of its own.
        receive_antennas: at least `streams`.

    Shape:
        x complex64 `(b, k)` to `Received`, complex64 `(b, k)`.

    Raises:
        TypeError: as `AWGNChannel`.
        ValueError: as `AWGNChannel`; if an argument is out of range.

    Example:
        >>> SionnaChannel("tdl-c").channel_uses(10_000)  # 7 slots of 1,536 symbols: 14 (128 + 9) samples each
        13426
    """

    fading: Fading = "fast"

    def __init__(
        self,
        model: str = "tdl-c",
        power: float = 1.0,
        *,
        delay_spread_s: float = 100e-9,
        carrier_hz: float = 3.5e9,
        speed_m_s: float = 1.0,
        fft_size: int = 128,
        cyclic_prefix: int = 9,
        subcarrier_spacing_hz: float = 30e3,
        streams: int = 1,
        receive_antennas: int = 1,
    ):
        super().__init__(power)
        if model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}, got {model!r}")
        delay_spread_s = check_number(delay_spread_s, "delay_spread_s", 1e-12, 1e12)
        carrier_hz = check_number(carrier_hz, "carrier_hz", 1e-12, 1e12)
        subcarrier_spacing_hz = check_number(subcarrier_spacing_hz, "subcarrier_spacing_hz", 1e-12, 1e12)
        speed_m_s = check_number(speed_m_s, "speed_m_s", 0, 1000, " m/s")
        fft_size, streams = check_whole(fft_size, "fft_size"), check_whole(streams, "streams")
        receive_antennas = check_whole(receive_antennas, "receive_antennas")
        if fft_size % streams:
            raise ValueError(f"fft_size must be a multiple of streams={streams}, got {fft_size}; pilots take turns")
        if receive_antennas < streams:
            raise ValueError(f"receive_antennas must be at least streams={streams}, got {receive_antennas}")
        cyclic_prefix = check_whole(
            cyclic_prefix, "cyclic_prefix", 0, fft_size, because="it repeats samples of fft_size"
        )
        sample_s = 1 / (fft_size * subcarrier_spacing_hz)
        if model not in SCENARIOS and cyclic_prefix * sample_s < 2 * delay_spread_s:
            least = math.ceil(2 * delay_spread_s / sample_s)
            raise ValueError(
                f"cyclic_prefix must be at least {least} samples, twice the delay spread, got {cyclic_prefix}; "
                "a shorter one lets OFDM symbols run into each other"
            )
        self.model, self.streams, self.receive_antennas = model, streams, receive_antennas
        self.delay_spread_s, self.carrier_hz, self.speed_m_s = delay_spread_s, carrier_hz, speed_m_s
        self.fft_size, self.cyclic_prefix = fft_size, cyclic_prefix
        self.subcarrier_spacing_hz = subcarrier_spacing_hz

    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Received:
        """Send complex64 `(b, k)` through slots at `snr_db`."""
        check_symbols(x)
        images, k = x.shape
        snr_db = check_snr(snr_db, images)
        slots, shared = self._slots(k), self.power / self.streams
        blocks = _blocks(self._setting(str(x.device)))
        data = torch.nn.functional.pad(x, (0, slots * self._per_slot() - k))
        grid = blocks.map(data.reshape(images * slots, 1, self.streams, -1) * self.streams**-0.5, shared**0.5)
        with _seeded(generator, x.device):
            fades = blocks.fades(images, slots)  # (b slots, 1, antennas, 1, streams, 14, F)
        heard = (fades[:, 0, :, 0] * grid).sum(2)  # (b slots, antennas, 14, F)
        y = add_noise(heard.reshape(images, -1), snr_db, self.power, generator).reshape(heard.shape)
        noise = noise_variance_of(x, snr_db, self.power).reshape(-1, 1).expand(images, slots)
        no = noise.reshape(images * slots)
        estimate, error = blocks.estimate(y[:, None] / shared**0.5, no / shared)
        if self.streams == self.receive_antennas == 1:
            arrived, csi, told = (
                blocks.data(part)
                for part in (y[:, 0], estimate[:, 0, 0, 0, 0], no[:, None, None] + self.power * error[:, 0, 0, 0, 0])
            )
        else:
            # the LMMSE equaliser of Sionna takes symbols of unit power, and tells noise relative to it
            arrived, told = blocks.equalize(y[:, None] / shared**0.5, estimate, error, no / shared)
            arrived, told = arrived * self.power**0.5, told * self.power
            csi = torch.ones_like(arrived)
        return Received(*(part.reshape(images, -1)[:, :k] for part in (arrived, csi, told)))

    def channel_uses(self, k: int) -> int:
        """Samples of all slots that `k` symbols need: pilots, prefixes and padding included."""
        return self._slots(k) * OFDM_SYMBOLS * (self.fft_size + self.cyclic_prefix)

    def _per_slot(self) -> int:
        return (OFDM_SYMBOLS - len(PILOT_SYMBOLS)) * self.fft_size * self.streams

    def _slots(self, k: int) -> int:
        return math.ceil(k / self._per_slot())

    def _setting(self, device: str) -> _Setting:
        return _Setting(
            self.model,
            self.delay_spread_s,
            self.carrier_hz,
            self.speed_m_s,
            self.fft_size,
            self.cyclic_prefix,
            self.subcarrier_spacing_hz,
            self.streams,
            self.receive_antennas,
            "cuda:0" if device == "cuda" else device,
        )

    def extra_repr(self) -> str:
        """Show the model and the grid."""
        return (
            f"{self.model!r}, power={self.power}, fft_size={self.fft_size}, cyclic_prefix={self.cyclic_prefix}, "
            f"streams={self.streams}, receive_antennas={self.receive_antennas}"
        )


@contextmanager
def _seeded(generator: torch.Generator | None, device: torch.device) -> Iterator[None]:
    """Seed Sionna's generator of a device from the caller's, and put it back as it was."""
    from sionna.phy import config

    check_generator(generator)
    source = generator.device if generator is not None else torch.device("cpu")
    seed = int(torch.randint(2**63 - 1, (), device=source, generator=generator))
    theirs = config.torch_rng("cuda:0" if str(device) == "cuda" else str(device))
    before = theirs.get_state()
    try:
        theirs.manual_seed(seed)
        yield
    finally:
        theirs.set_state(before)


@final
class _Blocks:
    """Sionna's blocks of one setting."""

    def __init__(self, setting: _Setting):
        from sionna.phy import mimo, ofdm
        from sionna.phy.channel import subcarrier_frequencies

        self.setting = setting
        common: Any = {"precision": "single", "device": setting.device}
        self.common = common
        self.grid = ofdm.ResourceGrid(
            OFDM_SYMBOLS,
            setting.subcarriers,
            setting.spacing,
            num_streams_per_tx=setting.streams,
            cyclic_prefix_length=setting.prefix,
            pilot_pattern="kronecker",
            pilot_ofdm_symbol_indices=list(PILOT_SYMBOLS),
            **common,
        )
        self.mapper = ofdm.ResourceGridMapper(self.grid, **common)
        self.estimate = ofdm.LSChannelEstimator(self.grid, interpolation_type="lin", **common)
        streams = mimo.StreamManagement(np.array([[1]]), setting.streams)
        self.equalizer = ofdm.LMMSEEqualizer(self.grid, streams, **common)
        self.frequencies = subcarrier_frequencies(setting.subcarriers, setting.spacing, **common)
        self.is_pilot = torch.zeros(OFDM_SYMBOLS, dtype=torch.bool, device=setting.device)
        self.is_pilot[list(PILOT_SYMBOLS)] = True
        self.model: Any = _scenario if setting.model in SCENARIOS else _model(setting, common)

    def map(self, data: Tensor, pilot_amplitude: float) -> Tensor:
        """Data `(n, 1, streams, d)` and pilots to a grid `(n, 1, streams, 14, F)`."""
        grid = self.mapper(data)
        return torch.where(self.is_pilot[:, None], grid * pilot_amplitude, grid)

    def fades(self, images: int, slots: int) -> Tensor:
        """Draw fades `(images slots, 1, antennas, 1, streams, 14, F)`, one after another over an image's slots."""
        from sionna.phy.channel import cir_to_ofdm_channel

        steps, rate = slots * OFDM_SYMBOLS, 1 / self.grid.ofdm_symbol_duration
        if self.model is _scenario:
            gains, delays = _scenario(self.setting, self.common, images, steps, rate)
        else:
            gains, delays = self.model(images, steps, rate)
        # single precision holds phases of delays up to microseconds; the delay of the first path is no fade
        delays = delays - delays.amin(-1, keepdim=True)
        fades = cir_to_ofdm_channel(self.frequencies, gains, delays, self.setting.model in SCENARIOS)
        fades = fades.unflatten(5, (slots, OFDM_SYMBOLS)).movedim(5, 1)
        return fades.flatten(0, 1)

    def equalize(self, y: Tensor, estimate: Tensor, error: Tensor, no: Tensor) -> tuple[Tensor, Tensor]:
        """LMMSE over the receive antennas: symbols and the noise left in them, `(n, streams d)` each."""
        symbols, left = self.equalizer(y, estimate, error, no[:, None, None])
        return symbols.flatten(1), left.flatten(1)

    def data(self, grid: Tensor) -> Tensor:
        """Places of a grid `(n, 14, F)` that hold data, `(n, d)`."""
        return grid[:, ~self.is_pilot].flatten(1)


@lru_cache(maxsize=16)
def _blocks(setting: _Setting) -> _Blocks:
    # pilots are drawn by Sionna when its grid is made: from one seed, so that both ends know them
    with generators_kept():
        import sionna.phy  # noqa: F401
    with _seeded(torch.Generator().manual_seed(0), torch.device(setting.device)):
        return _Blocks(setting)


def _arrays(setting: _Setting, common: Any) -> tuple[Any, Any]:
    """Antennas of the receiver and of the transmitter, in a row each."""
    from sionna.phy.channel.tr38901 import PanelArray

    receiver, transmitter = (
        PanelArray(
            num_rows_per_panel=1,
            num_cols_per_panel=antennas,
            polarization="single",
            polarization_type="V",
            antenna_pattern="omni",
            carrier_frequency=setting.carrier,
            **common,
        )
        for antennas in (setting.antennas, setting.streams)
    )
    return receiver, transmitter


def _model(setting: _Setting, common: Any) -> Any:
    from sionna.phy.channel.tr38901 import CDL, TDL

    family, _, letter = setting.model.partition("-")
    speeds: Any = {"min_speed": setting.speed, "max_speed": setting.speed}
    if family == "tdl":
        return TDL(
            letter.upper(),
            setting.delay_spread,
            setting.carrier,
            num_rx_ant=setting.antennas,
            num_tx_ant=setting.streams,
            **speeds,
            **common,
        )
    receiver, transmitter = _arrays(setting, common)
    return CDL(letter.upper(), setting.delay_spread, setting.carrier, receiver, transmitter, **speeds, **common)


def _scenario(setting: _Setting, common: Any, images: int, steps: int, rate: float) -> tuple[Tensor, Tensor]:
    """Drop a user for each image somewhere in a cell, and draw the paths to it."""
    from sionna.phy.channel import gen_single_sector_topology
    from sionna.phy.channel.tr38901 import UMa, UMi

    receiver, transmitter = _arrays(setting, common)
    model = (UMi if setting.model == "umi" else UMa)(
        setting.carrier,
        "low",
        receiver,
        transmitter,
        "downlink",
        enable_pathloss=False,
        enable_shadow_fading=False,
        **common,
    )
    speed = {"min_ut_velocity": setting.speed, "max_ut_velocity": setting.speed}
    model.set_topology(*gen_single_sector_topology(images, 1, setting.model, **speed, **common))
    gains, delays, *_ = model(steps, rate)
    return gains, delays
