"""
An encoder and a decoder of your own
====================================

Residual blocks of one's own: checked, trained for a minute, saved, loaded, and measured beside JPEG and AVIF at
channel capacity, from Python and from the command line. :doc:`/parts` has their code and the contract.
"""

# %%
# ``residual_parts.py`` lies beside this script. :func:`~semcomm.check_system` sends images through the system and
# measures: form, power, independence of images, one SNR for each, gradients, and more. It says nothing if all is well.

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import residual_parts
from residual_parts import build_residual

from semcomm import SeparationBaseline, check_system, evaluate, from_pretrained
from semcomm.experiments import demo_image
from semcomm.files.pictures import save_image

check_system(build_residual())

# %%
# Train
# -----
#
# Margins of one photograph stand in for a folder to train on, and the middle, where the face is, for one to test on.

work = Path(tempfile.mkdtemp())
photograph = demo_image(*sys.argv[1:2])
parts = {
    "train/left": photograph[:, :, :160],
    "train/right": photograph[:, :, 352:],
    "train/below": photograph[:, 352:, :],
    "test/face": photograph[:, 32:192, 160:352],
    "test/chest": photograph[:, 192:352, 160:352],
}
for name, part in parts.items():
    (work / name).parent.mkdir(exist_ok=True)
    save_image(part, work / f"{name}.png")


def semcomm(command):
    """Run the command line beside ``residual_parts.py``, and show what it prints."""
    where = Path(residual_parts.__file__).parent
    print("$ semcomm", command.replace(str(work), "WORK"))
    done = subprocess.run(
        ["semcomm", *command.split()], cwd=where, capture_output=True, text=True, check=True
    )
    print(done.stdout.replace(str(work), "WORK"))


semcomm(
    "train custom --builder residual_parts:build_residual "
    f"--train {work}/train --val {work}/test --out {work}/mine "
    "--minutes 1 --size 96 --snr-range 0 20"
)

# %%
# Load
# ----
#
# The folder holds the weights, the builder's name and its arguments. The name alone runs nothing: pass the builder.

system = from_pretrained(work / "mine", builder=build_residual, device="cpu")
print(system.config, f"k/n = {system.bandwidth_ratio(160, 192):.4f}")

# %%
# Measure
# -------
#
# JPEG and AVIF spend exactly the system's channel uses, at the channel's capacity, which no real modem reaches.

snrs_db = [1.0, 4.0, 7.0, 10.0, 13.0]
schemes = {"residual blocks": system} | {
    f"{codec.upper()} at capacity": SeparationBaseline(
        codec, symbols_per_image=system.symbols_per_image
    )
    for codec in ("jpeg", "avif")
}
measured = [
    evaluate(scheme, work / "test", snrs_db, name=name) for name, scheme in schemes.items()
]
for one in measured:
    print(f"{one.name:18}", "  ".join(f"{row['psnr_db']:5.2f}" for row in one.rows), "dB")

# %%
# The same from the command line:

semcomm(
    f"evaluate {work}/mine --builder residual_parts:build_residual "
    f"--codecs jpeg,avif --data {work}/test "
    "--snr 1,4,7,10,13"
)

# %%
# A minute on three margins is no training, and the codecs have a perfect channel code. What counts is that everybody
# pays the same.

figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained")
for one, color in zip(measured, ("#0b6e99", "#d1661f", "#697080"), strict=True):
    axes.plot(snrs_db, [row["psnr_db"] for row in one.rows], "o-", color=color, label=one.name)
axes.set(xlabel="SNR (dB)", ylabel="PSNR (dB)", title="Equal channel uses, k/n = 1/12")
axes.grid(alpha=0.25)
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False)
if plt.get_backend() == "agg":  # no screen
    plt.savefig("parts_of_your_own.png")
plt.show()
