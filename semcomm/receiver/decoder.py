"""Hop 5 of 6: received symbols to image-like features."""

from typing import final

from torch import Tensor, nn

from semcomm.channel.snr import SNR
from semcomm.networks.stages import (
    Norm,
    SNRConditioning,
    Stage,
    Stages,
    check_positive,
    stage_widths,
    transposed_convolution,
)
from semcomm.whole import check_whole


@final
class DecoderModule(nn.Module):
    """Hop 5 of 6: one level's received channels q_i to d_i at twice the size.

    The mirror of an `EncoderModule`'s two innermost convolutions: a stride-1 m x m convolution to the encoder's last
    width, PReLU, and a stride-2 transposed one to the output channels (arXiv 2202.04754, Fig. 3; the widths are
    chosen here). With `shortcut`, a linear map of each position to its 2 x 2 is added, as in the encoder.

    Args:
        complex_channels: complex channels c received.
        out_channels: channels of d_i; 3 in the paper.
        downsampling: t of the encoder it mirrors.
        kernel_size: m, odd.
        width: `width` of the encoder it mirrors.
        norm: "batch" (after every convolution, as in the paper) or "none".
        snr_adaptive: condition the channels on the SNR after every PReLU, and at the start where there is a shortcut.
        shortcut: add the linear map.

    Shape:
        `(b, 2c, h/t, w/t)` to `(b, out_channels, 2h/t, 2w/t)`.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> import torch
        >>> DecoderModule(3, downsampling=8, kernel_size=3)(torch.rand(1, 6, 8, 12)).shape
        torch.Size([1, 3, 16, 24])
    """

    def __init__(
        self,
        complex_channels: int,
        out_channels: int = 3,
        *,
        downsampling: int,
        kernel_size: int,
        width: int = 32,
        norm: Norm = "batch",
        snr_adaptive: bool = False,
        shortcut: bool = False,
    ):
        super().__init__()
        self.complex_channels = check_positive(complex_channels, "complex_channels")
        self.out_channels = check_positive(out_channels, "out_channels")
        kernel_size = check_whole(kernel_size, "kernel_size")
        inner = stage_widths(check_positive(width, "width"), downsampling)[-1]
        widen = transposed_convolution(2 * complex_channels, inner, kernel_size, stride=1)
        enlarge = transposed_convolution(inner, out_channels, kernel_size, stride=2)
        self.stages = Stages(
            [
                Stage(widen, norm=norm, activation=nn.PReLU(inner), snr_adaptive=snr_adaptive),
                Stage(enlarge, norm=norm),
            ]
        )
        self.conditioning = SNRConditioning(2 * complex_channels) if shortcut and snr_adaptive else None
        self.shortcut = nn.ConvTranspose2d(2 * complex_channels, out_channels, 2, 2) if shortcut else None

    strip_rows = 1

    def forward(self, features: Tensor, snr_db: SNR | None = None) -> Tensor:
        """Decode `(b, 2c, h/t, w/t)` into `(b, out_channels, 2h/t, 2w/t)`."""
        if self.conditioning is not None:
            features = self.conditioning(features, snr_db)
        decoded = self.stages(features, snr_db)
        return decoded if self.shortcut is None else decoded + self.shortcut(features)
