"""The separation baseline: a real image codec, and an ideal channel code at capacity or a real one."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Literal, final

import numpy as np
import torch
from PIL import features
from torch import Tensor, nn

from semcomm.baselines import digital
from semcomm.baselines.codecs import CODECS, Codec, best_file, charged, decompress
from semcomm.channel.awgn import AWGNChannel
from semcomm.channel.base import check_number
from semcomm.channel.rayleigh import RayleighChannel
from semcomm.channel.snr import SNR, check_snr
from semcomm.images import check_images, to_float, to_uint8
from semcomm.symbols import check_bandwidth_ratio
from semcomm.transmission import Transmission, account, measured_power, measured_snr_db, papr_db
from semcomm.whole import check_whole

Delivered = Literal["random", "gray"]
Code = Literal["capacity", "ldpc"]


def awgn_capacity(snr_db: float) -> float:
    """Capacity of the complex AWGN channel, log2(1 + SNR), in bits per channel use.

    Example:
        >>> round(awgn_capacity(10.0), 3)
        3.459
    """
    return math.log2(1 + 10 ** (snr_db / 10))


@lru_cache(maxsize=256)
def rayleigh_capacity(snr_db: float) -> float:
    r"""Ergodic capacity of Rayleigh fading with CSI at the receiver, E[log2(1 + |h|^2 SNR)], in bits per channel use.

    $e^{1/\mathrm{SNR}} E_1(1/\mathrm{SNR}) / \ln 2$ (Tse and Viswanath, Section 5.4.5), by Gauss-Laguerre quadrature
    over |h|^2, which is exponentially distributed: within 0.01 bit up to 60 dB.

    Example:
        >>> round(rayleigh_capacity(10.0), 2)
        2.91
    """
    snr = 10 ** (snr_db / 10)
    nodes, weights = np.polynomial.laguerre.laggauss(150)
    return float(np.sum(weights * np.log2(1 + nodes * snr)))


CAPACITIES: dict[str, Callable[[float], float]] = {"awgn": awgn_capacity, "rayleigh": rayleigh_capacity}


@final
class SeparationBaseline:
    """A scheme that compresses, then codes for the channel.

    An ideal code (`code="capacity"`) loses nothing at any rate below capacity: per image the scheme spends at most
    k C bits, headers included, on the highest quality whose file fits. A real one (`code="ldpc"`) sends the file: 5G
    LDPC and QPSK to shaped 1024-QAM in exactly k channel uses, at the most efficient rate that loses one photograph in
    1,000 at the SNR that both ends believe in. A photograph is lost if one of its blocks is.

    Where no file fits, or it is lost, the scheme fails, and another image stands in for the one sent (arXiv
    2202.04754, Section IV). An image is encoded once for all SNRs, bandwidth ratios and baselines of a process.

    Args:
        codec: "jpeg", "jpeg2000", "webp" or "avif".
        bandwidth_ratio: k/n, n = 3 h w; k is rounded down.
        symbols_per_image: k of an `h x w` image, instead of `bandwidth_ratio`: another scheme's method of this name
            gives exactly its channel uses, padding included.
        channel: "awgn", or "rayleigh" for fades that differ from symbol to symbol and are known to the receiver (its
            ergodic capacity). With `code="ldpc"` also any channel object of power 1; rates are chosen for its `fading`,
            and what its pilots and prefixes take is part of k.
        delivered: what a failure delivers: "random" pixels, as in the paper, or a "gray" image.
        headers: whether every byte of the file counts. If False, what a receiver can write itself who knows codec,
            size and quality does not, and one byte that names the quality does.
        code: "capacity" or "ldpc".
        margin_db: how far below the SNR believed the rate is to be safe.

    Raises:
        ValueError: if an argument is not one of the above, or Pillow was built without the codec.

    Example:
        >>> photograph = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> SeparationBaseline("jpeg", bandwidth_ratio=1 / 12).transmit(photograph, -2.0).failed
        tensor([True])
    """

    def __init__(
        self,
        codec: Codec,
        *,
        bandwidth_ratio: float | None = None,
        symbols_per_image: Callable[[int, int], int] | None = None,
        channel: Literal["awgn", "rayleigh"] | nn.Module = "awgn",
        delivered: Delivered = "random",
        headers: bool = True,
        code: Code = "capacity",
        margin_db: float = 0.0,
    ):
        if not isinstance(codec, str) or codec not in CODECS:
            raise ValueError(f"codec must be one of {', '.join(CODECS)}, got {codec!r}")
        feature = {"jpeg": "jpg", "jpeg2000": "jpg_2000"}.get(codec, codec)
        if not features.check(feature):
            raise ValueError(f"codec {codec!r} is missing in this Pillow; install a Pillow wheel that has it")
        if (bandwidth_ratio is None) == (symbols_per_image is None):
            raise ValueError(
                f"give one of bandwidth_ratio and symbols_per_image, got {bandwidth_ratio} and {symbols_per_image}"
            )
        ratio = 0.0 if bandwidth_ratio is None else check_bandwidth_ratio(bandwidth_ratio)
        if symbols_per_image is not None and not callable(symbols_per_image):
            raise TypeError(
                "symbols_per_image must be a function of height and width, such as a system's method of this name, "
                f"got {symbols_per_image!r}"
            )
        if code not in ("capacity", "ldpc"):
            raise ValueError(f'code must be "capacity" or "ldpc", got {code!r}')
        ideal = isinstance(channel, str) and channel in CAPACITIES
        if not ideal and not (code == "ldpc" and isinstance(channel, nn.Module)):
            raise ValueError(
                f'channel must be one of {", ".join(CAPACITIES)}, or with code="ldpc" a channel, got {channel!r}'
            )
        power = getattr(channel, "power", 1.0)
        if power != 1:
            raise ValueError(f"channel.power must be 1, the power of the symbols that are sent, got {power}")
        if delivered not in ("random", "gray"):
            raise ValueError(f'delivered must be "random" or "gray", got {delivered!r}')
        self.codec: Codec = codec
        self._symbols_per_image = symbols_per_image or partial(_rounded_down, ratio)
        self.channel = channel
        self.delivered = delivered
        self.headers = headers
        self.code: Code = code
        self.margin_db = check_number(margin_db, "margin_db", -300, 300, " dB")

    def symbols_per_image(self, height: int, width: int) -> int:
        """Channel uses k of a `height x width` image: as given, or k/n of n = 3 h w, rounded down."""
        return self._symbols_per_image(check_whole(height, "height"), check_whole(width, "width"))

    def bandwidth_ratio(self, height: int, width: int) -> float:
        """Bandwidth ratio k/n really used by a `height x width` image."""
        return self.symbols_per_image(height, width) / (3 * height * width)

    def bits_per_image(self, height: int, width: int, snr_db: float) -> int:
        """Bits of the largest file that k channel uses carry at an SNR believed.

        At capacity they are floor(k C); the real code carries whole bytes.
        """
        return self._bits(height, width, check_number(snr_db, "snr_db", -300, 300, " dB"))

    def transmit(
        self,
        images: Tensor,
        snr_db: SNR,
        *,
        told_snr_db: SNR | None = None,
        generator: torch.Generator | None = None,
    ) -> Transmission:
        """Send images; a failure is marked in `Transmission.failed`.

        Args:
            images: uint8 `(b, 3, h, w)`, or float32 in [0, 1].
            snr_db: SNR in dB, a float or a tensor `(b,)`.
            told_snr_db: the SNR in dB that both ends believe in; None is the real one. Where the rate chosen for it is
                too high for the real one, the image is lost.
            generator: where the channel's noise and a failed image's random pixels come from.

        Raises:
            TypeError: if an argument is of a wrong type.
            ValueError: if an image is of a wrong shape or range, or an SNR outside -300 to 300 dB.
        """
        images = to_float(images)
        check_images(images)
        count, _, height, width = images.shape
        snrs = torch.as_tensor(check_snr(snr_db, count)).expand(count).tolist()
        told = snrs
        if told_snr_db is not None:
            told = torch.as_tensor(check_snr(told_snr_db, count, name="told_snr_db")).expand(count).tolist()
        name = "snr_db" if told_snr_db is None else "told_snr_db"
        budgets = [self._bits(height, width, check_number(one, name, -300, 300, " dB")) for one in told]
        pixels = to_uint8(images).cpu()
        files = [
            best_file(image, self.codec, bits, headers=self.headers)
            for image, bits in zip(pixels, budgets, strict=True)
        ]
        measured = {}
        if self.code == "ldpc":
            arrived, measured = self._over_the_link(files, (height, width), snrs, told, generator)
        else:
            arrived = [bits <= self._capacity(height, width, snr) for bits, snr in zip(budgets, snrs, strict=True)]
        received, failed = [], []
        for image, file, ok in zip(pixels, files, arrived, strict=True):
            failed.append(file is None or not ok)
            received.append(self._stand_in(image, generator) if file is None or not ok else decompress(file))
        return replace(
            account(images, torch.stack(received).to(images.device), self.symbols_per_image(height, width)),
            failed=torch.tensor(failed),
            **measured,
        )

    def _bits(self, height: int, width: int, snr_db: float) -> int:
        uses, safe_snr_db = self.symbols_per_image(height, width), snr_db - self.margin_db
        if self.code == "ldpc":
            return digital.budget(digital.symbols_within(self._link(), uses), safe_snr_db, self._fading)
        return math.floor(uses * CAPACITIES[str(self.channel)](safe_snr_db))

    @property
    def _fading(self) -> Literal["none", "fast"]:
        return getattr(self._link(), "fading", "none")

    def _link(self) -> nn.Module:
        if isinstance(self.channel, nn.Module):
            return self.channel
        return AWGNChannel() if self.channel == "awgn" else RayleighChannel()

    def _capacity(self, height: int, width: int, snr_db: float) -> float:
        return self.symbols_per_image(height, width) * CAPACITIES[str(self.channel)](snr_db)

    def _over_the_link(
        self,
        files: list[bytes | None],
        size: tuple[int, int],
        snr_db: list[float],
        told_snr_db: list[float],
        generator: torch.Generator | None,
    ) -> tuple[list[bool], dict[str, Tensor]]:
        channel = self._link()
        symbols = digital.symbols_within(channel, self.symbols_per_image(*size))
        if symbols == 0:
            return [False for _ in files], {}
        sent = [None if file is None else charged(file, self.codec, headers=self.headers) for file in files]
        carried = digital.carry(
            sent,
            symbols,
            snr_db,
            [believed - self.margin_db for believed in told_snr_db],
            channel=channel,
            fading=self._fading,
            generator=generator,
        )
        # what arrives without constant headers is completed by the receiver: the same file
        arrived = [one is not None and one == other for one, other in zip(carried.files, sent, strict=True)]
        measured = {
            "symbols": carried.symbols,
            "received_symbols": carried.received.symbols,
            "power": measured_power(carried.symbols),
            "papr_db": papr_db(carried.symbols),
            "measured_snr_db": measured_snr_db(carried.symbols, carried.received),
        }
        return arrived, measured

    def _stand_in(self, image: Tensor, generator: torch.Generator | None) -> Tensor:
        if self.delivered == "gray":
            return torch.full_like(image, 128)
        return torch.randint(0, 256, image.shape, dtype=torch.uint8, generator=generator)


def _rounded_down(ratio: float, height: int, width: int) -> int:
    return math.floor(ratio * 3 * height * width + 1e-6)
