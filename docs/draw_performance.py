"""Make docs/performance.md, its picture and its JSON of what `pytest tests/benchmarks --benchmark-json FILE` wrote."""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HERE = Path(__file__).parent
INK, FAINT, OURS, GOAL = "#1f2430", "#697080", "#2a6fb0", "#b03a2e"
TITLE = {"fontsize": 11, "color": INK}
PAGE = """# Performance

<!-- made by docs/draw_performance.py; edit that -->

Every figure is a ratio, measured in one run on one machine: both ways of doing the same thing, one after the
other, round after round, in the time that the process spent on the processor. The ratio is the median over rounds
of the ratio within a round. Below 1, semcomm is faster.

```
pip install -e '.[dev]'
pytest tests/benchmarks --benchmark-json performance.json
python docs/draw_performance.py performance.json
```

This page is from {date}, {cpu}, {threads} of {processors} processors, {system}, Python {python}, torch {torch}.

```{{image}} performance/ratios.svg
:alt: Time of semcomm over time of the same without it, with the target of each
:class: wide-picture
```

## Against the same without semcomm

{ratios}

- **The channels' floor** is what any implementation must do: draw the noise (and the fades) and multiply and add
  once; forward and backward, complex64 `(32, 16384)`. {kaira}
- **Plain** is the same layers written first and eagerly: contiguous tensors, batch normalisation by itself, `Adam`
  as it comes. Same weights, same outputs: the benchmark checks that they agree to 1e-4. Captions and label maps
  are given to both.

What makes the difference: on channels-last tensors, which the systems switch to by themselves, convolutions of few
channels are faster on a CPU, transposed ones most of all; those of stride 1 are built as the convolutions that they
are. `transmit` runs what `forward` runs, and folds nothing: where the system trains meanwhile, it runs a twin in eval
mode that shares all weights. `torch.inference_mode` is not used: what `transmit` returns would be refused by autograd.

Targets were set on another processor (Intel), when the plain way still ran transposed convolutions of stride 1 as
such; both ways gained since. So the code before parts had contracts (commit `319981e^`, checked out beside) and this
one were compared on the AMD EPYC, one after the other, by `pytest tests/benchmarks/test_networks.py
tests/benchmarks/test_channels.py -s` in each, one run: inference of a 256 x 256 image 49.4 ms and 49.4 ms, of a 768 x
512 one 270 ms and 286 ms; Rayleigh with MMSE 11.8 ms and 14.5 ms, which now tells the decoder what is left, too;
training steps against the plain ones 0.93, 0.87, 0.91 and 0.95, 0.89, 0.94, with other work on the other processor.

## Time and memory against pixels

{pixels}

`transmit` with `mlsc-image-l4-t8`, captions, label maps, PSNR and SSIM included; memory is the highest of the
whole process, torch's own {base:.1f} GiB or so included. Up to {one_piece} megapixels an image goes through in one
piece, beyond that in strips of about as many, so memory grows by what the image itself takes.

What is exact about strips, up to rounding (tested to 1e-4 at small sizes against one piece):

- Convolutions: a strip takes the rows along that reach into it (the sum of all kernels' reaches), and only the
  image's own borders are padded with zeros.
- The power constraint is met over the whole image: all features are made first, then normalised, sent, and
  decoded.
- SSIM and the label maps are computed in strips as well. Where two classes are level to the last bit, rounding may
  choose the other; no seam can come of it.

The shipped captioner and segmenter look at a photograph reduced to a fixed number of pixels, so they cost the same
at any size. An extractor of your own that works at full size, such as SPNet, needs whatever memory it needs: give
`transmit` its `semantics` instead, made from a reduced photograph.

## Import

`import semcomm` takes {import_ratio} of what `import torch, torchvision` takes: torchvision is imported by those
adapters that need it. Fresh processes, interleaved.
"""


def main() -> None:
    """Read the benchmark's JSON; write the page, the picture and the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("json", type=Path, help="what --benchmark-json wrote")
    report = json.loads(arguments.parse_args().json.read_text())
    figures = trimmed(report)
    ratios = [one for one in figures["benchmarks"] if "ratios" in one]
    pixels = [one for one in figures["benchmarks"] if "megapixels" in one]
    folder = HERE / "performance"
    folder.mkdir(exist_ok=True)
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    draw(ratios, pixels, folder / "ratios.svg")
    (HERE / "performance.md").write_text(page(figures["machine"], ratios, pixels))


def trimmed(report: dict[str, Any]) -> dict[str, Any]:
    """Keep what the page says: the machine, and every figure."""
    machine = report["machine_info"]
    return {
        "date": report["datetime"][:10],
        "machine": {
            "date": report["datetime"][:10],
            "cpu": machine["cpu"].get("brand_raw", machine["machine"]),
            "system": machine["system"],
            **{name: machine[name] for name in ("processors", "threads", "python", "torch", "torchvision")},
        },
        "benchmarks": [one["extra_info"] for one in report["benchmarks"] if one["extra_info"]],
    }


def page(machine: dict[str, Any], ratios: list[dict[str, Any]], pixels: list[dict[str, Any]]) -> str:
    """Fill the page in."""
    rows = ["| what | against | semcomm (ms) | it (ms) | ratio | target |", "|---|---|---:|---:|---:|---:|"]
    for one in ratios:
        for place, (other, ratio) in enumerate(one["ratios"].items()):
            target = f"≤ {one['target']}" if place == 0 and one["target"] else ""
            missed = ", missed" if place == 0 and one["target"] and ratio > one["target"] else ""
            times = [f"{one['ms'][name]:.4g}" for name in (one["own"], other)]
            rows.append(f"| {one['what']} | {other} | {' | '.join(times)} | **{ratio:.2f}**{missed} | {target} |")
    sizes = ["| megapixels | time (s) | seconds per megapixel | peak memory (GiB) |", "|---:|---:|---:|---:|"]
    for one in pixels:
        per = one["seconds"] / one["megapixels"]
        sizes.append(f"| {one['megapixels']:g} | {one['seconds']:.2f} | {per:.2f} | {one['peak_gib']:.2f} |")
    kaira = any("Kaira" in other for one in ratios for other in one["ratios"])
    imported = next((one for one in ratios if one["what"] == "import semcomm"), None)
    return PAGE.format(
        **machine,
        ratios="\n".join(rows),
        pixels="\n".join(sizes),
        kaira="Kaira's channels do the same on the same tensors." if kaira else "Kaira could not be imported here.",
        base=min((one["peak_gib"] for one in pixels), default=0),
        one_piece="4.2",
        import_ratio="?" if imported is None else f"{next(iter(imported['ratios'].values())):.2f}",
    )


def draw(ratios: list[dict[str, Any]], pixels: list[dict[str, Any]], path: Path) -> None:
    """Bars with their targets, and time and memory against pixels."""
    figure = Figure(figsize=(12, 0.42 * len(ratios) + 4.2), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, height_ratios=(0.42 * len(ratios) + 0.6, 3.2))
    _bars(figure.add_subplot(grid[0, :]), ratios)
    for column, (name, title, color) in enumerate(
        (("seconds", "time on the processor (s)", OURS), ("peak_gib", "peak memory (GiB)", "#2f8f5b"))
    ):
        _curve(figure.add_subplot(grid[1, column]), pixels, name, title, color)
    with matplotlib.rc_context({"svg.hashsalt": "semcomm", "svg.fonttype": "path"}):
        figure.savefig(path, metadata={"Date": None})


def _bars(axes: Axes, ratios: list[dict[str, Any]]) -> None:
    for place, one in enumerate(reversed(ratios)):
        other, ratio = next(iter(one["ratios"].items()))
        axes.barh(place, ratio, height=0.55, color=OURS, alpha=0.85)
        axes.text(0.012, place, f"{ratio:.2f}", va="center", fontsize=9.5, color="white", weight="bold")
        if one["target"]:
            axes.plot([one["target"]] * 2, [place - 0.4, place + 0.4], color=GOAL, lw=2)
    axes.axvline(1, color=FAINT, lw=0.8, ls=":")
    names = [f"{one['what']}  /  {next(iter(one['ratios']))}" for one in reversed(ratios)]
    axes.set_yticks(range(len(ratios)), names, fontsize=9.5, color=INK)
    axes.set_title(
        "time of semcomm over time of the same without it (red: at most)", fontsize=11, color=INK, loc="left"
    )
    axes.set_xlim(
        0, max((max(next(iter(one["ratios"].values())), one["target"] or 0) for one in ratios), default=1) + 0.15
    )
    axes.spines[["top", "right"]].set_visible(False)


def _curve(axes: Axes, pixels: list[dict[str, Any]], name: str, title: str, color: str) -> None:
    sizes = [one["megapixels"] for one in pixels]
    axes.plot(sizes, [one[name] for one in pixels], "o-", color=color)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.set_xticks([], minor=True)
    if name == "peak_gib":
        axes.axhline(6, color=GOAL, lw=2)
        axes.set_ylim(0, 6.5)
    else:
        axes.set_yscale("log")
        ticks = [5, 10, 20, 50, 100, 200]
        axes.set_yticks(ticks, [f"{seconds}" for seconds in ticks])
        axes.set_yticks([], minor=True)
        axes.set_ylim(3, 120)
    axes.set_xlabel("megapixels", fontsize=10, color=INK)
    axes.set_title(title, loc="left", **TITLE)
    axes.grid(color="#e4e6eb", lw=0.7)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
