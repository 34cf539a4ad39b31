"""Fig. 6, and the tuning: what the semantic levels and the networks' details are worth."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from results_grid import Grid, difference
from results_section import Section, matrix, rows

from semcomm.experiments.claims import Claim, fig6_claims
from semcomm.experiments.figures import draw_fig6
from semcomm.experiments.specs import QUICK, Point, ablations

ABLATED = {
    (True, True): "mlsc-image-l2-t8",
    (False, True): "mlsc-image-l2-t8-no-caption",
    (True, False): "mlsc-image-l2-t8-no-segmentation",
    (False, False): "mlsc-image-l2-t8-no-semantics",
}
"""Systems by whether they have the caption and the segmentation."""
JSCC = "deep-jscc-c2"
TUNED, PLAIN = "mlsc-image-l3-t8-10db", "mlsc-image-l3-t8-plain"


def levels(grid: Grid, note: str) -> Section | None:
    """Fig. 6: what the semantic levels are worth, at equal k."""
    keys = {kept: (name, "awgn") for kept, name in ABLATED.items()}
    if not all(key in grid for key in keys.values()):
        return None
    snrs = sorted(grid[keys[True, True]].points)
    preset = replace(QUICK, ablation_level=2, ablation_snrs_db=(), test_snrs_db=tuple(snrs))
    systems = {system: grid[keys[system.caption, system.segmentation]] for system in ablations(preset)}
    results = {Point(system, snr): one.points[snr] for system, one in systems.items() for snr in snrs}
    bare, jscc = grid[keys[False, False]], grid.get((JSCC, "awgn"))
    ahead = "Without either level MLSC-image is ahead of Deep JSCC of the next larger k/n"
    beside = [] if jscc is None else [Claim(ahead, [difference(bare, jscc, snr) for snr in snrs])]
    labels = ("all levels", "without caption", "without segmentation", "without either")
    return Section(
        key="fig6",
        title="Figure 6: what the semantic levels are worth",
        text="MLSC-image with l = 2, t = 8, one model for 0 to 20 dB each, all at the same k: what a level that is "
        "left out would have sent goes to the details instead. With both levels one of its seven complex channels sees "
        "the caption only, three see the label map only, and three carry pixels. Mean PSNR in dB, a column per SNR.",
        systems=[name for name, _ in keys.values()],
        claims=[*fig6_claims(preset, results), *beside],
        tables=[matrix("MLSC-image, l = 2", dict(zip(labels, systems.values(), strict=True)), snrs)],
        rows=[row for key in keys.values() for row in rows(grid, key)],
        figure=draw_fig6(preset, results, note),
    )


def tuning(
    grid: Grid, trials: Sequence[Mapping[str, Any]], rates: Sequence[tuple[str, Mapping[str, float]]] = ()
) -> Section | None:
    """The paper's plain configuration beside the tuned one, what of the change helped, and the learning rates."""
    plain, tuned = grid.get((PLAIN, "awgn")), grid.get((TUNED, "awgn"))
    tables, claims, both = [], [], {}
    if plain is not None and tuned is not None:
        both = {"tuned, as in the zoo": tuned, "the paper's plain configuration": plain}
        claims = [
            Claim(
                "Tuned, MLSC-image is ahead of the paper's plain configuration at 10 dB",
                [difference(tuned, plain, 10.0)],
            )
        ]
        tables.append(matrix("MLSC-image, l = 3, trained at 10 dB", both, sorted(plain.points)))
    if trials:
        head = ["change", "steps", "weights", "seconds per step", "validation PSNR (dB)", "against the first (dB)"]
        first = trials[0]["val_psnr_db"]
        tables.append(
            (
                head,
                [
                    [
                        row["change"],
                        f"{row['steps']:,}",
                        f"{row['weights']:,}",
                        f"{row['seconds_per_step']:.3f}",
                        f"{row['val_psnr_db']:.2f}",
                        "" if number == 0 else f"{row['val_psnr_db'] - first:+.2f}",
                    ]
                    for number, row in enumerate(trials)
                ],
            )
        )
    if rates:
        head = ["system", "learning rate in the zoo", "validation PSNR (dB)", "other rate", "validation PSNR (dB)"]
        body = [
            [f"`{name}`", *(text for rate, psnr_db in scores.items() for text in (rate, f"{psnr_db:.2f}"))]
            for name, scores in rates
        ]
        tables.append((head, body))
    if not tables:
        return None
    words = []
    if both:
        words.append(
            "First the paper's plain configuration beside the zoo's, equally trained; the last table has their options."
        )
    if trials:
        data = "validation photographs (SHA-256 `{val_manifest_sha256:.16}`), trained on `{train_manifest_sha256:.16}`"
        words.append(
            f"Short trainings that differ from the first in one choice each, judged on {data.format(**trials[0])}, on "
            f"{trials[0]['hardware']}: `python zoo/tune.py --train TRAIN --val VAL --out OUT`. One seed each: a few "
            "hundredths of a dB are nothing. Deep JSCC stands beside them for its learning rate."
        )
    if rates:
        words.append(
            "Last, systems of the zoo at both learning rates, each after all its steps (`python zoo/make_zoo.py NAME "
            "--lr RATE --out OUT/lr-RATE`, with the folders as ever): a rate that suits kernels of 3 x 3 and 5 x 5 is "
            "too high for l = 6, whose kernels reach 9 x 9. The ablations and the systems for one SNR have the rate of "
            "theirs."
        )
    return Section(
        key="tuning",
        title="The tuned configuration and the paper's plain one",
        text=" ".join(words),
        systems=[TUNED, PLAIN] if both else [],
        claims=claims,
        tables=tables,
        rows=[row for name in ([TUNED, PLAIN] if both else []) for row in rows(grid, (name, "awgn"))] or trials,
    )
