"""Photographs sent at several SNRs, and scored one by one."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semcomm.channel.snr import LOWEST_SNR_DB
from semcomm.contracts import Request, Scheme
from semcomm.data.folders import Photographs
from semcomm.data.layouts import find_photographs
from semcomm.experiments.measurement import Measurement
from semcomm.extractors.cache import FeatureCache
from semcomm.files.pictures import load_image
from semcomm.images import center_crop, to_float
from semcomm.quality.meaning import arrivals, psnr_by_importance
from semcomm.quality.scores import Metric, metrics_by_name
from semcomm.transmission import Transmission
from semcomm.whole import check_whole


def evaluate(
    scheme: Scheme,
    photographs: str | Path | Photographs | Sequence[str | Path] | Sequence[Tensor] | Tensor,
    snr_db: float | Sequence[float],
    *,
    metrics: str | Sequence[str] | Mapping[str, Metric] = (),
    draws: int = 1,
    seed: int = 0,
    size: int | None = None,
    name: str | None = None,
    features: FeatureCache | None = None,
    levels: int | None = None,
    rate: float | None = None,
    channel_uses: int | None = None,
    told_snr_db: float | None = None,
    safe_snr_db: float | None = None,
    importance: Mapping[str, float] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Measurement:
    """Send every photograph at every SNR, and score what arrives.

    Each photograph is sent on its own. Its noise is a function of the seed, the SNR, its place and the draw, so the
    same call gives the same numbers, whatever else is evaluated.

    Args:
        scheme: what sends them.
        photographs: a folder, which is searched with its subfolders; files, which a `Photographs` decodes once for many
            calls; or images `(3, h, w)`, uint8, or float32 in [0, 1].
        snr_db: one SNR in dB, or several.
        metrics: scores beside PSNR and SSIM: names ("ms-ssim", "lpips", "fidelity", "papr"), or your own functions by
            name. A function takes the image received and the image sent, both float `(1, 3, h, w)` in [0, 1], and
            returns one number per image, or several by name. If it has a method `look`, that sees the image sent
            first, and the keywords that it returns are passed with every image received. If it has a parameter
            `transmission`, it is given the `Transmission`, too.
        draws: how often each photograph is sent at each SNR, with new noise.
        seed: what all noise comes from.
        size: send the photographs' central `size x size` pixels; None for whole photographs.
        name: the scheme's name in tables and legends; None for its class's.
        features: what `cache_features` made of the photographs; None to run the extractors once per photograph.
        levels: how many levels to send. Like all keywords below it is handed to `transmit`, and refused where the
            scheme does not understand it.
        rate: which of a system's rates to use.
        channel_uses: channel uses k of each image.
        told_snr_db: what the sender believes the SNR to be, in dB.
        safe_snr_db: down to which SNR in dB the digital part must arrive.
        importance: weights of classes of the segmentation, by name; PSNR inside and outside of them is scored, too.
        progress: called after every photograph and SNR.

    Raises:
        TypeError: if an argument is of another kind, or a metric or the scheme returns something else.
        ValueError: if a number is out of range, the scheme does not understand a keyword, or a photograph cannot be
            read or sent; the message names it.

    Example:
        >>> from semcomm import SeparationBaseline
        >>> photographs = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        >>> jpeg = SeparationBaseline("jpeg", bandwidth_ratio=1 / 3)
        >>> measured = evaluate(jpeg, photographs, [-10.0, 20.0], name="JPEG")
        >>> [row["failures"] for row in measured.rows]
        [2, 0]
    """
    _check_kinds(scheme, features, progress)
    if isinstance(snr_db, str | bool) or not isinstance(snr_db, Real | Iterable):
        raise TypeError(f"snr_db must be a number of dB, or several, got {snr_db!r}")
    snrs_db = list(dict.fromkeys([float(snr_db)] if isinstance(snr_db, Real) else map(float, snr_db)))
    for one in snrs_db:
        if not LOWEST_SNR_DB <= one <= -LOWEST_SNR_DB:
            raise ValueError(f"snr_db must be from {LOWEST_SNR_DB:g} to {-LOWEST_SNR_DB:g} dB, got {one}")
    if not snrs_db:
        raise ValueError("snr_db must hold at least one SNR, got none")
    if size is not None and features is not None:
        raise ValueError(f"features are those of whole photographs: size must be None, got {size}")
    draws, seed = check_whole(draws, "draws"), check_whole(seed, "seed", 0)
    size = None if size is None else check_whole(size, "size")
    told = vars(Request(levels, rate, channel_uses, told_snr_db, safe_snr_db, importance))
    options = {keyword: value for keyword, value in told.items() if value is not None}
    _check_understood(scheme, options)
    chosen = _choose(metrics)
    found, read = _list(photographs)
    symbols, dimensions, scores, failed = [], [], [], []
    for place, (label, photograph) in enumerate(found):
        try:
            image = read(photograph) if isinstance(photograph, Path) else photograph
            image = (image if size is None else center_crop(image, size))[None]
            known = None if features is None else features.semantics(Path(label))
            send = _sender(scheme, image, known, options)
            score = _scorer(chosen, to_float(image), importance, _class_names(scheme))
            k, scores_here, failed_here = 0, [], []
            for one in snrs_db:
                sent = [send(one, _generator(seed, one, place, draw)) for draw in range(draws)]
                scores_here.append([score(transmission) for transmission in sent])
                failed_here.append([bool(one.failed is not None and one.failed.any()) for one in sent])
                k = sent[0].symbols_per_image
                progress()
        except ValueError as error:
            raise ValueError(error if label in str(error) else f"{label}: {error}") from error
        symbols.append(k)
        dimensions.append(image.numel())
        scores.append(scores_here)
        failed.append(failed_here)
    return Measurement(
        name=type(scheme).__name__ if name is None else name,
        channel=_describe_channel(scheme),
        seed=seed,
        photographs=[Path(label).name for label, _ in found],
        symbols=symbols,
        dimensions=dimensions,
        snrs_db=snrs_db,
        scores={
            one: np.array([[[draw[one] for draw in sent] for sent in image] for image in scores]).swapaxes(0, 1)
            for one in scores[0][0][0]
        },
        failed=np.array(failed).swapaxes(0, 1),
        settings=({} if size is None else {"size": size}) | ({} if draws == 1 else {"draws": draws}) | options,
    )


def _check_kinds(scheme: Any, features: Any, progress: Any) -> None:
    """Refuse what cannot do what `evaluate` asks of it."""
    if isinstance(scheme, type) or not callable(getattr(scheme, "transmit", None)):
        raise TypeError(f"scheme must be made already and have a method transmit, as a system has, got {scheme!r}")
    if features is not None and not callable(getattr(features, "semantics", None)):
        raise TypeError(f"features must be a FeatureCache or None, got {type(features).__name__}")
    if not callable(progress):
        raise TypeError(f"progress must be a function without arguments, got {progress!r}")


def _choose(metrics: Any) -> dict[str, Metric]:
    """Return the metrics asked for by their names."""
    names = [metrics] if isinstance(metrics, str) else metrics
    if not isinstance(names, Iterable):
        raise TypeError(f"metrics must be names, or functions by name, got {metrics!r}")
    chosen = dict(names) if isinstance(names, Mapping) else metrics_by_name(list(names))
    for name, metric in chosen.items():
        if not isinstance(name, str) or not callable(metric):
            raise TypeError(f"metrics[{name!r}] must be a function of images received and sent, got {metric!r}")
    if taken := chosen.keys() & {"psnr_db", "ssim"}:
        raise ValueError(f"metrics must not be named {', '.join(sorted(taken))}, which are always measured")
    return chosen


def _list(photographs: Any) -> tuple[list[tuple[str, Path | Tensor]], Callable[[Path], Tensor]]:
    """Name every photograph; and the function that reads one."""
    if isinstance(photographs, str | Path):
        photographs = find_photographs(Path(photographs))
    if not isinstance(photographs, Iterable):
        raise TypeError(f"photographs must be a folder, files or images (3, h, w), got {type(photographs).__name__}")
    items: Iterable[Any] = photographs
    found: list[tuple[str, Path | Tensor]] = []
    for number, item in enumerate(items):
        if not isinstance(item, Tensor | str | Path):
            raise TypeError(f"photographs must be a folder, files or images (3, h, w), got {type(item).__name__}")
        found.append((f"image {number}", item) if isinstance(item, Tensor) else (str(item), Path(item)))
    if not found:
        raise ValueError("photographs must hold at least one, got none")
    return found, photographs.read if isinstance(photographs, Photographs) else load_image


def _class_names(scheme: Any) -> Sequence[str] | None:
    return getattr(getattr(scheme, "segmentation", None), "class_names", None)


def _check_understood(scheme: Scheme, options: Mapping[str, Any]) -> None:
    known = inspect.signature(scheme.transmit).parameters
    for keyword, value in options.items():
        if keyword not in known:
            raise ValueError(
                f"{keyword} must be None for a {type(scheme).__name__}, which has no {keyword}= to choose, got {value}"
            )


def _describe_channel(scheme: Scheme) -> str:
    channel = getattr(scheme, "channel", "")
    return f"{channel} at capacity" if isinstance(channel, str) and channel else " ".join(str(channel).split())


def _sender(
    scheme: Any, image: Tensor, known: Any, options: Mapping[str, Any]
) -> Callable[[float, torch.Generator], Transmission]:
    """Let a scheme's frozen extractors look at an image once, however often it is sent."""
    if hasattr(scheme, "extract"):
        options = {**options, "semantics": known or scheme.extract(image)}

    def send(snr_db: float, generator: torch.Generator) -> Transmission:
        sent = scheme.transmit(image, snr_db, generator=generator, **options)
        if not isinstance(sent, Transmission):
            made, got = type(scheme).__name__, type(sent).__name__
            raise TypeError(f"scheme: transmit of {made} must return a Transmission, got {got}")
        return sent

    return send


def _scorer(
    metrics: Mapping[str, Metric],
    image: Tensor,
    importance: Mapping[str, float] | None,
    class_names: Sequence[str] | None,
) -> Callable[[Transmission], dict[str, float]]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    image = image.to(device)
    looks = {name: look for name, metric in metrics.items() if (look := getattr(metric, "look", None))}
    seen = {name: look(image) for name, look in looks.items()}
    whole = {name for name, metric in metrics.items() if _takes_transmission(metric)}

    def score(sent: Transmission) -> dict[str, float]:
        scores = {"psnr_db": sent.psnr_db.item(), "ssim": sent.ssim.item()}
        scores |= {name: value.item() for name, value in arrivals(sent).items()}
        if importance and sent.labels is not None and class_names is not None:
            pictures = to_float(sent.images), image.to(sent.images.device)
            inside = psnr_by_importance(*pictures, sent.labels, importance, class_names)
            scores |= {name: value.item() for name, value in inside.items()}
        received = to_float(sent.images).to(device) if metrics else sent.images
        for name, metric in metrics.items():
            told = seen.get(name, {}) | ({"transmission": sent} if name in whole else {})
            value = metric(received, image, **told)
            for label, one in (value if isinstance(value, Mapping) else {name: value}).items():
                scores[label] = _number(one, f"metrics[{name!r}]")
        return scores

    return score


def _number(value: Any, name: str) -> float:
    try:
        number = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        number = None
    if number is None or number.is_complex():
        got = type(value).__name__ if number is None else number.dtype
        raise TypeError(f"{name} must return a tensor with one number per image, got {got}")
    if number.numel() != 1:
        raise ValueError(f"{name} must return one number per image, got shape {tuple(number.shape)}")
    return float(number)


def _takes_transmission(metric: Metric) -> bool:
    try:
        return "transmission" in inspect.signature(metric).parameters
    except (TypeError, ValueError):  # a function written in C
        return False


def _generator(seed: int, snr_db: float, place: int, draw: int) -> torch.Generator:
    stream = np.random.SeedSequence((seed, round(1000 * (snr_db + 1000)), place, draw))
    return torch.Generator().manual_seed(int(stream.generate_state(1)[0]))
