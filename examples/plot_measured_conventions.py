"""
Conventions, measured
=====================

Noise, fades, capacity and error rates of the channels, each against its closed form.
"""

# %%
# The field's commonest bug is a factor of two in the noise. None of the lines in the figure below is fitted: lines
# are textbook formulas, points are what the channels did to a hundred thousand symbols.

import math

import matplotlib.pyplot as plt
import torch

from semcomm import AWGNChannel, RayleighChannel
from semcomm.baselines.separation import awgn_capacity, rayleigh_capacity
from semcomm.receiver import ZeroForcingEqualizer

SYMBOLS = 100_000
generator = torch.Generator().manual_seed(0)
awgn = AWGNChannel()
rayleigh = RayleighChannel(coherence="symbol")
silence = torch.zeros(1, SYMBOLS, dtype=torch.complex64)
signs = torch.randint(0, 2, (2, 1, SYMBOLS), generator=generator) * 2.0 - 1
qpsk = torch.complex(signs[0], signs[1]) / math.sqrt(2)  # power 1
snrs_db = [-10.0, -5.0, 0.0, 5.0, 10.0, 15.0, 20.0]

# %%
# What silence becomes is the noise: variance :math:`\sigma^2` per complex symbol, half of it in each part.

noise = {snr_db: awgn(silence, snr_db, generator=generator) for snr_db in snrs_db}
per_symbol = [w.abs().square().mean().item() for w in noise.values()]
per_part = [w.real.square().mean().item() for w in noise.values()]

# %%
# Fades have mean power 1 and an exponential distribution. The ergodic capacity is the mean over them.

gains = rayleigh(silence, 10.0, generator=generator).csi.abs().square().flatten()
capacity = [torch.log2(1 + 10 ** (snr_db / 10) * gains).mean().item() for snr_db in snrs_db]

# %%
# The sharpest check: errors of QPSK, whose closed forms need every convention to be right at once. Twice or half
# the noise power would move the points by 3 dB.


def with_zero_forcing(x, snr_db, *, generator):
    """Fade symbols, and divide by the fades."""
    return ZeroForcingEqualizer()(rayleigh(x, snr_db, generator=generator)).symbols


def error_rate(channel, snr_db):
    """Share of wrong bits after hard decisions."""
    y = channel(qpsk, snr_db, generator=generator)
    wrong = torch.stack([y.real.sign() != signs[0], y.imag.sign() != signs[1]])
    return wrong.float().mean().item()


def awgn_bits(snr):
    """Q(sqrt(SNR)): the error rate of QPSK's bits with noise alone."""
    return 0.5 * math.erfc(math.sqrt(snr / 2))


def rayleigh_bits(snr):
    """Its mean over exponentially distributed fades."""
    return 0.5 * (1 - math.sqrt(snr / (2 + snr)))


channels = {"AWGN": awgn, "Rayleigh": with_zero_forcing}
errors = {
    name: [error_rate(channel, snr_db) for snr_db in snrs_db]
    for name, channel in channels.items()
}
print("SNR (dB)  noise power   per part  QPSK, AWGN     theory  Rayleigh     theory")
for column, snr_db in enumerate(snrs_db):
    snr = 10 ** (snr_db / 10)
    print(
        f"{snr_db:8g}  {per_symbol[column]:11.4f}  {per_part[column]:9.4f}  "
        f"{errors['AWGN'][column]:10.5f} "
        f"{awgn_bits(snr):10.5f}  {errors['Rayleigh'][column]:8.5f} {rayleigh_bits(snr):10.5f}"
    )

# %%
# Four panels, points on lines.

BLUE, ORANGE = "#0b6e99", "#d1661f"
fine = [-10 + 0.25 * step for step in range(121)]
figure, axes = plt.subplots(2, 2, figsize=(12, 8.6), layout="constrained")
(powers, fades), (capacities, rates) = axes

powers.semilogy(fine, [10 ** (-snr_db / 10) for snr_db in fine], color=BLUE, label="σ² = P / SNR")
powers.semilogy(fine, [10 ** (-snr_db / 10) / 2 for snr_db in fine], color=ORANGE, label="σ² / 2")
powers.semilogy(snrs_db, per_symbol, "o", color=BLUE, label="measured, complex symbol")
powers.semilogy(snrs_db, per_part, "s", color=ORANGE, label="measured, real part")
powers.set(title="Noise power", xlabel="SNR (dB)")

fades.hist(
    gains, bins=80, range=(0, 6), density=True, color=BLUE, alpha=0.45, label="measured |h|²"
)
fades.plot(
    [g / 20 for g in range(121)],
    [math.exp(-g / 20) for g in range(121)],
    color=BLUE,
    label="exp(-|h|²)",
)
fades.axvline(
    gains.mean().item(), color=ORANGE, linestyle="--", label=f"mean {gains.mean().item():.3f}"
)
fades.set(title="Rayleigh fades", xlabel="|h|²", xlim=(0, 6))

capacities.plot(
    fine, [awgn_capacity(snr_db) for snr_db in fine], color=BLUE, label="AWGN, log₂(1 + SNR)"
)
capacities.plot(
    fine, [rayleigh_capacity(snr_db) for snr_db in fine], color=ORANGE, label="Rayleigh, ergodic"
)
capacities.plot(snrs_db, capacity, "s", color=ORANGE, label="mean over measured fades")
capacities.set(title="Capacity", xlabel="SNR (dB)", ylabel="bits per channel use")

for name, theory, color, marker in (
    ("AWGN", awgn_bits, BLUE, "o"),
    ("Rayleigh", rayleigh_bits, ORANGE, "s"),
):
    rates.semilogy(
        fine,
        [theory(10 ** (snr_db / 10)) for snr_db in fine],
        color=color,
        label=f"{name}, theory",
    )
    measured = [
        (snr_db, rate) for snr_db, rate in zip(snrs_db, errors[name], strict=True) if rate > 0
    ]
    rates.semilogy(*zip(*measured, strict=True), marker, color=color, label=f"{name}, measured")
rates.set(title="Bit errors of QPSK", xlabel="SNR (dB)", ylim=(1e-5, 1))
for panel in axes.flat:
    panel.grid(alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=9.5)
figure.suptitle("Lines are formulas, points are measurements", fontsize=15, weight="bold")
if plt.get_backend() == "agg":  # no screen
    plt.savefig("measured_conventions.png")
plt.show()
