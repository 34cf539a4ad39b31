"""What the zoo is: the systems, how they are trained, and what the results page says of them."""

from dataclasses import replace

from semcomm.experiments.comparisons import Codecs, EverySystem, Fading
from semcomm.experiments.figures import Ablation, Bandwidth, Mismatch
from semcomm.experiments.presets import QUICK, SNRS_DB, Study
from semcomm.experiments.specs import SNR_RANGE, DeepJSCC, Mlsc

FASTER = 2e-3
"""A learning rate that was better than 1e-3 on the validation photographs, except for l = 6 and Deep JSCC."""
L2, L3, L4 = (Mlsc(level, SNR_RANGE, learning_rate=FASTER) for level in (2, 3, 4))
L4_T16, L6 = replace(L4, downsampling=16), Mlsc(6, SNR_RANGE)
BY_RATIO = (L4_T16, L2, L3, L4, L6)
SHIPPED = (*BY_RATIO, replace(L4, channel="rayleigh"), *(DeepJSCC(c, SNR_RANGE) for c in (1, 2, 3, 4, 5)))
"""What the package holds; the rest serves the results page."""
FOR_ONE_SNR = tuple(replace(L3, snr_db=snr_db) for snr_db in (1.0, 10.0, 19.0))
PLAIN = Mlsc(3, 10.0, plain=True)
CODECS = (("jpeg", None), ("avif", 25))
"""Photographs that each codec sends, evenly spaced; None for all. AVIF takes 12 s of one core for each."""
ABLATION = Ablation(L2, SNRS_DB, beside=True)
ZOO = Study(
    name="zoo",
    effort=replace(QUICK.effort, steps=6_000, validations=4, val_images=25, test_images=None),
    pages={
        "results": (
            Bandwidth(BY_RATIO, (1.0, 10.0), False, CODECS, ("<= 13/192", 13 / 192 + 1e-9), ahead_by_db=0.5),
            Codecs(L4, SNRS_DB, CODECS),
            Mismatch(FOR_ONE_SNR, SNRS_DB, adaptive=L3, beside=False),
            ABLATION,
            Fading(L4, SNRS_DB),
            EverySystem((*SHIPPED, *list(ABLATION.ablated.values())[1:], *FOR_ONE_SNR, PLAIN), SNRS_DB),
        )
    },
    command="python zoo/ship.py --train TRAIN --val VAL --test TEST --out OUT",
)
