"""A trained network as it is run: fewer and faster layers of the same result, large images strip by strip.

Nothing here changes a network. A shallow twin shares every weight with it but those that are folded, is made for one
run and thrown away, so that training, `state_dict` and other threads see nothing of it.
"""

import copy
from collections.abc import Callable, Iterator
from typing import TypeGuard, TypeVar, cast, final

import torch
from torch import Tensor, nn

from semcomm.channel.snr import SNR
from semcomm.networks.stages import Stage, Stages
from semcomm.receiver.decoder import DecoderModule
from semcomm.receiver.fusion import FeatureFusion
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.encoder import EncoderModule
from semcomm.transmitter.segmentation import SegmentationFeature

Network = TypeVar("Network", bound=nn.Module)
Change = Callable[[nn.Module], nn.Module | None]
LOCAL = (EncoderModule, DecoderModule, FeatureFusion, Stages)
"""Networks of convolutions, where a pixel depends on its surroundings alone."""


def folded(network: Network) -> Network:
    r"""Fold batch normalisation into the convolution before it, for a network in eval mode.

    $\gamma (W x + b - \mu) / \sigma + \beta = (\gamma W / \sigma) x + \gamma (b - \mu) / \sigma + \beta$, in every
    `Stage` and `nn.Sequential`. Transposed convolutions of stride 1 become the convolutions that they are, with the
    kernel turned by half: torch takes several times as long for the former. The frozen extractors stay as they are: a
    rounding error would move the borders of their label maps.

    Args:
        network: in eval mode.

    Returns:
        A twin that shares all other weights, or `network` itself where there is nothing to fold.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
        >>> folded(network)[1]
        Identity()
    """
    return cast(Network, _twin(network, _fold))


def in_strips(network: Network, strips: int, *, align: int) -> Network:
    """Run a network's encoders, decoders and fusion on strips of an image, with the result of the whole image.

    A strip takes as many rows beside it along as reach into it, so convolutions give what they give on the whole image.

    Args:
        network: in eval mode.
        strips: into how many an image is cut.
        align: rows that must stay together: the downsampling factor of encoders, 1 of decoders.

    Returns:
        A twin that shares all weights.
    """
    return cast(Network, _twin(network, lambda part: _InStrips(part, strips, align) if _local(part) else _kept(part)))


@final
class _InStrips(nn.Module):
    """One of the `LOCAL` networks, strip by strip."""

    def __init__(self, network: nn.Module, strips: int, align: int):
        super().__init__()
        self.network = network
        self.strips = strips
        self.align = align
        # in rows of the coarsest plane inside, so never too few
        self.halo = align * sum(_reach(part) for part in network.modules())

    def forward(self, features: Tensor, snr_db: SNR | None = None) -> Tensor:
        """Transform `(b, C, h, w)` into `(b, C', h', w')`."""
        done = []
        for strip, start, stop in self._cut(features):
            result = self.network(strip, snr_db)
            done.append(result[:, :, _scaled(start, result, strip) : _scaled(stop, result, strip)])
        return torch.cat(done, dim=2)

    def _cut(self, features: Tensor) -> Iterator[tuple[Tensor, int, int]]:
        """Strips with the rows around them, and where a strip's own rows start and stop in that."""
        rows = features.shape[2]
        height = self.align * -(-rows // (self.strips * self.align))
        for start in range(0, rows, height):
            stop, first = min(start + height, rows), max(0, start - self.halo)
            strip = features[:, :, first : stop + self.halo]
            yield strip.contiguous(memory_format=torch.channels_last), start - first, stop - first


def _twin(network: nn.Module, change: Change) -> nn.Module:
    """Apply `change` to every module, outermost first, until it returns another; None means its children's turn."""
    changed = change(network)
    if changed is not None:
        return changed
    children = {name: part if part is None else _twin(part, change) for name, part in network._modules.items()}
    if all(children[name] is part for name, part in network._modules.items()):
        return network
    return _with_children(network, children)


def _with_children(network: nn.Module, children: dict[str, nn.Module | None]) -> nn.Module:
    twin = copy.copy(network)
    twin.__dict__["_modules"] = children
    return twin


def _kept(part: nn.Module) -> nn.Module | None:
    return part if isinstance(part, CaptionFeature | SegmentationFeature) else None


def _local(part: nn.Module) -> bool:
    return isinstance(part, LOCAL)


def _fold(part: nn.Module) -> nn.Module | None:
    if not isinstance(part, Stage | nn.Sequential):
        return _kept(part)
    children = dict(part._modules)
    names = list(children)
    for name, following in zip(names, names[1:], strict=False):
        convolution, norm = children[name], children[following]
        if isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and _foldable(convolution):
            children[name] = _scaled_convolution(cast(nn.Conv2d, convolution), norm)
            children[following] = nn.Identity()
    children = {name: _as_convolution(child) if _unstrided(child) else child for name, child in children.items()}
    return None if children == part._modules else _with_children(part, children)


def _foldable(convolution: nn.Module | None) -> bool:
    """Whether it is torch's own (a parametrised one has no weights to scale), and torch can fold it."""
    return type(convolution) is nn.Conv2d or (type(convolution) is nn.ConvTranspose2d and convolution.groups == 1)


def _scaled_convolution(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Module:
    mean, scale = cast(Tensor, norm.running_mean), (cast(Tensor, norm.running_var) + norm.eps).rsqrt()
    if norm.affine:
        scale = norm.weight * scale
    moved = -mean if convolution.bias is None else convolution.bias - mean
    bias = moved * scale + norm.bias if norm.affine else moved * scale
    outputs = (1, -1, 1, 1) if isinstance(convolution, nn.ConvTranspose2d) else (-1, 1, 1, 1)
    weight = convolution.weight * scale.reshape(outputs)
    twin = copy.copy(convolution)
    twin.__dict__["_parameters"] = {"weight": weight, "bias": bias}
    return twin


def _unstrided(part: nn.Module | None) -> TypeGuard[nn.ConvTranspose2d]:
    return (
        type(part) is nn.ConvTranspose2d
        and part.stride == part.dilation == (1, 1)
        and part.groups == 1
        and all(padding < kernel for padding, kernel in zip(_padding(part), part.kernel_size, strict=True))
    )


def _as_convolution(transposed: nn.ConvTranspose2d) -> nn.Module:
    kernel, padding = cast(tuple[int, int], transposed.kernel_size), _padding(transposed)
    twin = nn.Conv2d(
        transposed.in_channels,
        transposed.out_channels,
        kernel,
        padding=(kernel[0] - 1 - padding[0], kernel[1] - 1 - padding[1]),
        device="meta",
    )
    weight = transposed.weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)
    twin.__dict__["_parameters"] = {"weight": weight, "bias": transposed.bias}
    return twin


def _padding(convolution: nn.Conv2d | nn.ConvTranspose2d) -> tuple[int, int]:
    return cast(tuple[int, int], convolution.padding)


def _reach(part: nn.Module) -> int:
    """Rows beside a row's own that its result depends on, in rows of the input."""
    if isinstance(part, nn.Conv2d):
        kernel, stride, padding = part.kernel_size[0], part.stride[0], _padding(part)[0]
        return max(padding, kernel - padding - stride, 0)
    if isinstance(part, nn.ConvTranspose2d):
        kernel, stride, padding = part.kernel_size[0], part.stride[0], _padding(part)[0]
        return max((kernel - 1 - padding) // stride, -(-padding // stride), 0)
    return 0


def _scaled(row: int, result: Tensor, strip: Tensor) -> int:
    return row * result.shape[2] // strip.shape[2]
