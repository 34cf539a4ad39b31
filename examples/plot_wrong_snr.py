"""
Told the wrong SNR
==================

One model serves all SNRs because it is told which one it meets. What if it is told wrong?
"""

# %%
# With ``snr_adaptive=True`` encoders, decoders and fusion scale and shift their channels for the SNR.
# ``system(images, snr_db)`` tells them the truth; ``encode``, the channel and ``decode`` one by one can be told
# different things.

import sys

import matplotlib.pyplot as plt
import torch

from semcomm import from_pretrained
from semcomm.experiments import demo_image
from semcomm.quality import psnr

TOLD = TRUE = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0)
photograph = demo_image(*sys.argv[1:2])[None, :, 16:304, 100:388] / 255
size = photograph.shape[2:]
system = from_pretrained("mlsc-image-l4-t8", device="cpu")
semantics = system.extract(photograph)


# %%
# Every pair of an SNR told and a true one, six by six. The noise of a true SNR is the same in every column.

received = {}
with torch.inference_mode():
    for told in TOLD:
        x = system.encode(photograph, told, semantics=semantics)
        for true in TRUE:
            y = system.channel(x, true, generator=torch.Generator().manual_seed(0))
            received[told, true] = system.decode(y, tuple(size), told)
scores = torch.tensor(
    [[psnr(received[told, true], photograph).item() for told in TOLD] for true in TRUE]
)
best = scores.max(1).values
for true, row, most in zip(TRUE, scores, best, strict=True):
    honest = row[TOLD.index(true)]
    print(
        f"{true:4g} dB: {honest:.2f} dB when told so, "
        f"{row.min():.2f} to {most:.2f} dB over what it is told"
    )

# %%
# The best of every row should lie on the diagonal, or near it. Told too high a number, the receiver trusts symbols that
# are mostly noise; told too low a one, it smooths away what it could have kept.

figure = plt.figure(figsize=(13, 6.4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 1.12])
axes = left.subplots()
loss = best[:, None] - scores
shown = axes.imshow(loss, origin="lower", cmap="magma_r", vmin=0)
for row in range(len(TRUE)):
    for column in range(len(TOLD)):
        ink = "white" if loss[row, column] > 0.5 * loss.max() else "black"
        axes.text(
            column,
            row,
            f"{scores[row, column]:.1f}",
            ha="center",
            va="center",
            color=ink,
            fontsize=11,
        )
    axes.add_patch(
        plt.Rectangle((row - 0.5, row - 0.5), 1, 1, fill=False, color="#0b6e99", linewidth=3)
    )
axes.set(
    xlabel="SNR told (dB)",
    ylabel="true SNR (dB)",
    title="PSNR in dB; shade: dB below the row's best; framed: the truth",
)
axes.set_xticks(range(len(TOLD)), [f"{snr_db:g}" for snr_db in TOLD])
axes.set_yticks(range(len(TRUE)), [f"{snr_db:g}" for snr_db in TRUE])
left.colorbar(shown, ax=axes, shrink=0.75)

corners = [(-5.0, 20.0), (20.0, 20.0), (-5.0, -5.0), (20.0, -5.0)]
for place, (told, true) in zip(right.subplots(2, 2).flat, corners, strict=True):
    place.imshow(received[told, true][0].movedim(0, -1))
    place.set_title(
        f"true {true:g} dB, told {told:g} dB: "
        f"{psnr(received[told, true], photograph).item():.1f} dB"
    )
    place.axis("off")
figure.suptitle(
    "One model for all SNRs, told the right one and wrong ones", fontsize=15, weight="bold"
)
if plt.get_backend() == "agg":  # no screen
    plt.savefig("wrong_snr.png")
plt.show()
