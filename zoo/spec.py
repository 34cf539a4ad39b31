"""What is trained: the systems that the package ships, smaller ones for the paper's claims, and the page of both."""

from dataclasses import replace

from semcomm.experiments.comparisons import Choices, Codecs, EverySystem, Fading
from semcomm.experiments.figures import Ablation, Bandwidth, Mismatch
from semcomm.experiments.presets import SNRS_DB, Study
from semcomm.experiments.specs import SNR_RANGE, DeepJSCC, Effort, Mlsc

L2, L3, L4, L6 = (Mlsc(level, SNR_RANGE) for level in (2, 3, 4, 6))
BY_RATIO = (replace(L4, downsampling=16), L2, L3, L4, L6)
ON_AWGN = (*BY_RATIO, *(DeepJSCC(c, SNR_RANGE) for c in (1, 2, 3, 4, 5)))
FOR_ONE_SNR = tuple(replace(L3, snr_db=snr_db) for snr_db in (1.0, 10.0, 19.0))
AT_10_DB = DeepJSCC(3, 10.0)
CHOICES = {
    "the gain is told": (replace(L3, tell_gain=True), L3),
    "the gain is told, Deep JSCC": (replace(AT_10_DB, tell_gain=True), AT_10_DB),
    "no caption, no label map, l = 4": (replace(L4, caption=False, segmentation=False), L4),
}
"""Each beside the paper's way."""
CODECS = (("jpeg", None), ("avif", 25))
"""Photographs that each codec sends, evenly spaced; None for all. AVIF takes 12 s of one core for each."""
CODES = (("linear-code", None), ("hybrid-code", 25), ("nested-mlsc-image", 25))
"""Photographs that each code of the package sends."""
COMMAND = "python zoo/ship.py --train TRAIN --val VAL --test TEST --out OUT"
ZOO = Study(
    name="zoo",
    effort=Effort(
        size=128,
        batch_size=64,
        steps=2_000,
        schedule="decay",
        width=48,
        norm="none",
        shortcut=True,
        validations=2,
        val_images=10,
        test_images=50,
        on_device=True,
    ),
    pages={
        "results": (
            Bandwidth(BY_RATIO, (1.0, 10.0), False, CODECS, ("<= 13/192", 13 / 192 + 1e-9), 0.5, CODES),
            Codecs(L4, SNRS_DB, CODECS),
            EverySystem(ON_AWGN, SNRS_DB),
        )
    },
    command=COMMAND,
)
FADING = replace(ZOO, name="fading", pages={"results": (Fading(L4, SNRS_DB),)})
"""Two systems that differ in their training channel alone."""
CLAIMS = Study(
    name="claims",
    effort=replace(ZOO.effort, batch_size=32, steps=3_000, width=24),
    pages={
        "results": (
            Mismatch(FOR_ONE_SNR, SNRS_DB, adaptive=L3, beside=False),
            Ablation(L2, SNRS_DB),
            Choices(CHOICES, SNRS_DB),
        )
    },
    command=COMMAND,
)
"""Systems that are compared among themselves, of half of the crops and half of the width."""
STUDIES = {study.name: study for study in (ZOO, FADING, CLAIMS)}
SHIPPED = {"zoo": ON_AWGN, "fading": (replace(L4, channel="rayleigh"),)}
"""Which systems of a study the package has."""
