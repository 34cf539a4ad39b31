"""Fig. 5, fading, and every system over all SNRs: what happens on other channels than in training."""

from collections.abc import Sequence
from dataclasses import replace

from results_grid import Grid, difference
from results_section import Section, curve, matrix, rows

from semcomm.experiments.claims import CLIFF_DB, Claim, Evidence, fig5_claims
from semcomm.experiments.curves import Panel, draw_curves
from semcomm.experiments.figures import PSNR, SNR, SSIM
from semcomm.experiments.specs import QUICK, Mlsc, Point

ADAPTIVE, SINGLE = "mlsc-image-l3-t8", {snr: f"mlsc-image-l3-t8-{snr:g}db" for snr in (1.0, 10.0, 19.0)}
ADAPTIVE_DB = 0.2
"""How far the one model for all SNRs may be behind a single-SNR model at its own."""
CLEAR, FADED = "mlsc-image-l4-t8", "mlsc-image-l4-t8-rayleigh"


def mismatch(grid: Grid, note: str) -> Section | None:
    """Fig. 5: trained at one SNR, tested across; one model for all beside them."""
    single = {snr: grid[name, "awgn"] for snr, name in SINGLE.items() if (name, "awgn") in grid}
    adaptive = grid.get((ADAPTIVE, "awgn"))
    if not single:
        return None
    labelled = {f"trained at {snr:g} dB": one for snr, one in single.items()}
    if adaptive is not None:
        labelled["one model for 0 to 20 dB"] = adaptive
    snrs = sorted(next(iter(single.values())).points)
    preset = replace(QUICK, mismatch_level=3, mismatch_snrs_db=tuple(single), test_snrs_db=tuple(snrs))
    results = {Point(Mlsc(3, snr), at): one.points[at] for snr, one in single.items() for at in snrs}
    cliffs, _ = fig5_claims(preset, results)
    claims = [cliffs]
    if adaptive is not None:
        claims.append(
            Claim(
                f"The one model for all SNRs is within {ADAPTIVE_DB:g} dB of every single-SNR model at its own SNR",
                [difference(adaptive, one, snr, at_least=-ADAPTIVE_DB) for snr, one in single.items()],
            )
        )

    def panel(score: str, label: str) -> Panel:
        points = {name: [(snr, one.mean(snr, score)) for snr in snrs] for name, one in labelled.items()}
        return Panel("", SNR, label, [curve(name, found) for name, found in points.items()])

    keys = [(name, "awgn") for name in (*SINGLE.values(), ADAPTIVE) if (name, "awgn") in grid]
    figure = draw_curves([[panel("psnr_db", PSNR), panel("ssim", SSIM)]], title="Training and test SNR", note=note)
    return Section(
        key="fig5",
        title="Figure 5: trained at one SNR, tested across",
        text="MLSC-image with l = 3, t = 8. Mean PSNR in dB, a column per test SNR. Of the cliff's comparisons the "
        f"difference is what is left of {CLIFF_DB:g} dB after the loss.",
        systems=[name for name, _ in keys],
        claims=claims,
        tables=[matrix("MLSC-image, l = 3", labelled, snrs)],
        rows=[row for key in keys for row in rows(grid, key)],
        figure=figure,
    )


def fading(grid: Grid, note: str) -> Section | None:
    """Trained and sent over AWGN and Rayleigh fading."""
    labels = {CLEAR: "trained on AWGN", FADED: "trained on Rayleigh fading"}
    over = {"awgn": "AWGN", "rayleigh": "Rayleigh fading"}
    keys = {f"{labels[name]}, sent over {over[to]}": (name, to) for to in over for name in labels if (name, to) in grid}
    if not any(to == "rayleigh" for _, to in keys.values()):
        return None
    snrs = sorted(grid[next(iter(keys.values()))].points)
    claims = []
    if all((name, to) in grid for name in labels for to in over):
        claims = [
            Claim(
                "On Rayleigh fading, training on it helps",
                [difference(grid[FADED, "rayleigh"], grid[CLEAR, "rayleigh"], snr) for snr in snrs],
            ),
            Claim(
                "On AWGN, training on AWGN helps",
                [difference(grid[CLEAR, "awgn"], grid[FADED, "awgn"], snr) for snr in snrs],
            ),
        ]
    curves = [curve(label, [(snr, grid[key].mean(snr)) for snr in snrs]) for label, key in keys.items()]
    ssims = [curve(label, [(snr, grid[key].mean(snr, "ssim")) for snr in snrs]) for label, key in keys.items()]
    return Section(
        key="rayleigh",
        title="Rayleigh fading",
        text="MLSC-image with l = 4, t = 8, one model for 0 to 20 dB each. Fading is drawn anew for every symbol; the "
        "receiver knows it and equalises (MMSE). Mean PSNR in dB, a column per SNR.",
        systems=list(dict.fromkeys(name for name, _ in keys.values())),
        claims=claims,
        tables=[matrix("", {label: grid[key] for label, key in keys.items()}, snrs)],
        rows=[row for key in keys.values() for row in rows(grid, key)],
        figure=draw_curves(
            [[Panel("", SNR, PSNR, curves), Panel("", SNR, SSIM, ssims)]], title="With and without fading", note=note
        ),
    )


def rising(grid: Grid, shipped: Sequence[str]) -> Section | None:
    """Every system: whether a better channel gives a better image, and what 3 dB less cost at most."""
    own = {name: one for (name, channel), one in grid.items() if channel == "awgn"}
    if not own:
        return None
    head = ["system", "shipped", "smallest rise (dB)", "rises", f"largest loss over {CLIFF_DB:g} dB", "no cliff"]
    body, rises, losses = [], [], []
    for name, one in own.items():
        snrs = sorted(one.points)
        steps = [difference(one, one, high, low) for low, high in zip(snrs, snrs[1:], strict=False)]
        least = min(steps, key=lambda step: step.difference_db)
        most = max(steps, key=lambda step: step.difference_db)
        left = Evidence(f"`{name}`, {most.condition}", CLIFF_DB - most.difference_db, most.ci95)
        rises.append(replace(least, condition=f"`{name}`, {least.condition}"))
        losses.append(left)
        words = [
            f"{step.difference_db:+.2f} ± {step.ci95:.2f} ({step.condition.split(', ')[1]})" for step in (least, most)
        ]
        yes = ["yes" if good else "no" for good in (least.difference_db > 0, most.difference_db < CLIFF_DB)]
        body.append([f"`{name}`", "yes" if name in shipped else "", words[0], yes[0], words[1].lstrip("+"), yes[1]])
    return Section(
        key="systems",
        title="Every system from -2 to 19 dB",
        text="For each system the step between neighbouring SNRs, 3 dB apart, over which mean PSNR rises least, and "
        "the one over which it falls most on the way down.",
        systems=list(own),
        claims=[
            Claim("PSNR rises from -2 to 19 dB, for every system, at every step", rises),
            Claim(f"No system loses {CLIFF_DB:g} dB of PSNR over 3 dB of SNR", losses),
        ],
        tables=[(head, body)],
        rows=[row for name in own for row in rows(grid, (name, "awgn"))],
        evidence=False,
    )
