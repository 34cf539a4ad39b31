"""Begin a larger nested MLSC-image with a smaller one's weights: `python zoo/grow_nested.py OLD NEW`.

OLD is a shipped system's name or a folder. What `build_nested_mlsc_image` has and OLD has not starts as nothing: a
residual block's second convolution is zero. Blocks that OLD has beyond these are left out.
`semcomm train nested --begin-from NEW` trains it.
"""

import argparse
from pathlib import Path

import torch

from semcomm import build_nested_mlsc_image, from_pretrained
from semcomm.saving import saved_weights


def main() -> None:
    """Write the folder NEW."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="a shipped system's name or a folder")
    parser.add_argument("new", type=Path, help="folder for the larger one")
    given = parser.parse_args()
    old = saved_weights(from_pretrained(given.old, device="cpu"))
    torch.manual_seed(0)  # for the first convolutions of new blocks
    system = build_nested_mlsc_image(caption=None, segmentation=None, device="cpu")
    own = saved_weights(system)
    kept = {name: value for name, value in old.items() if name in own}
    others = [name for name in kept if kept[name].shape != own[name].shape]
    if others or not kept:
        why = f"{others[0]} has another shape" if others else "it shares no weights"
        parser.error(f"OLD must be a nested MLSC-image of the default width, got {given.old}: {why}")
    system.load_state_dict(kept, strict=False)
    system.save_pretrained(given.new)
    print(f"wrote {given.new}: {len(kept)} tensors kept, {len(own) - len(kept)} new, {len(old) - len(kept)} left out")


if __name__ == "__main__":
    main()
