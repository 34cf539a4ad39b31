"""What the zoo is: the systems, how they are trained, and what the results page says of them."""

from dataclasses import replace

from semcomm.experiments.comparisons import Codecs, EverySystem, Fading
from semcomm.experiments.figures import Ablation, Bandwidth, Mismatch
from semcomm.experiments.presets import SNRS_DB, Study
from semcomm.experiments.specs import SNR_RANGE, DeepJSCC, Effort, Mlsc

L2, L3, L4, L6 = (Mlsc(level, SNR_RANGE) for level in (2, 3, 4, 6))
L4_T16 = replace(L4, downsampling=16)
BY_RATIO = (L4_T16, L2, L3, L4, L6)
SHIPPED = (*BY_RATIO, replace(L4, channel="rayleigh"), *(DeepJSCC(c, SNR_RANGE) for c in (1, 2, 3, 4, 5)))
"""What the package holds; the rest serves the results page."""
FOR_ONE_SNR = tuple(replace(L3, snr_db=snr_db) for snr_db in (1.0, 10.0, 19.0))
AT_10_DB = DeepJSCC(3, 10.0)
TOLD_THE_GAIN = (replace(L4, tell_gain=True), replace(AT_10_DB, tell_gain=True))
PLAIN = Mlsc(3, 10.0, plain=True)
OTHERS = (AT_10_DB, *TOLD_THE_GAIN, PLAIN)
CODECS = (("jpeg", None), ("avif", 25))
"""Photographs that each codec sends, evenly spaced; None for all. AVIF takes 12 s of one core for each."""
ABLATION = Ablation(L2, SNRS_DB, beside=True)
ZOO = Study(
    name="zoo",
    effort=Effort(
        size=128,
        batch_size=64,
        steps=3_000,
        schedule="decay",
        width=48,
        norm="none",
        shortcut=True,
        validations=3,
        val_images=10,
        on_device=True,
    ),
    pages={
        "results": (
            Bandwidth(BY_RATIO, (1.0, 10.0), False, CODECS, ("<= 13/192", 13 / 192 + 1e-9), ahead_by_db=0.5),
            Codecs(L4, SNRS_DB, CODECS),
            Mismatch(FOR_ONE_SNR, SNRS_DB, adaptive=L3, beside=False),
            ABLATION,
            Fading(L4, SNRS_DB),
            EverySystem((*SHIPPED, *list(ABLATION.ablated.values())[1:], *FOR_ONE_SNR, *OTHERS), SNRS_DB),
        )
    },
    command="python zoo/ship.py --train TRAIN --val VAL --test TEST --out OUT",
)
