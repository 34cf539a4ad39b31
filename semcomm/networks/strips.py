"""Large images through a trained network strip by strip, with the result of the whole image.

Nothing here changes a network. A shallow twin shares every weight with it, is made for one run and thrown away, so that
training, `state_dict` and other threads see nothing of it.
"""

import copy
from collections.abc import Iterator
from typing import TypeVar, cast, final

import torch
from torch import Tensor, nn

from semcomm.channel.snr import SNR

Network = TypeVar("Network", bound=nn.Module)


def in_strips(network: Network, strips: int) -> Network:
    """Run a network's encoders, decoders and fusion on strips of an image, with the result of the whole image.

    A strip takes as many rows beside it along as reach into it, so convolutions give what they give on the whole image.

    Args:
        network: in eval mode. Its parts with an attribute `strip_rows` are run in strips: networks of convolutions,
            called with features and SNR, where a pixel depends on its surroundings alone. The attribute says how many
            rows must stay together: the downsampling factor of encoders, 1 of decoders.
        strips: into how many an image is cut.

    Returns:
        A twin that shares all weights.
    """
    return cast(Network, _twin(network, strips))


@final
class _InStrips(nn.Module):
    """A network of convolutions, strip by strip."""

    def __init__(self, network: nn.Module, strips: int):
        super().__init__()
        self.network = network
        self.strips = strips
        self.align = align = cast(int, network.strip_rows)
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


def _twin(network: nn.Module, strips: int) -> nn.Module:
    """Wrap the outermost parts that can be run in strips; whatever holds them is copied."""
    if hasattr(network, "strip_rows"):
        return _InStrips(network, strips).train(network.training)
    children = {name: part if part is None else _twin(part, strips) for name, part in network._modules.items()}
    if all(children[name] is part for name, part in network._modules.items()):
        return network
    twin = copy.copy(network)
    twin.__dict__["_modules"] = children
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
