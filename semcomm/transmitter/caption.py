"""Hop 1 of 6: images to the caption's word embeddings."""

from typing import Any, Protocol, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.whole import check_whole


class Captioner(Protocol):
    """A pretrained network that writes an image's caption; any `nn.Module` with these three methods.

    Symbols: `b` images, `T` the fixed length of a padded caption, `E` the size of a word embedding.
    """

    def generate(self, images: Tensor) -> Tensor:
        """Write captions: images `(b, 3, h, w)` in [0, 1] to tokens `(b, T)`, int64, padded to a fixed `T`.

        An image's tokens must not depend on the other images of the batch.
        """
        ...

    def embed(self, tokens: Tensor) -> Tensor:
        """Look the words up: tokens `(b, T)` to embeddings `(b, T, E)`, zero where a token is padding."""
        ...

    def text(self, tokens: Tensor) -> list[str]:
        """Spell the captions out: tokens `(b, T)` to `b` strings, without padding or marker words."""
        ...


@final
class CaptionFeature(nn.Module):
    """Hop 1 of 6: an image's generated caption as a plane of word embeddings, p.

    The T x E embeddings of the caption are resized bilinearly to H x W and flattened (arXiv 2202.04754, Section II-A).
    The captioner is frozen: no gradient enters it, and it stays in eval mode under `train()`.

    Args:
        captioner: the network that writes and embeds captions; see `Captioner`.
        image_size: H = W, or (H, W), of the plane; builders set it to the system's `image_size`.

    Shape:
        images `(b, 3, h, w)` in [0, 1], of any size, to p `(b, H W)`.

    Raises:
        TypeError: if `captioner` is no `nn.Module` with `generate`, `embed` and `text`.
        ValueError: if `image_size` is not one or two positive integers, or precomputed tokens do not fit the images.
    """

    captioner: Any

    def __init__(self, captioner: nn.Module, image_size: int | tuple[int, int] = 256):
        super().__init__()
        # hasattr, since from Python 3.12 on isinstance with a protocol does not find a module's buffers
        is_there = all(hasattr(captioner, name) for name in ("generate", "embed", "text"))
        if not (isinstance(captioner, nn.Module) and is_there):
            raise TypeError(
                f"captioner must be an nn.Module with generate, embed and text, got {type(captioner).__name__}"
            )
        self.captioner = captioner.requires_grad_(False).eval()
        sides = image_size if isinstance(image_size, tuple | list) else (image_size, image_size)
        if len(sides) != 2:
            raise ValueError(f"image_size must be one or two integers, got {image_size!r}")
        self.image_size = (check_whole(sides[0], "image_size"), check_whole(sides[1], "image_size"))

    @torch.no_grad()
    def forward(self, images: Tensor, tokens: Tensor | None = None) -> Tensor:
        """Turn images `(b, 3, h, w)`, or the captions already written for them `(b, T)`, into p `(b, H W)`."""
        embeddings = self.captioner.embed(self.tokens(images) if tokens is None else tokens)
        if embeddings.ndim != 3 or embeddings.shape[0] != images.shape[0]:
            raise ValueError(
                f"tokens must be (b, T) for the {images.shape[0]} images, got embeddings {tuple(embeddings.shape)}"
            )
        plane = F.interpolate(embeddings.float()[:, None], size=self.image_size, mode="bilinear", align_corners=False)
        return plane.flatten(1)

    @torch.no_grad()
    def tokens(self, images: Tensor) -> Tensor:
        """Write captions for images `(b, 3, h, w)`: tokens `(b, T)`."""
        return self.captioner.generate(images)

    def text(self, tokens: Tensor) -> list[str]:
        """Spell out tokens `(b, T)`."""
        return self.captioner.text(tokens)

    def train(self, mode: bool = True) -> "CaptionFeature":
        """Set training mode; the captioner stays in eval mode."""
        super().train(mode)
        self.captioner.eval()
        return self
