"""Does a channel keep the contract? Measured, not believed."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from semcomm.channel.base import check_power, complex_normal
from semcomm.channel.snr import SNR, noise_variance

IMAGES, SYMBOLS, NOISE_SYMBOLS = 3, 64, 2**16
SNRS_DB = (0.0, 10.0)
GLOBAL_SEED = 987_654_321
TOLERANCE = 0.03
"""Relative, on noise of 65,536 symbols: more than seven standard deviations of a correct channel's measurement."""

Send = Callable[[Tensor, SNR], Tensor]


def check_channel(
    channel: nn.Module,
    *,
    power: float = 1.0,
    additive_noise: bool = True,
    device: torch.device | str = "cpu",
) -> None:
    """Check a channel of your own against the `Channel` contract, by measurement.

    Shape, dtype and device; gradient; one SNR per image; images independent of each other; reproducible under a
    generator; and, sent an all-zero signal, circular noise of variance P / 10^(SNR/10) per complex symbol.

    Args:
        channel: an `nn.Module` with `forward(x, snr_db, *, generator=None)`.
        power: the transmit power constraint P that its SNR refers to.
        additive_noise: False leaves the noise's power out, for equalised or other non-additive channels.
        device: where to try it.

    Raises:
        ValueError: listing every clause that is violated.

    Example:
        >>> from semcomm import AWGNChannel, RayleighChannel
        >>> check_channel(AWGNChannel())
        >>> check_channel(RayleighChannel(coherence="image", equalizer="mmse"), additive_noise=False)
    """
    check_power(power)
    where = torch.device(device)
    x = complex_normal((IMAGES, SYMBOLS), where, torch.Generator().manual_seed(0)) * power**0.5

    def send(signal: Tensor, snr_db: SNR, seed: int = 1) -> Tensor:
        return channel(signal, snr_db, generator=torch.Generator(where).manual_seed(seed))

    violations = list(_form(send, x))
    if not violations:
        clauses = [_gradient, _independence, _snr_per_image, _generator]
        for clause in [*clauses, _noise(power)] if additive_noise else clauses:
            try:
                violations.extend(clause(send, x))
            except Exception as error:
                violations.append(f"{_title(clause)}: forward raised {type(error).__name__}: {error}")
    if violations:
        listed = "".join(f"\n- {violation}" for violation in violations)
        raise ValueError(f"{type(channel).__name__} violates the channel contract:{listed}")


def _title(clause: Callable[..., object]) -> str:
    return clause.__name__.strip("_").replace("_", " ")


def _form(send: Send, x: Tensor) -> Iterator[str]:
    try:
        y = send(x, 10.0)
    except Exception as error:
        yield f"signature: forward(x, snr_db, *, generator=None) raised {type(error).__name__}: {error}"
        return
    if not isinstance(y, Tensor):
        yield f"type: forward must return a tensor, got {type(y).__name__}"
        return
    if y.shape != x.shape:
        yield f"shape: y must have the shape of x, {tuple(x.shape)}, got {tuple(y.shape)}"
    if y.dtype != x.dtype:
        yield f"dtype: y must be complex64 as x is, got {y.dtype}"
    if y.device != x.device:
        yield f"device: y must stay on {x.device}, got {y.device}"
    elif not bool(torch.isfinite(torch.view_as_real(y) if y.is_complex() else y).all()):
        yield "finite: y holds NaN or inf at 10 dB"


def _gradient(send: Send, x: Tensor) -> Iterator[str]:
    x = x.clone().requires_grad_()
    y = send(x, 10.0)
    if not y.requires_grad:
        yield "gradient: y is detached from x, so nothing before the channel can be trained"
        return
    (gradient,) = torch.autograd.grad(y.abs().square().sum(), x)
    if not bool(torch.isfinite(torch.view_as_real(gradient)).all()):
        yield "gradient: it holds NaN or inf"
    elif not bool((gradient.abs().amax(1) > 0).all()):
        yield "gradient: it is zero for a whole image, so the encoder would learn nothing from it"


def _independence(send: Send, x: Tensor) -> Iterator[str]:
    louder = x.clone()
    louder[1:] *= 10
    if not torch.allclose(send(x, 10.0)[0], send(louder, 10.0)[0], rtol=1e-5, atol=1e-6):
        yield "independence: the first image's y changes when the other images of the batch do"


def _snr_per_image(send: Send, x: Tensor) -> Iterator[str]:
    snrs = torch.tensor([0.0, 30.0, 10.0], device=x.device)
    try:
        mixed = send(x, snrs)
    except Exception as error:
        yield f"SNR per image: a tensor of shape (b,) raised {type(error).__name__}: {error}"
        return
    singly = torch.stack([send(x, snr)[image] for image, snr in enumerate(snrs.tolist())])
    if not torch.allclose(mixed, singly, rtol=1e-4, atol=1e-5):
        yield "SNR per image: with a tensor (b,), images do not get the SNR that is theirs"
    if torch.allclose(send(x, 0.0), send(x, 30.0)):
        yield "SNR: y is the same at 0 and at 30 dB"


def _generator(send: Callable[..., Tensor], x: Tensor) -> Iterator[str]:
    with torch.random.fork_rng(devices=[]):
        # a state of its own, so that a channel that seeds torch as it did before is seen to do so
        before = torch.default_generator.manual_seed(GLOBAL_SEED).get_state()
        same = torch.equal(send(x, 10.0), send(x, 10.0))
        untouched = torch.equal(before, torch.get_rng_state())
    if not same:
        yield "generator: two calls with the same generator state differ, so generator is ignored"
    elif not untouched:
        yield "generator: torch's global generator was seeded or drawn from although a generator was given"
    if torch.equal(send(x, 10.0, seed=1), send(x, 10.0, seed=2)):
        yield "generator: two generators of different seeds give the same y, so generator is ignored"


def _noise(power: float) -> Callable[[Send, Tensor], Iterator[str]]:
    def noise_power(send: Send, x: Tensor) -> Iterator[str]:
        silence = torch.zeros(1, NOISE_SYMBOLS, dtype=x.dtype, device=x.device)
        for snr_db in SNRS_DB:
            faults = list(_noise_faults(send(silence, snr_db)[0], snr_db, float(noise_variance(snr_db, power))))
            yield from faults
            if faults:
                return  # another SNR would repeat them

    return noise_power


def _noise_faults(noise: Tensor, snr_db: float, expected: float) -> Iterator[str]:
    measured = noise.abs().square().mean().item()
    required = f"noise power: an all-zero signal at {snr_db:g} dB must get noise of {expected:g} per complex symbol"
    if measured == 0:
        yield f"{required}, measured none; its power must not depend on the signal's"
        return
    if abs(measured / expected - 1) > TOLERANCE:
        yield f"{required}, measured {measured:.4g} ({10 * math.log10(measured / expected):+.2f} dB)"
    real_share = noise.real.square().mean().item() / measured
    correlation = noise.square().mean().abs().item() / measured
    if abs(real_share - 0.5) > TOLERANCE or correlation > TOLERANCE:
        yield (
            f"circular noise: at {snr_db:g} dB the real part must have half of the noise power and be uncorrelated "
            f"with the imaginary part, measured a share of {real_share:.3f} and |E[w^2]| / E|w|^2 = {correlation:.3f}"
        )
    if noise.mean().abs().item() > TOLERANCE * measured**0.5:
        yield f"noise mean: it must be zero, measured {noise.mean().item():.3g} at {snr_db:g} dB"
