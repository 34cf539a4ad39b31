"""A figure's reproduction in a second: one step of training, four small photographs, no extractors."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from semcomm.experiments import run
from semcomm.experiments.presets import Study, paper_figures
from semcomm.experiments.specs import Effort, Mlsc

EFFORT = Effort(
    size=16,
    batch_size=2,
    steps=2,
    schedule="constant",
    width=2,
    norm="none",
    shortcut=False,
    validations=2,
    val_images=1,
    test_images=2,
)
PAGES = paper_figures(
    levels=(2,),
    snrs_db=(10.0,),
    mismatch_level=2,
    mismatch_snrs_db=(10.0,),
    test_snrs_db=(7.0, 10.0),
    ablation_level=2,
)
TINY = Study("tiny", EFFORT, PAGES)


@contextmanager
def without_extractors():
    """Leave the captioner and the segmenter, which take long, out of every system."""
    build = Mlsc.build

    def small(mlsc, effort):
        return build(replace(mlsc, caption=False, segmentation=False), effort)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mlsc, "build", small)
        patch.setattr(run, "has_levels", lambda _: False)
        yield
