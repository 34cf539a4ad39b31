"""Does a channel keep the contract? Measured, not believed."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from semcomm.channel.base import check_power, complex_normal
from semcomm.channel.snr import SNR, noise_variance

IMAGES, SYMBOLS, NOISE_SYMBOLS = 3, 64, 2**16
SNRS_DB = (-10.0, 0.0, 10.0, 25.0)
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

    Shape, dtype and device; x left as it was; gradient; one SNR per image; images independent of each other;
    reproducible under a generator; and, sent an all-zero signal, circular noise of variance P / 10^(SNR/10) per complex
    symbol, drawn for every image, and the same whatever the signal.

    Args:
        channel: an `nn.Module` with `forward(x, snr_db, *, generator=None)`.
        power: the transmit power constraint P that its SNR refers to.
        additive_noise: False leaves the noise's clauses out, for equalised, nonlinear or other channels where y is not
            a linear function of x plus noise.
        device: where to try it.

    Raises:
        TypeError: if `channel` is no `nn.Module`.
        ValueError: listing every clause that is violated.

    Example:
        >>> from semcomm import AWGNChannel, RayleighChannel
        >>> check_channel(AWGNChannel())
        >>> check_channel(RayleighChannel(coherence="image", equalizer="mmse"), additive_noise=False)
    """
    if not isinstance(channel, nn.Module):
        raise TypeError(f"channel must be an nn.Module, made already, got {channel!r}")
    check_power(power)
    where = _device(device)
    x = complex_normal((IMAGES, SYMBOLS), where, torch.Generator().manual_seed(0)) * power**0.5

    def send(signal: Tensor, snr_db: SNR, seed: int | None = 1) -> Tensor:
        generator = None if seed is None else torch.Generator(where).manual_seed(seed)
        y = channel(signal, snr_db, generator=generator)
        return y.resolve_conj() if isinstance(y, Tensor) else y

    violations = list(_form(send, x))
    if not violations:
        clauses = [_gradient, _independence, _snr_per_image, _generator, _no_generator]
        for clause in [*clauses, _additivity, _noise(power)] if additive_noise else clauses:
            try:
                violations.extend(clause(send, x))
            except Exception as error:
                violations.append(f"{_title(clause)}: forward raised {type(error).__name__}: {error}")
    if violations:
        listed = "".join(f"\n- {violation}" for violation in violations)
        raise ValueError(f"{type(channel).__name__} violates the channel contract:{listed}")


def _device(device: torch.device | str) -> torch.device:
    try:
        return torch.zeros(1, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device must be one that torch finds here, such as 'cpu', got {str(device)!r}") from error


def _title(clause: Callable[..., object]) -> str:
    return clause.__name__.strip("_").replace("_", " ")


def _form(send: Send, x: Tensor) -> Iterator[str]:
    before = x.clone()
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
    if not torch.equal(x, before):
        yield "in place: x was overwritten, so what was sent is lost; return a new tensor"


def _gradient(send: Send, x: Tensor) -> Iterator[str]:
    x = x.clone().requires_grad_()
    y = send(x, 10.0)
    if not y.requires_grad:
        yield "gradient: y is detached from x, so nothing before the channel can be trained"
        return
    parts = torch.view_as_real(torch.autograd.grad(y.abs().square().sum(), x)[0].resolve_conj())
    if not bool(torch.isfinite(parts).all()):
        yield "gradient: it holds NaN or inf"
    elif not bool((parts.abs().amax((1, 2)) > 0).all()):
        yield "gradient: it is zero for a whole image, so the encoder would learn nothing from it"
    elif not bool((parts.abs().amax(1) > 0).all()):
        yield "gradient: it is zero for all real or all imaginary parts of an image"


def _independence(send: Send, x: Tensor) -> Iterator[str]:
    y = send(x, 10.0)
    for image in range(len(x)):
        others_louder = 10 * x
        others_louder[image] = x[image]
        if not torch.allclose(y[image], send(others_louder, 10.0)[image], rtol=1e-5, atol=1e-6):
            yield f"independence: image {image}'s y changes when the other images of the batch do"
            return


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


def _no_generator(send: Callable[..., Tensor], x: Tensor) -> Iterator[str]:
    with torch.random.fork_rng(devices=[]):
        if torch.equal(send(x, 10.0, seed=None), send(x, 10.0, seed=None)):
            yield "no generator: two calls give the same y, so torch's global generator is seeded behind the caller"


def _additivity(send: Send, x: Tensor) -> Iterator[str]:
    noise = send(torch.zeros_like(x), 10.0)
    once, tenfold = send(x, 10.0) - noise, send(10 * x, 10.0) - noise
    if not torch.allclose(tenfold, 10 * once, rtol=1e-3, atol=1e-4 * once.abs().max().item()):
        yield (
            "additive noise: ten times the signal does not arrive ten times as strong in the same noise, so the noise "
            "depends on the signal, or the channel is nonlinear (then check it with additive_noise=False)"
        )


def _noise(power: float) -> Callable[[Send, Tensor], Iterator[str]]:
    def noise_power(send: Send, x: Tensor) -> Iterator[str]:
        silence = torch.zeros(2, NOISE_SYMBOLS, dtype=x.dtype, device=x.device)
        for snr_db in SNRS_DB:
            noise, other = send(silence, snr_db)
            faults = list(_noise_faults(noise, snr_db, float(noise_variance(snr_db, power))))
            if not faults and (noise * other.conj()).mean().abs() > TOLERANCE * noise.abs().square().mean():
                faults = [f"noise per image: two images of a batch get correlated noise at {snr_db:g} dB"]
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
