"""What the parts of a system promise one another; a part of your own keeps the same promise.

Symbols used in shapes: `b` images of `h x w` pixels, `k` channel uses per image.

| part | hop | `forward` |
|---|---|---|
| `Transmitter` | 1, 2 | images to symbols before the constraint, or `Sent` |
| `Constraint` | 3 | symbols to symbols |
| `Channel` | 4 | symbols to received symbols, or `Received` |
| `Equalizer` | 5 | `Received` to `Received` |
| `Receiver` | 5, 6 | `Received` to images, or `Delivered` |

A part that can do more says so by keywords of its own `forward`. `SemanticSystem` hands a keyword of `Request` to the
parts whose `forward` (or `symbols_per_image`) has a parameter of that name, and refuses it where the transmitter has
none.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, final

import torch
from torch import Tensor, nn

from semcomm.channel.base import Fading, check_power
from semcomm.channel.snr import SNR
from semcomm.whole import check_whole

if TYPE_CHECKING:
    from semcomm.transmission import Transmission


@final
@dataclass(frozen=True)
class Semantics:
    """What the frozen extractors found in a batch, so that they need not run again.

    Args:
        tokens: caption tokens, int64 `(b, T)`.
        labels: label maps, integer `(b, h, w)`.
    """

    tokens: Tensor | None = None
    labels: Tensor | None = None


@final
@dataclass(frozen=True)
class Request:
    """What a caller asks of one transmission beside the SNR; None leaves it to the system.

    The transmitter's `forward` is given what is asked of levels, rate, channel_uses, safe_snr_db and importance, and
    the SNR told as its `snr_db`. The receiver's `forward` is given levels, rate, channel_uses and told_snr_db where it
    has these parameters. `symbols_per_image` of the transmitter is given levels, rate and channel_uses.

    Args:
        levels: how many levels are sent, for nested systems.
        rate: which of a system's rates is used.
        channel_uses: the budget k, channel uses per image.
        told_snr_db: the SNR in dB that the sender believes; None is the real one.
        safe_snr_db: the SNR in dB down to which a digital part must arrive; None is the SNR told.
        importance: weights of classes of the label map by name, such as `{"person": 4.0}`.

    Raises:
        ValueError: if levels or channel_uses is no integer of at least 1.
    """

    levels: int | None = None
    rate: int | float | None = None
    channel_uses: int | None = None
    told_snr_db: SNR | None = None
    safe_snr_db: SNR | None = None
    importance: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        """Make ints of NumPy's integers."""
        for name in ("levels", "channel_uses"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_whole(value, name))

    def given_to(
        self, function: Callable[..., Any], names: Sequence[str], *, required_of: nn.Module | None = None
    ) -> dict[str, Any]:
        """What is asked of `names`, as keywords for a function that has these parameters.

        Args:
            function: a part's method.
            names: which of the fields concern it.
            required_of: the part that is blamed where `function` lacks a parameter; None to leave the keyword out.

        Raises:
            ValueError: if the part must take a keyword and does not.
        """
        asked = {name: value for name in names if (value := getattr(self, name)) is not None}
        if not asked:
            return asked
        known = inspect.signature(function).parameters
        for name in asked.keys() - known.keys():
            if required_of is not None:
                part = type(required_of).__name__
                raise ValueError(f"{name} must be None, got {asked[name]!r}: {part} has no {name}= to choose")
        return {name: value for name, value in asked.items() if name in known}


TRANSMITTERS = ("levels", "rate", "channel_uses", "safe_snr_db", "importance")
RECEIVERS = ("levels", "rate", "channel_uses", "told_snr_db")
COSTS = ("levels", "rate", "channel_uses")
"""The fields of `Request` that concern a transmitter's `forward`, a receiver's `forward`, and `symbols_per_image`."""


@final
@dataclass(frozen=True)
class Sent:
    """What a transmitter makes of images.

    Args:
        symbols: complex64 `(b, k)`.
        side: what may be taken as received while training, such as bits that a channel code protects. The system hands
            it to the receiver in training mode only, in `Received.side`.
        channel_uses: channel uses of every part of the message by its name, a number or int64 `(b,)`; None if unknown.
    """

    symbols: Tensor
    side: object | None = None
    channel_uses: Mapping[str, int | Tensor] | None = None


@final
@dataclass(frozen=True)
class Received:
    """What a receiver's antenna and estimator know: `symbols = csi * x + w`, w of `noise_variance`.

    An equaliser keeps this equation: it scales the symbols, and csi and noise_variance with them. So
    `|csi|^2 / noise_variance` is the SNR of every symbol, equalised or not.

    Args:
        symbols: complex64 `(b, k)`.
        csi: complex64 `(b, k)`, the gain of every symbol as the receiver knows it; None is 1, or unknown.
        noise_variance: float `(b, k)`, `(b, 1)` or `()`, the noise in each symbol; None if unknown.
        side: what `Sent.side` was, in training mode; else None.
    """

    symbols: Tensor
    csi: Tensor | None = None
    noise_variance: Tensor | None = None
    side: object | None = None


@final
@dataclass(frozen=True)
class Delivered:
    """What a receiver makes of symbols, where that is more than images.

    Args:
        images: float32 `(b, 3, h, w)` in [0, 1].
        captions: the captions received, one per image; None for one that did not arrive.
        labels: the label maps received, int64 `(b, h, w)`; -1 everywhere where one did not arrive or was not sent.
        lost: whether each image's protected part did not arrive whole, bool `(b,)`.
    """

    images: Tensor
    captions: list[str | None] | None = None
    labels: Tensor | None = None
    lost: Tensor | None = None


class Transmitter(Protocol):
    """Hops 1 and 2 of 6: an `nn.Module` from images to symbols before the power constraint.

    It may have more. `downsampling: int` is the least height and width of an image. `extract(images, semantics=None)
    -> Semantics` runs its frozen extractors once for many transmissions. `caption` and `segmentation` are these
    extractors, a `CaptionFeature` and a `SegmentationFeature`, or None. Further keywords of `forward` are fields of
    `Request`; those of `levels`, `rate` and `channel_uses` are then keywords of `symbols_per_image`, too.
    """

    def __call__(
        self, images: Tensor, snr_db: SNR | None = None, *, semantics: Semantics | None = None
    ) -> Tensor | Sent:
        """Encode images float32 `(b, 3, h, w)` in [0, 1] into complex64 `(b, k)`, or `Sent`.

        `snr_db` is what the sender believes; None where the caller does not say.
        """
        ...

    def symbols_per_image(self, height: int, width: int) -> int:
        """Symbols k of a `height x width` image, padding included."""
        ...


class Constraint(Protocol):
    """Hop 3 of 6: an `nn.Module` that bends symbols to what the channel takes: `PowerNormalize`, or a chain.

    One that adds symbols has `channel_uses(k) -> int`, how many then are sent.
    """

    def __call__(self, symbols: Tensor) -> Tensor:
        """Constrain complex64 `(b, k)`."""
        ...


class Channel(nn.Module, ABC):
    """Hop 4 of 6: symbols to received symbols.

    A small base class; any `nn.Module` whose `forward` has this signature is a channel too, and `check_channel` says
    whether it keeps the contract: shape, dtype and device stay, gradients pass, images do not touch one another, the
    SNR is one number or one per image, and all randomness comes from `generator`.

    Args:
        power: the transmit power constraint P that SNRs refer to.

    Raises:
        ValueError: if `power` is not a number from 1e-12 to 1e12.

    Attributes:
        fading: what a sender may know beforehand: "none" where every symbol has the SNR, "fast" where symbols of an
            image meet many fades about it. A transmitter whose `forward` has a keyword `fading` is told. A module that
            is no `Channel` may have this attribute, too.
    """

    fading: Fading = "none"

    def __init__(self, power: float = 1.0):
        super().__init__()
        self.power = check_power(power)

    @abstractmethod
    def forward(self, x: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> Tensor | Received:
        """Send symbols.

        Args:
            x: complex64 `(b, k)`, the symbols sent.
            snr_db: SNR in dB, a float or a tensor `(b,)`.
            generator: where the randomness comes from; torch's default one if None.

        Returns:
            complex64 `(b, k)`, the symbols received, on the device of `x`; or `Received`, where the receiver knows more
            than the SNR. A tensor is taken for symbols with noise of variance P / 10^(SNR/10).
        """

    def channel_uses(self, k: int) -> int:
        """Channel uses of `k` symbols: k, and whatever the channel adds, such as pilots and cyclic prefixes."""
        return k


class Equalizer(Protocol):
    """Hop 5 of 6: an `nn.Module` that undoes fading; without CSI it returns what it is given."""

    def __call__(self, received: Received) -> Received:
        """Scale symbols, csi and noise_variance."""
        ...


class Receiver(Protocol):
    """Hops 5 and 6 of 6: an `nn.Module` from equalised symbols to images.

    Further keywords of `forward` are levels, rate, channel_uses and told_snr_db of `Request`.
    """

    def __call__(self, received: Received, size: tuple[int, int], snr_db: SNR | None = None) -> Tensor | Delivered:
        """Decode into float images `(b, 3, *size)` in [0, 1], or `Delivered`."""
        ...


class Scheme(Protocol):
    """What can be measured beside others: a `SemanticSystem`, a `SeparationBaseline`, or one of your own.

    It may have more. `extract(images) -> Semantics | None` runs its frozen extractors once for many transmissions; then
    `transmit` takes the result as `semantics=`. Further keywords of `transmit` are those of `Request`.
    """

    def transmit(self, images: Tensor, snr_db: SNR, *, generator: torch.Generator | None = None) -> "Transmission":
        """Send images once and account for it."""
        ...
