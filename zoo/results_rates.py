"""Fig. 4, and where codecs at capacity win: quality at the same channel uses."""

import math
from collections.abc import Sequence

from results_grid import CODECS, Grid, difference
from results_section import Section, curve, pm, rows

from semcomm.experiments.claims import FAILS, HOLDS, SMALL_RATIO, Claim, Evidence
from semcomm.experiments.curves import Curve, Panel, draw_curves
from semcomm.experiments.figures import PSNR, RATIO, SNR, SSIM

BY_RATIO = ("mlsc-image-l4-t16", "mlsc-image-l2-t8", "mlsc-image-l3-t8", "mlsc-image-l4-t8", "mlsc-image-l6-t8")
"""MLSC-image from the smallest k/n to the largest."""
SNRS_DB = (1.0, 10.0)
JPEG_RATIO = 13 / 192
"""Up to this k/n MLSC-image should be ahead of JPEG at capacity at 1 dB."""
AHEAD_DB = 0.5
VERDICTS = (HOLDS, FAILS)
ONE_RATE, ONE_JSCC = "mlsc-image-l4-t8", "deep-jscc-c4"


def ratio(name: str) -> float:
    """k/n of an MLSC-image system where sides are multiples of t: (3l + 1)/(3 t^2)."""
    level, downsampling = name.split("-")[2:4]
    return (3 * int(level[1:]) + 1) / (3 * int(downsampling[1:]) ** 2)


def jscc_like(name: str) -> str:
    """Deep JSCC at the k/n of MLSC-image, or the next larger one that it can have."""
    return f"deep-jscc-c{math.ceil(48 * ratio(name) - 1e-9)}"


def by_ratio(grid: Grid, note: str) -> Section | None:
    """Fig. 4: PSNR and SSIM against k/n, and who is ahead."""
    mlsc = [name for name in BY_RATIO if (name, "awgn") in grid]
    if not mlsc:
        return None
    keys: dict[str, list[tuple[str, str]]] = {
        "MLSC-image": [(name, "awgn") for name in mlsc],
        "Deep JSCC": [(jscc_like(name), "awgn") for name in mlsc],
    } | {label: [(codec, name) for name in mlsc] for codec, label in CODECS.items()}
    keys = {label: [key for key in found if key in grid] for label, found in keys.items()}

    def panel(snr_db: float, score: str, label: str) -> Panel:
        curves = [
            curve(name, [(grid[key].ratio, grid[key].mean(snr_db, score)) for key in found])
            for name, found in keys.items()
            if found
        ]
        return Panel(f"SNR {snr_db:g} dB", RATIO, label, curves)

    figure = draw_curves(
        [[panel(snr, score, label) for snr in SNRS_DB] for score, label in (("psnr_db", PSNR), ("ssim", SSIM))],
        title="Quality against bandwidth",
        note=note,
    )
    against = [(name, (jscc_like(name), "awgn")) for name in mlsc if ratio(name) < SMALL_RATIO]
    against = [(name, other) for name, other in against if other in grid]

    def gains(
        pairs: Sequence[tuple[str, tuple[str, str]]], snrs: Sequence[float], at_least: float = 0.0
    ) -> list[Evidence]:
        found = [(name, other) for name, other in pairs if other in grid]
        return [
            difference(grid[name, "awgn"], grid[other], snr, at_least=at_least) for snr in snrs for name, other in found
        ]

    small_for_jpeg = [(name, ("jpeg", name)) for name in mlsc if ratio(name) <= JPEG_RATIO + 1e-9]
    claims = [
        Claim("MLSC-image is ahead of Deep JSCC for k/n < 1/10", gains(against, SNRS_DB)),
        Claim(
            f"At the smallest k/n it is ahead of Deep JSCC by at least {AHEAD_DB:g} dB",
            gains([pair for pair in against if pair[0] == BY_RATIO[0]], SNRS_DB, AHEAD_DB),
        ),
        Claim("MLSC-image is ahead of JPEG at capacity at 1 dB for k/n <= 13/192", gains(small_for_jpeg, [1.0])),
        Claim("MLSC-image is ahead of JPEG at capacity at 10 dB for k/n <= 13/192", gains(small_for_jpeg, [10.0])),
    ]
    head = ["scheme", "k/n", *(f"{score}, {snr:g} dB" for snr in SNRS_DB for score in ("PSNR (dB)", "SSIM"))]
    body = []
    for label, found in keys.items():
        for key in dict.fromkeys(found):
            name = key[0] if key[1] == "awgn" else f"{label}, k of `{key[1]}`"
            name = f"`{name}`" if key[1] == "awgn" else name
            scores = [
                pm(grid[key].mean(snr, score), places)
                for snr in SNRS_DB
                for score, places in (("psnr_db", 2), ("ssim", 3))
            ]
            body.append([name, f"{grid[key].ratio:.4f}", *scores])
    return Section(
        key="fig4",
        title="Figure 4: quality against bandwidth",
        text="k counts padding, so that on these photographs every learned system spends a little more than its "
        "nominal k/n, by which the claims choose; the codecs get, image by image, exactly the channel uses of "
        "MLSC-image. Deep JSCC can only have multiples of 1/48 and gets the next larger one. Every learned system "
        "here is one model for 0 to 20 dB." + _on_fewer(grid),
        systems=[key[0] for label in ("MLSC-image", "Deep JSCC") for key in dict.fromkeys(keys[label])],
        claims=claims,
        tables=[(head, body)],
        rows=[row for found in keys.values() for key in dict.fromkeys(found) for row in rows(grid, key)],
        figure=figure,
    )


def by_codecs(grid: Grid, note: str) -> Section | None:
    """Where codecs at capacity win: one rate, all SNRs."""
    own = (ONE_RATE, "awgn")
    if own not in grid:
        return None
    keys = {"MLSC-image": own, "Deep JSCC": (ONE_JSCC, "awgn")} | {CODECS[codec]: (codec, ONE_RATE) for codec in CODECS}
    keys = {label: key for label, key in keys.items() if key in grid}
    snrs = sorted(grid[own].points)
    coded = {label: key for label, key in keys.items() if key[0] in CODECS}
    failed = {
        label: [100 * grid[key].points[snr].failures / len(grid[key].images) for snr in snrs]
        for label, key in coded.items()
    }
    curves = [curve(label, [(snr, grid[key].mean(snr)) for snr in snrs]) for label, key in keys.items()]
    failures = [Curve(label, snrs, shares) for label, shares in failed.items()]
    panels = [Panel("Quality", SNR, PSNR, curves)]
    if failures:
        panels.append(Panel("Photographs without a file that fits", SNR, "failures (%)", failures))
    differences = {label: [difference(grid[own], grid[key], snr) for snr in snrs] for label, key in coded.items()}
    claims = [
        Claim(
            f"Codecs at capacity are ahead of MLSC-image at {snrs[-1]:g} dB",
            [difference(grid[key], grid[own], snrs[-1]) for key in coded.values()],
        )
    ]
    head = ["SNR (dB)", *(f"{label}, PSNR (dB)" for label in keys)]
    head += [f"{label}, {what}" for label in coded for what in ("failures", "MLSC-image less it (dB)")]
    body = []
    for place, snr in enumerate(snrs):
        cells = [f"{snr:g}", *(pm(grid[key].mean(snr)) for key in keys.values())]
        for label, key in coded.items():
            ahead = differences[label][place]
            cells += [
                f"{grid[key].points[snr].failures} of {len(grid[key].images)}",
                f"{ahead.difference_db:+.2f} ± {ahead.ci95:.2f}",
            ]
        body.append(cells)
    return Section(
        key="codecs",
        title="Where codecs at capacity win",
        text="An ideal channel code at capacity knows the SNR beforehand and never errs, so that a codec gains with "
        "every bit that a better channel carries. Where no file is small enough it fails, and random pixels count "
        "instead. " + " ".join(_crossing(label, ahead) for label, ahead in differences.items()),
        systems=[key[0] for key in keys.values() if key[0] not in CODECS],
        claims=claims,
        tables=[(head, body)],
        rows=[row for key in keys.values() for row in rows(grid, key)],
        figure=draw_curves([panels], title="Codecs at capacity, in the same channel uses", note=note),
    )


def _crossing(codec: str, ahead: Sequence[Evidence]) -> str:
    """Say at which SNRs MLSC-image is ahead, and at which the codec."""
    where = {verdict: [one.condition.split(", ")[1] for one in ahead if one.verdict == verdict] for verdict in VERDICTS}
    ours = f"ahead of {codec} at {', '.join(where[HOLDS])}" if where[HOLDS] else f"nowhere ahead of {codec}"
    theirs = f"is ahead at {', '.join(where[FAILS])}" if where[FAILS] else "is nowhere ahead"
    return f"MLSC-image is {ours}; {codec} {theirs}."


def _on_fewer(grid: Grid) -> str:
    """Name the codecs that sent some of the photographs only."""
    most = max(len(one.images) for one in grid.values())
    counts = {codec: len(one.images) for (codec, _), one in grid.items() if codec in CODECS and len(one.images) < most}
    return "".join(
        f" {CODECS[codec]} sent {count} of the {most} photographs, evenly spaced, because it encodes slowly: its "
        "means are of those, and differences from it are of those alone."
        for codec, count in counts.items()
    )
