"""
Constellations, before and after
================================

Learned symbols lie anywhere in the complex plane. A digital radio sends a finite set of points, an amplifier clips.
"""

# %%
# The same trained system under four constraints. None was in its training; all have exactly the same mean power.

import sys

import matplotlib.pyplot as plt
import torch

from semcomm import PowerNormalize, from_pretrained
from semcomm.experiments import demo_image
from semcomm.transmitter import ConstraintChain, PeakLimit, QAMConstellation, papr_ccdf

SNR_DB = 10.0
photograph = demo_image(*sys.argv[1:2])[None]
system = from_pretrained("mlsc-image-l4-t8", device="cpu")
semantics = system.extract(photograph)
power = PowerNormalize()
constraints = {
    "as learned": power,
    "peaks at most 4 dB": ConstraintChain([power, PeakLimit(4.0)]),
    "256-QAM": ConstraintChain([power, QAMConstellation(256), power]),
    "16-QAM": ConstraintChain([power, QAMConstellation(16), power]),
}
sent = {}
for name, constraint in constraints.items():
    system.constraint = constraint
    generator = torch.Generator().manual_seed(0)
    sent[name] = system.transmit(photograph, SNR_DB, semantics=semantics, generator=generator)
    one = sent[name]
    print(
        f"{name:20} power {one.power.item():.3f}  PAPR {one.papr_db.item():4.1f} dB  "
        f"PSNR {one.psnr_db.item():.2f} dB"
    )

# %%
# Symbols sent, symbols received, and how often which peak occurs. The rare strong symbols are worth their price: to
# clip or to round them costs quality, until the system is trained with its constraint.

figure = plt.figure(figsize=(13, 6.4), layout="constrained")
clouds, peaks = figure.subfigures(1, 2, width_ratios=[2.3, 1])
levels_db = torch.arange(0.0, 16.0, 0.1)
curve = peaks.subplots()
for column, (name, one) in zip(clouds.subplots(2, 4).T, sent.items(), strict=True):
    for axes, symbols, when in zip(
        column, (one.symbols, one.received_symbols), ("sent", "received"), strict=True
    ):
        points = symbols.flatten()
        axes.hist2d(
            points.real, points.imag, bins=110, range=[[-2.4, 2.4]] * 2, norm="log", cmap="magma"
        )
        axes.set(
            aspect="equal",
            facecolor="black",
            title=f"{name}\n{one.psnr_db.item():.1f} dB" if when == "sent" else when,
        )
    curve.semilogy(levels_db, papr_ccdf(one.symbols, levels_db).clamp(min=1e-5), label=name)
curve.set(xlabel="power over the mean (dB)", ylabel="share of symbols above", ylim=(1e-4, 1))
curve.legend()
if plt.get_backend() == "agg":  # no screen
    plt.savefig("constellations.png")
plt.show()
