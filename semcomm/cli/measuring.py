"""What the commands that measure share: their options, codecs by name, and the measuring itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semcomm.baselines.codecs import CODECS
from semcomm.baselines.separation import SeparationBaseline
from semcomm.channel.snr import LOWEST_SNR_DB
from semcomm.cli.options import JsonOption, SeedOption, show_progress
from semcomm.cli.reports import check_outputs, write_csv, write_figure, write_json, write_text_file
from semcomm.cli.skip_bad import SkipBadOption, choose_photographs, naming_the_remedy
from semcomm.experiments.curves import Width
from semcomm.experiments.measure import evaluate
from semcomm.experiments.measurement import Measurement
from semcomm.quality.scores import metrics_by_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DrawsOption = Annotated[int, typer.Option(min=1, help="How often each photograph is sent at each SNR.")]
OVER_LDPC = "+ldpc"
"""Ending of a codec's name whose file is sent over a real code."""
CODED = {"awgn": "awgn, 5G LDPC", "rayleigh": "fast rayleigh, CSI, 5G LDPC"}


@dataclass(frozen=True)
class Test:
    """What schemes are measured on, and how."""

    data: Annotated[Path, typer.Option(help="Folder of photographs, searched with its subfolders.")]
    snr: Annotated[str, typer.Option(help="SNRs in dB, separated by commas.")] = "1,4,7,10,13"
    size: Annotated[
        int | None, typer.Option(min=1, help="Send the central SIZE x SIZE pixels; whole photographs without it.")
    ] = None
    metrics: Annotated[
        str,
        typer.Option(
            help="More scores, separated by commas: ms-ssim, ms-ssim-db, lpips (if its weights are here), fidelity, "
            "papr."
        ),
    ] = ""
    seed: SeedOption = 0
    skip_bad: SkipBadOption = False


@dataclass(frozen=True)
class Results:
    """Where results are written."""

    json_file: JsonOption = None
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the rows here, too.")] = None
    latex: Annotated[Path | None, typer.Option("--latex", help="Write the table here for LaTeX (booktabs), too.")] = (
        None
    )
    figure: Annotated[
        Path | None, typer.Option(help="Draw the scores against SNR into this file, .png, .pdf or .svg.")
    ] = None
    figure_width: Annotated[
        Width, typer.Option("--figure-width", help="For a screen, or one or both columns of an IEEE paper.")
    ] = "screen"

    def check(self, data: Path) -> None:
        """Make sure, before long work begins, that they can be written and overwrite no photograph of `data`."""
        files = {"--json": self.json_file, "--csv": self.csv_file, "--latex": self.latex, "--figure": self.figure}
        check_outputs(files, photographs=[data])

    def write(
        self, content: Any, rows: list[dict[str, Any]], latex: Callable[[], str], figure: Callable[[], "Figure"]
    ) -> None:
        """Write JSON, rows, table and figure; the last two are made where they are asked for."""
        write_json(self.json_file, content)
        write_csv(self.csv_file, rows)
        write_text_file(self.latex, latex)
        write_figure(self.figure, figure)


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
    test: Test,
    channels: Mapping[str, str],
    *,
    draws: int = 1,
    told: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any] | None = None,
) -> tuple[list[Measurement], dict[str, Any]]:
    """Measure schemes on the photographs of a folder.

    Args:
        schemes: by their names.
        test: on what, and how.
        channels: what each is sent over, in words.
        draws: value of --draws.
        told: further keywords of each scheme's `transmit`.
        settings: what else the results are to say.

    Returns:
        A measurement per scheme, and what JSON says of the data.
    """
    snrs = read_snrs(test.snr)
    scores = metrics_by_name(read_names(test.metrics))
    paths = choose_photographs(test.data, skip_bad=test.skip_bad)
    left_out = {"skipped": [path.name for path in paths.damaged]} if test.skip_bad else {}
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
                seed=test.seed,
                size=test.size,
                name=name,
                progress=advance,
                **told.get(name, {}),
            )
            told_besides = {**measured.settings, **(settings or {})}
            results.append(replace(measured, channel=channels[name], settings=told_besides))
    return results, {"data": str(test.data), **left_out}


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
