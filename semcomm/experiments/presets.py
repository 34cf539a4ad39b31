"""Studies: which figures are made, of which systems, with how much effort."""

from dataclasses import dataclass
from typing import final

from semcomm.experiments.comparisons import Choices, Codecs, EverySystem, Fading
from semcomm.experiments.figures import Ablation, Bandwidth, Mismatch
from semcomm.experiments.specs import CODE_NAMES, SNR_RANGE, CodeName, Effort, Mlsc

SNRS_DB = (-2.0, 1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0)
Part = Bandwidth | Mismatch | Ablation | Codecs | Fading | Choices | EverySystem


@final
@dataclass(frozen=True)
class Study:
    """What a run trains, measures and judges.

    Args:
        name: the study's name.
        effort: spent on every system.
        pages: the sections of every page, by the page's name.
        command: what makes a page of it.
    """

    name: str
    effort: Effort
    pages: dict[str, tuple[Part, ...]]
    command: str = "semcomm reproduce {page} --preset {name} --train TRAIN --val VAL --test TEST --out OUT"


CODES: tuple[tuple[CodeName, int | None], ...] = tuple((name, None) for name in CODE_NAMES)


def paper_figures(
    *,
    levels: tuple[int, ...],
    snrs_db: tuple[float, ...],
    mismatch_level: int,
    mismatch_snrs_db: tuple[float, ...],
    test_snrs_db: tuple[float, ...],
    ablation_level: int,
    ablation_snrs_db: tuple[float, ...] = (),
) -> dict[str, tuple[Part, ...]]:
    """Lay out the paper's figures (arXiv 2202.04754, Section IV).

    Args:
        levels: l of Figure 4's systems.
        snrs_db: Figure 4's SNRs.
        mismatch_level: l of Figure 5's systems.
        mismatch_snrs_db: Figure 5's training SNRs.
        test_snrs_db: the SNRs of Figure 5's and Figure 6's curves.
        ablation_level: l of Figure 6's systems.
        ablation_snrs_db: Figure 6's training SNRs, tested at themselves; one model for all of `test_snrs_db` if empty.
    """
    mismatched = tuple(Mlsc(mismatch_level, snr_db) for snr_db in mismatch_snrs_db)
    ablation = Ablation(
        Mlsc(ablation_level, SNR_RANGE), ablation_snrs_db or test_snrs_db, matched=bool(ablation_snrs_db)
    )
    return {
        "fig4": (Bandwidth(tuple(Mlsc(level, SNR_RANGE) for level in levels), snrs_db, codes=CODES),),
        "fig5": (Mismatch(mismatched, test_snrs_db), EverySystem(mismatched, test_snrs_db)),
        "fig6": (ablation,),
    }


QUICK = Study(
    name="quick",
    effort=Effort(
        size=64,
        batch_size=8,
        steps=1000,
        schedule="cosine",
        width=24,
        norm="none",
        shortcut=True,
        validations=1,
        val_images=10,
        test_images=24,
    ),
    pages=paper_figures(
        levels=(2, 5),
        snrs_db=(1.0, 10.0),
        mismatch_level=2,
        mismatch_snrs_db=(1.0, 10.0, 19.0),
        test_snrs_db=SNRS_DB,
        ablation_level=2,
    ),
)
PAPER = Study(
    name="paper",
    effort=Effort(
        size=256,
        batch_size=32,
        steps=50_000,
        schedule="constant",
        width=32,
        norm="batch",
        shortcut=False,
        validations=50,
    ),
    pages=paper_figures(
        levels=(2, 3, 4, 5, 6, 8, 10),
        snrs_db=(1.0, 4.0, 7.0, 10.0, 13.0),
        mismatch_level=3,
        mismatch_snrs_db=(1.0, 4.0, 7.0, 10.0, 13.0, 19.0),
        test_snrs_db=SNRS_DB,
        ablation_level=2,
        ablation_snrs_db=(1.0, 4.0, 7.0, 10.0, 13.0),
    ),
)
PRESETS = {study.name: study for study in (QUICK, PAPER)}
