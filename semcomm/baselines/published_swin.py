"""The authors' files of SwinJSCC and WITT: their names in our words, and what they say about variant and size."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from semcomm.baselines.swin import Shape
from semcomm.files.tensors import listing, read_state_dict

_RENAMED = (
    (r"^patch_embed\.proj\.", "embed."),
    (r"^layers\.", "stages."),
    (r"\.attn\.relative_position_bias_table$", ".attention.bias_table"),
    (r"\.attn\.", ".attention."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.2."),
    (r"\.(downsample|upsample)\.norm\.", ".resize.norm."),
    (r"\.(downsample\.reduction|upsample\.increment)\.", ".resize.linear."),
    (r"^head_list\.", "head."),
    (r"^sm_list(1?)\.7\.", r"gates\1.last."),
    (r"^sm_list(1?)\.", r"gates\1.layers."),
    (r"^bm_list(1?)\.(\d)\.fc\.", r"gates\1.gates.\2."),
)
_COMPUTED = (".attn_mask", ".relative_position_index")
"""Buffers that depend on the size of the image or the window alone."""
_MOST = {"widths": 4096, "depths": 64, "heads": 64, "window": 32}
"""Larger ones are a damaged file's: more than anybody trains."""


def read_published(path: str | Path) -> dict[str, dict[str, Tensor]]:
    """Read one of the authors' files.

    Names of losses and channels are left out, and so are buffers that can be computed.

    Args:
        path: the file, wrapped as `{"state_dict": ...}` or not, with `module.` before every name or not.

    Returns:
        `{"encoder": ..., "decoder": ...}`: tensors by our names. Gates are still named `gates.` and `gates1.`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it needs unpickling, is damaged, or holds no encoder and decoder.
    """
    halves: dict[str, dict[str, Tensor]] = {"encoder": {}, "decoder": {}}
    for name, value in read_state_dict(path).items():
        half, _, rest = name.partition(".")
        if half in halves and not name.endswith(_COMPUTED):
            halves[half][_renamed(rest)] = value
    for half, tensors in halves.items():
        if not tensors:
            raise ValueError(
                f"checkpoint '{path}' is no file of SwinJSCC or WITT: no name in it begins with '{half}.'; it needs "
                "the state dict of the authors' whole network"
            )
    return halves


def _renamed(name: str) -> str:
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def shape_of(encoder: Mapping[str, Tensor], *, source: str | Path) -> Shape:
    """Tell widths, depths, heads and window from an encoder's names and shapes.

    Args:
        encoder: tensors by our names.
        source: the file, for the message.

    Raises:
        ValueError: if a stage has no blocks, or a size is none that anybody trains.
    """
    blocks = {
        tuple(map(int, found.groups())): tuple(value.shape)
        for name, value in encoder.items()
        if (found := re.fullmatch(r"stages\.(\d{1,3})\.blocks\.(\d{1,3})\.attention\.bias_table", name))
    }
    stages = sorted({stage for stage, _ in blocks})
    if not stages or stages != list(range(len(stages))) or any(len(shape) != 2 for shape in blocks.values()):
        raise ValueError(f"checkpoint '{source}' has no windowed attention with a table of biases in every stage")
    widths = [_width(encoder, stage, source) for stage in stages]
    depths = [sum(one == stage for one, _ in blocks) for stage in stages]
    heads = [blocks.get((stage, 0), (0, 0))[1] for stage in stages]
    window = round(blocks.get((0, 0), (0, 0))[0] ** 0.5 + 1) // 2
    sizes = {"widths": widths, "depths": depths, "heads": heads, "window": [window]}
    strange = [name for name, values in sizes.items() if not all(1 <= value <= _MOST[name] for value in values)]
    if len(stages) > 6 or strange or any(width % count for width, count in zip(widths, heads, strict=True)):
        raise ValueError(f"checkpoint '{source}' has sizes that no SwinJSCC or WITT has: {sizes}")
    return Shape(tuple(widths), tuple(depths), tuple(heads), window)


def _width(encoder: Mapping[str, Tensor], stage: int, source: str | Path) -> int:
    name = f"stages.{stage}.blocks.0.norm1.weight"
    if name not in encoder or encoder[name].ndim != 1:
        raise ValueError(f"checkpoint '{source}' lacks a one-dimensional {name}")
    return len(encoder[name])


def channels_of(encoder: Mapping[str, Tensor]) -> int | None:
    """Real channels of the head, or None where there is no head: then the rate is adaptive."""
    head = encoder.get("head.weight")
    return None if head is None or head.ndim != 2 else int(head.shape[0])


def gates_are_trained(half: Mapping[str, Tensor]) -> bool:
    """Whether gates were ever trained: a variant that does not use them keeps what torch filled them with.

    `nn.Linear` draws its first weights uniformly from plus or minus one over the square root of its inputs, and
    training moves some of 480 x 480 weights beyond. WITT's encoder starts with other numbers, so ask its decoder.
    """
    layers = [value for name, value in half.items() if re.fullmatch(r"gates\.layers\.\d\.weight", name)]
    return any(bool(value.ndim == 2 and value.abs().amax() > value.shape[1] ** -0.5 * (1 + 1e-6)) for value in layers)


def with_gates(half: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Give gates the names of what they adapt to, and leave out those that nothing uses.

    Args:
        half: an encoder's or decoder's tensors by our names.
        names: such as `{"gates": "snr_modulation"}`.
    """
    renamed = {}
    for name, value in half.items():
        first, _, rest = name.partition(".")
        if first in names:
            renamed[f"{names[first]}.{rest}"] = value
        elif not re.fullmatch(r"gates1?", first):
            renamed[name] = value
    return renamed


def check_finite(halves: Mapping[str, Mapping[str, Tensor]], *, source: str | Path) -> None:
    """Raise a ValueError that names tensors with NaN or inf."""
    bad = [
        f"{half}.{name}"
        for half, tensors in halves.items()
        for name, value in tensors.items()
        if not torch.isfinite(value).all()
    ]
    if bad:
        raise ValueError(f"checkpoint '{source}' holds NaN or inf in {listing(bad)}")
