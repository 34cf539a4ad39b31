"""Does a channel keep the contract? Measured, not believed."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from semcomm.channel.base import check_power, complex_normal
from semcomm.channel.snr import SNR, noise_variance
from semcomm.contracts import Received
from semcomm.whole import whole

IMAGES, SYMBOLS, NOISE_SYMBOLS = 3, 64, 2**16
SNRS_DB = (-10.0, 0.0, 10.0, 25.0)
GLOBAL_SEED = 987_654_321
TOLERANCE = 0.03
"""Relative, on noise of 65,536 symbols: more than seven standard deviations of a correct channel's measurement."""

KNOWN = 0.25
"""Largest share of y's energy that csi may leave unexplained where there is no noise: an estimate is not exact."""
NOISELESS_DB = 100.0
ESTIMATES, ESTIMATE_TOLERANCE = 128, 0.2
"""Images, each with an estimate of its own, that the noise told beside estimated csi is measured on, and how well."""

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
    reproducible under a generator; channel uses of at least k, over `channel.streams` where it has some; and, sent an
    all-zero signal, circular noise of variance P / 10^(SNR/10) per complex symbol, drawn for every image, and the same
    whatever the signal. Of a channel that returns `Received`, too: y = csi x + w, at least nearly so, and w of the
    noise_variance told.

    Args:
        channel: an `nn.Module` with `forward(x, snr_db, *, generator=None)`.
        power: the transmit power constraint P that its SNR refers to.
        additive_noise: False leaves the noise's clauses out, for nonlinear or other channels where y is not a linear
            function of x plus noise.
        device: where to try it.

    Raises:
        TypeError: if `channel` is no `nn.Module`.
        ValueError: listing every clause that is violated.

    Example:
        >>> from semcomm import AWGNChannel, RayleighChannel
        >>> check_channel(AWGNChannel())
        >>> check_channel(RayleighChannel(coherence="image"))
    """
    if not isinstance(channel, nn.Module):
        raise TypeError(f"channel must be an nn.Module, made already, got {channel!r}")
    check_power(power)
    where = _device(device)
    x = complex_normal((IMAGES, SYMBOLS), where, torch.Generator().manual_seed(0)) * power**0.5

    def receive(signal: Tensor, snr_db: SNR, seed: int | None = 1) -> Any:
        generator = None if seed is None else torch.Generator(where).manual_seed(seed)
        return channel(signal, snr_db, generator=generator)

    def send(signal: Tensor, snr_db: SNR, seed: int | None = 1) -> Tensor:
        y = receive(signal, snr_db, seed)
        y = y.symbols if isinstance(y, Received) else y
        return y.resolve_conj() if isinstance(y, Tensor) else y

    violations = list(_form(send, x))
    if not violations:
        violations = [*_told(receive, x), *_uses(channel)]
    if not violations:
        clauses = [_gradient, _independence, _snr_per_image, _generator, _no_generator]
        noise = [_additivity, _noise(power), _csi(receive), _told_noise(receive)] if additive_noise else []
        for clause in [*clauses, *noise]:
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
        yield f"type: forward must return a tensor or Received, got {type(y).__name__}"
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


def _told(receive: Callable[[Tensor, SNR], Any], x: Tensor) -> Iterator[str]:
    """Form of what a channel tells the receiver beside y."""
    received = receive(x, 10.0)
    if not isinstance(received, Received):
        return
    if received.side is not None:
        yield f"side: a channel must leave it None, got {type(received.side).__name__}"
    csi, variance = received.csi, received.noise_variance
    if csi is not None:
        if not isinstance(csi, Tensor) or csi.shape != x.shape or csi.dtype != x.dtype or csi.device != x.device:
            yield f"csi: it must be like y, complex64 {tuple(x.shape)} on {x.device}, got {_like(csi)}"
        elif not bool(torch.isfinite(torch.view_as_real(csi.resolve_conj())).all()):
            yield "csi: it holds NaN or inf at 10 dB"
    if variance is not None:
        shapes = ((), (len(x), 1), tuple(x.shape))
        if not isinstance(variance, Tensor) or tuple(variance.shape) not in shapes or variance.dtype != torch.float32:
            yield f"noise_variance: it must be float32 (b, k), (b, 1) or (), got {_like(variance)}"
        elif variance.device != x.device:
            yield f"noise_variance: it must be on {x.device}, got {variance.device}"
        elif not bool((variance >= 0).all()):
            yield "noise_variance: it holds NaN or negative numbers"


def _like(value: Any) -> str:
    return (
        f"{value.dtype} {tuple(value.shape)} on {value.device}" if isinstance(value, Tensor) else type(value).__name__
    )


def _uses(channel: nn.Module) -> Iterator[str]:
    """Whether `channel_uses`, where there is one, counts."""
    count: Any = getattr(channel, "channel_uses", None)
    if count is None:
        return
    streams: int = getattr(channel, "streams", 1)
    sent = (1, SYMBOLS, 1000)
    try:
        counted = [count(k) for k in sent]
    except Exception as error:
        yield f"channel uses: channel_uses(k) raised {type(error).__name__}: {error}"
        return
    if any((uses := whole(one)) is None or uses * streams < k for one, k in zip(counted, sent, strict=True)):
        least = "k" if streams == 1 else f"k / {streams}, the channel's streams"
        yield f"channel uses: channel_uses(k) must be an integer of at least {least}, got {counted} for {sent}"


def _csi(receive: Callable[[Tensor, SNR], Any]) -> Callable[[Send, Tensor], Iterator[str]]:
    def csi(send: Send, x: Tensor) -> Iterator[str]:  # noqa: ARG001
        received = receive(x, NOISELESS_DB)
        if isinstance(received, Received) and received.csi is not None:
            unexplained = (received.symbols - received.csi * x).abs().square().sum().item()
            share = unexplained / received.symbols.abs().square().sum().item()
            if not share < KNOWN:
                yield f"csi: without noise, y must be csi times x, but {share:.0%} of y is something else"

    return csi


def _told_noise(receive: Callable[[Tensor, SNR], Any]) -> Callable[[Send, Tensor], Iterator[str]]:
    def told_noise(send: Send, x: Tensor) -> Iterator[str]:  # noqa: ARG001
        silence = torch.zeros(2, NOISE_SYMBOLS, dtype=x.dtype, device=x.device)
        power = x.abs().square().mean()
        signal = complex_normal((ESTIMATES, SYMBOLS), x.device, torch.Generator().manual_seed(2)) * power.sqrt()
        for snr_db in SNRS_DB:
            received = receive(silence, snr_db)
            if not isinstance(received, Received) or received.noise_variance is None:
                return
            told = received.noise_variance.expand(silence.shape).mean().item()
            measured = received.symbols.abs().square().mean().item()
            # an estimated gain leaves more than the noise: its error, which shows where there is a signal
            most = math.inf if received.csi is not None else 1 + TOLERANCE
            if not 1 - TOLERANCE <= told / measured <= most:
                yield f"noise_variance: at {snr_db:g} dB {told:.4g} is told, but the noise has {measured:.4g}"
                return
            received = receive(signal, snr_db)
            if received.csi is None:
                continue
            told = received.noise_variance.expand(signal.shape).mean().item()
            measured = (received.symbols - received.csi * signal).abs().square().mean().item()
            if not abs(told / measured - 1) <= ESTIMATE_TOLERANCE:
                yield f"noise_variance: at {snr_db:g} dB {told:.4g} is told, but y - csi x has {measured:.4g}"
                return

    return told_noise


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
