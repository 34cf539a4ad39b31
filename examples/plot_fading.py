"""
Fading: how long it lasts, and what the receiver does
=====================================================

"Rayleigh fading" leaves two things open: how long a fade lasts, and what the receiver does about it. Three times three
answers are here. All have the same mean SNR.
"""

# %%
# With ``coherence="symbol"`` every symbol meets a fade of its own, with a number blocks of that many symbols share one,
# and with ``"image"`` a whole image does. The receiver knows the fades; its equaliser says what it does about them.

import sys

import matplotlib.pyplot as plt
import torch

from semcomm import RayleighChannel, from_pretrained
from semcomm.experiments import demo_image
from semcomm.quality import psnr
from semcomm.receiver import MMSEEqualizer, NoEqualizer, ZeroForcingEqualizer

SNR_DB, DRAWS = 10.0, 9
COHERENCES = {
    "one fade per symbol": "symbol",
    "one per 512 symbols": 512,
    "one per image": "image",
}
EQUALIZERS = {
    "no equaliser": NoEqualizer(),
    "zero forcing": ZeroForcingEqualizer(),
    "MMSE": MMSEEqualizer(),
}
photograph = demo_image(*sys.argv[1:2])[None, :, 16:304, 100:388] / 255
system = from_pretrained("mlsc-image-l4-t8", device="cpu")
with torch.inference_mode():
    x = system.encode(photograph, SNR_DB)

# %%
# The image is encoded once, and sent nine times by each channel. A channel treats the images of a batch independently,
# so nine draws are a batch of nine.


def send(channel, equalizer):
    """Images received in nine draws, sorted by PSNR, and their PSNRs."""
    system.equalizer = equalizer
    with torch.inference_mode():
        y = channel(x.expand(DRAWS, -1), SNR_DB, generator=torch.Generator().manual_seed(1))
        received = system.decode(y, photograph.shape[2:], SNR_DB)
    scores = psnr(received, photograph.expand_as(received))
    return received[scores.argsort()], scores.sort().values


without_fading, reference = send(system.channel, NoEqualizer())
results = {
    (when, what): send(RayleighChannel(coherence=coherence), equalizer)
    for when, coherence in COHERENCES.items()
    for what, equalizer in EQUALIZERS.items()
}
print(f"{'no fading':22} {reference[DRAWS // 2].item():5.1f} dB")
for (when, what), (_, scores) in results.items():
    worst, median, best = scores[[0, DRAWS // 2, -1]].tolist()
    print(f"{when:20} {what:13} {median:5.1f} dB in the median, {worst:5.1f} to {best:5.1f}")

# %%
# The system was trained without fading. Without an equaliser the phases are random, and the receiver paints noise or
# false colours. Zero forcing inverts the fades, and the noise in the deep ones with them. MMSE shrinks what it doubts
# instead: better where every symbol has a fade of its own, not always where a whole image shares one and pales.
# With one fade per image everything depends on luck: see the spread.

figure = plt.figure(figsize=(13, 9.4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 3.1])
strips = left.subplots(3, 1)
grid = right.subplots(3, 3)
for row, (when, coherence) in enumerate(COHERENCES.items()):
    channel = RayleighChannel(coherence=coherence)
    h = channel(x, SNR_DB, generator=torch.Generator().manual_seed(1)).csi
    strips[row].plot(
        20 * h[0, :2048].abs().clamp(min=1e-3).log10(),
        color="#0b6e99",
        linewidth=0.6 if row == 0 else 2,
    )
    strips[row].set(ylim=(-32, 12), xlim=(0, 2048), ylabel="|h|² (dB)", title=when)
    strips[row].grid(alpha=0.25)
    strips[row].spines[["top", "right"]].set_visible(False)
    for column, what in enumerate(EQUALIZERS):
        received, scores = results[when, what]
        worst, median, best = scores[[0, DRAWS // 2, -1]].tolist()
        axes = grid[row, column]
        axes.imshow(received[DRAWS // 2].movedim(0, -1))
        axes.set_title(f"{what}: {median:.1f} dB  ({worst:.1f} … {best:.1f})", fontsize=11)
        axes.axis("off")
strips[-1].set_xlabel("symbol")
figure.suptitle(
    f"Rayleigh fading at a mean SNR of {SNR_DB:g} dB: the median of {DRAWS} draws (worst … best)",
    fontsize=14,
    weight="bold",
)
if plt.get_backend() == "agg":  # no screen
    plt.savefig("fading.png")
plt.show()
