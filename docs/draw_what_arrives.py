"""Draw what arrives of one photograph at five SNRs: `python docs/draw_what_arrives.py [PHOTOGRAPH]`.

Without a photograph it is the demo's, and the picture is the one in the README. Label maps and captions are those
that the receiver recovered.
"""

import argparse
from pathlib import Path

import torch

from semcomm.experiments.demo import demo_photograph, demo_system, what_arrives
from semcomm.experiments.pictures import save_figure
from semcomm.files.pictures import load_image

HERE = Path(__file__).parent


def main() -> None:
    """Send, draw, and print the scores."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("photograph", type=Path, nargs="?", help="a picture file; the demo's without it")
    arguments.add_argument("--out", type=Path, default=HERE / "images" / "demo.png", help="PNG, PDF or SVG")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    figure, rows = what_arrives(load_image(given.photograph or demo_photograph()), demo_system())
    save_figure(figure, given.out)
    for name, sent in rows.items():
        print(f"{name}: {', '.join(f'{one.psnr_db.item():.2f}' for one in sent)}")
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
