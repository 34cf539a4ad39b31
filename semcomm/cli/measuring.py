"""What the commands that measure share: their options, codecs by name, and the measuring itself."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from semcomm.baselines.codecs import CODECS
from semcomm.baselines.separation import SeparationBaseline
from semcomm.channel.snr import LOWEST_SNR_DB
from semcomm.cli.options import show_progress
from semcomm.cli.skip_bad import choose_photographs, naming_the_remedy
from semcomm.experiments.curves import Width
from semcomm.experiments.measure import evaluate
from semcomm.experiments.measurement import Measurement
from semcomm.quality.scores import metrics_by_name

SizeOption = Annotated[
    int | None, typer.Option(min=1, help="Send the central SIZE x SIZE pixels; whole photographs without it.")
]
DrawsOption = Annotated[int, typer.Option(min=1, help="How often each photograph is sent at each SNR.")]
MetricsOption = Annotated[
    str,
    typer.Option(
        help="More scores, separated by commas: ms-ssim, ms-ssim-db, lpips (if its weights are here), fidelity, papr."
    ),
]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write the rows here, too.")]
LatexOption = Annotated[Path | None, typer.Option("--latex", help="Write the table here for LaTeX (booktabs), too.")]
FigureOption = Annotated[
    Path | None, typer.Option(help="Draw the scores against SNR into this file, .png, .pdf or .svg.")
]
WidthOption = Annotated[
    Width, typer.Option("--figure-width", help="For a screen, or one or both columns of an IEEE paper.")
]

OVER_LDPC = "+ldpc"
"""Ending of a codec's name whose file is sent over a real code."""
CODED = {"awgn": "awgn, 5G LDPC", "rayleigh": "fast rayleigh, CSI, 5G LDPC"}


def is_codec(name: str) -> bool:
    """Whether a name is that of a codec, such as jpeg or jpeg+ldpc."""
    return name.removesuffix(OVER_LDPC) in CODECS


def codec_beside(name: str, symbols_per_image: Callable[[int, int], int], channel: str) -> SeparationBaseline:
    """A codec, such as jpeg or jpeg+ldpc, in the channel uses that a function of height and width says."""
    codec, code = name.removesuffix(OVER_LDPC), "ldpc" if name.endswith(OVER_LDPC) else "capacity"
    return SeparationBaseline(codec, symbols_per_image=symbols_per_image, channel=channel, code=code)  # type: ignore[arg-type]


def link_of(scheme: SeparationBaseline) -> str:
    """What a codec's files are sent over, in words."""
    if scheme.code == "ldpc":
        return CODED[str(scheme.channel)]
    return "awgn at capacity" if scheme.channel == "awgn" else "rayleigh at ergodic capacity, CSI"


def check_codecs_channel(option: str, names: list[str], channel: str) -> None:
    """Refuse codecs over a channel whose capacity is not known."""
    if names and channel not in CODED:
        raise ValueError(f"{option} needs a channel of known capacity, awgn or rayleigh, got --channel {channel}")


def measure(
    schemes: Mapping[str, Any],
    data: Path,
    snr: str,
    channels: Mapping[str, str],
    *,
    size: int | None,
    draws: int,
    metrics: str,
    seed: int,
    skip_bad: bool,
    told: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any] | None = None,
) -> tuple[list[Measurement], dict[str, Any]]:
    """Measure schemes on the photographs of a folder.

    Args:
        schemes: by their names.
        data: value of --data.
        snr: value of --snr.
        channels: what each is sent over, in words.
        size: value of --size.
        draws: value of --draws.
        metrics: value of --metrics.
        seed: value of --seed.
        skip_bad: value of --skip-bad.
        told: further keywords of each scheme's `transmit`.
        settings: what else the results are to say.

    Returns:
        A measurement per scheme, and what JSON says of the data.
    """
    snrs = read_snrs(snr)
    scores = metrics_by_name(read_names(metrics))
    paths = choose_photographs(data, skip_bad=skip_bad)
    left_out = {"skipped": [path.name for path in paths.damaged]} if skip_bad else {}
    results = []
    with (
        naming_the_remedy(paths),
        show_progress("sending", total=len(schemes) * len(paths) * len(snrs)) as advance,
    ):
        for name, scheme in schemes.items():
            measured = evaluate(
                scheme,
                paths,
                snrs,
                metrics=scores,
                draws=draws,
                seed=seed,
                size=size,
                name=name,
                progress=advance,
                **told.get(name, {}),
            )
            told_besides = {**measured.settings, **(settings or {})}
            results.append(replace(measured, channel=channels[name], settings=told_besides))
    return results, {"data": str(data), **left_out}


def read_names(text: str) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def read_snrs(text: str) -> list[float]:
    """Read the value of --snr, such as "1,4,7"."""
    try:
        snrs = list(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError as error:
        raise ValueError(f"--snr takes numbers separated by commas, such as 1,4,7, got {text!r}") from error
    if not all(LOWEST_SNR_DB <= snr <= -LOWEST_SNR_DB for snr in snrs):
        raise ValueError(f"--snr takes {LOWEST_SNR_DB:g} to {-LOWEST_SNR_DB:g} dB, got {text}")
    return snrs
