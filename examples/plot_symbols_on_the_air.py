"""
What is on the air
==================

Where a trained system puts its power: between the semantic levels, over the photograph, and in the complex plane.
"""

# %%
# A transmission keeps everything, the symbols too. ``extract`` asks the captioner and the segmenter once; whatever
# is sent afterwards takes their answer along.

import sys

import matplotlib.pyplot as plt
import torch

from semcomm import from_pretrained
from semcomm.experiments import demo_image
from semcomm.symbols import plane_size, symbols_to_features

photograph = demo_image(*sys.argv[1:2])[None]
system = from_pretrained("mlsc-image-l4-t8", device="cpu")
semantics = system.extract(photograph)
sent = system.transmit(
    photograph, 10.0, semantics=semantics, generator=torch.Generator().manual_seed(0)
)

# %%
# Symbols lie channel by channel in planes of h/t x w/t: one plane for the caption, three for each other level. The
# power constraint holds for the sum of them, so the training decides how much of it each level gets.

rows, columns = plane_size(*photograph.shape[2:], system.downsampling)
parts = symbols_to_features(sent.symbols, rows, columns)[0].unflatten(0, (-1, 2))
planes = torch.complex(parts[:, 0], parts[:, 1])
names = ("c₁ caption", "c₂ segments", "c₃ image + segments", "c₄ details", "c₅ details")
levels = dict(zip(names, planes.split([1, 3, 3, 3, 3]), strict=True))
total = planes.abs().square().sum().item()
for name, level in levels.items():
    uses, power = level.numel() / planes.numel(), level.abs().square().sum().item() / total
    print(f"{name:20} {uses:6.1%} of the channel uses, {power:6.1%} of the power")
print(
    f"mean power {sent.power.item():.4f}, "
    f"peak {planes.abs().square().max().item():.1f} times that"
)

# %%
# A level with hardly any power is one that the training found of little use for its objective, the mean squared error.
# One system serves all SNRs and is told which, so the shares may change with the SNR.

snrs_db = torch.arange(-4.0, 21.0, 2.0)
shares = []
with torch.inference_mode():
    for snr_db in snrs_db.tolist():
        symbols = system.encode(photograph / 255, snr_db, semantics=semantics)
        power = symbols.abs().square().reshape(-1, rows * columns).sum(1)
        shares.append(
            torch.stack([level.sum() for level in power.split([1, 3, 3, 3, 3])]) / power.sum()
        )
shares = torch.stack(shares, dim=1)

# %%
# Above: the photograph, the power spent on each of its 8 x 8 blocks, and the shares over the SNR. Below: the symbols
# of each level in the complex plane. The clouds are nothing like a QAM constellation: what is sent is analogue, and
# noise moves it a little instead of flipping bits.

COLORS = ("#c2477f", "#2f8f5b", "#b8860b", "#2a6fb0", "#5a54b8")
figure = plt.figure(figsize=(13, 8.2), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1.5, 1])
photo_axes, power_axes, share_axes = above.subplots(1, 3, width_ratios=[1, 1, 1.6])
photo_axes.imshow(photograph[0].movedim(0, -1))
photo_axes.set_title("photograph")
spent = power_axes.imshow(planes.abs().square().mean(0), cmap="magma")
power_axes.set_title("power per 8 x 8 block")
above.colorbar(spent, ax=power_axes, location="bottom", shrink=0.8, pad=0.02)
for axes in (photo_axes, power_axes):
    axes.axis("off")
share_axes.stackplot(snrs_db, shares, labels=names, colors=COLORS, alpha=0.85)
share_axes.set(
    xlabel="SNR (dB)",
    xlim=(-4, 20),
    ylim=(0, 1),
    title="share of the power",
    yticks=[0, 0.25, 0.5, 0.75, 1],
)
share_axes.yaxis.set_major_formatter("{x:.0%}")
handles, labels = share_axes.get_legend_handles_labels()
share_axes.legend(handles[::-1], labels[::-1], loc="lower left", framealpha=0.9, fontsize=9)

for axes, (name, level), color in zip(below.subplots(1, 5), levels.items(), COLORS, strict=True):
    points = level.flatten()
    reach = 1.05 * max(points.real.abs().max().item(), points.imag.abs().max().item())
    axes.hist2d(
        points.real, points.imag, bins=90, range=[[-reach, reach]] * 2, norm="log", cmap="magma"
    )
    axes.add_patch(
        plt.Circle((0, 0), 1, fill=False, color="white", linewidth=0.8, linestyle="--")
    )
    axes.set(aspect="equal", facecolor="black")
    axes.set_title(name, color=color, fontsize=11, weight="bold")
    axes.tick_params(labelsize=8)
below.supxlabel(
    "symbols at 10 dB in the complex plane; the dashed circle has radius 1", fontsize=10
)
if plt.get_backend() == "agg":  # no screen
    plt.savefig("symbols_on_the_air.png")
plt.show()
