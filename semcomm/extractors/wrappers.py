"""Wrappers that turn other people's networks into a `Segmenter` or a `Captioner`; `adapters.py` makes them."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.extractors.inference import check_images, in_dtype_of, labels_at, normalize, one_by_one
from semcomm.extractors.palettes import default_palette, palette_tensor
from semcomm.extractors.vocabulary import check_tokens
from semcomm.networks.frozen import frozen
from semcomm.whole import check_whole


@final
class TorchvisionSegmenter(nn.Module):
    """A torchvision segmenter as a `Segmenter`; build it with `segmenter_from_torchvision`.

    Args:
        model: Network-ready images to `{"out": logits}`.
        class_names: One name per class, in label order.
        palette: One RGB colour, 0 to 255, per class.
        short_side: Pixels to which the shorter side of an image is resized; None leaves it.
        mean: Each colour's mean in training.
        std: Each colour's standard deviation in training.

    Shape:
        Network-ready images `(b, 3, h, w)` to logits `(b, classes, h, w)`.

    Raises:
        ValueError: If `palette` does not match `class_names`.
    """

    palette: Tensor

    def __init__(
        self,
        model: nn.Module,
        *,
        class_names: Sequence[str],
        palette: Sequence[Sequence[int]],
        short_side: int | None,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        self.model = model
        self.class_names = tuple(class_names)
        self.short_side = short_side
        self.mean, self.std = tuple(mean), tuple(std)
        self.register_buffer("palette", palette_tensor(palette, self.class_names), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Score the classes: network-ready `(b, 3, h, w)` to logits `(b, classes, h, w)`."""
        return self.model(x)["out"]

    def segment(self, images: Tensor) -> Tensor:
        """Label the pixels: images `(b, 3, h, w)` in [0, 1], any size, to int64 label maps `(b, h, w)`.

        Raises:
            TypeError: If `images` is not a floating-point tensor.
            ValueError: If its shape is another.
        """
        check_images(images)
        size = images.shape[2:]
        resized = images if self.short_side is None else _resize_short_side(images.float(), self.short_side)
        ready = in_dtype_of(self, resized)
        with frozen(self):
            return one_by_one(lambda image: labels_at(self(normalize(image, self.mean, self.std)), size), ready)


@final
class TransformersSegmenter(nn.Module):
    """A transformers segmenter as a `Segmenter`; build it with `segmenter_from_transformers`.

    Args:
        model: A semantic or universal segmentation model.
        processor: Its image processor.
        palette: One RGB colour, 0 to 255, per class of the model.

    Shape:
        Network-ready images `(b, 3, h, w)` to the model's own output.

    Raises:
        ValueError: If `palette` does not match the model's classes.
    """

    palette: Tensor

    # The types of an optional dependency cannot be named here.
    def __init__(self, model: Any, processor: Any, *, palette: Sequence[Sequence[int]] | None = None) -> None:
        super().__init__()
        self.model = model
        self.processor = processor
        self.class_names = tuple(
            str(model.config.id2label[label]).strip() for label in range(len(model.config.id2label))
        )
        palette = default_palette(self.class_names) if palette is None else palette
        self.register_buffer("palette", palette_tensor(palette, self.class_names), persistent=False)

    def forward(self, x: Tensor) -> Any:
        """Run the model on network-ready images `(b, 3, h, w)`."""
        return self.model(pixel_values=x)

    def segment(self, images: Tensor) -> Tensor:
        """Label the pixels: images `(b, 3, h, w)` in [0, 1], any size, to int64 label maps `(b, h, w)`.

        Raises:
            TypeError: If `images` is not a floating-point tensor.
            ValueError: If its shape is another.
        """
        check_images(images)
        with frozen(self):
            return one_by_one(self._segment_one, images)

    def _segment_one(self, image: Tensor) -> Tensor:
        size = tuple(image.shape[2:])
        output = self(in_dtype_of(self, _process(self.processor, image)))
        if "logits" in output:
            return labels_at(output.logits, size)
        return torch.stack(self.processor.post_process_semantic_segmentation(output, target_sizes=[size])).long()


@final
class TransformersCaptioner(nn.Module):
    """A transformers image-to-text model as a `Captioner`; build it with `captioner_from_transformers`.

    Args:
        model: An image-to-text model that needs no prompt.
        processor: Its image processor.
        tokenizer: Its tokenizer.
        max_length: `T`, the tokens generated at most; captions are padded to it.
        beam_size: Beginnings kept while searching for the likeliest caption; 1 is greedy.

    Shape:
        Network-ready images `(b, 3, h, w)` to the model's tokens `(b, n)`, markers included.

    Raises:
        ValueError: If `max_length` or `beam_size` is below 1, or the model has no word embeddings or no padding token.
    """

    def __init__(self, model: Any, processor: Any, tokenizer: Any, *, max_length: int = 20, beam_size: int = 1) -> None:
        super().__init__()
        self.model = model
        self.processor = processor
        self.tokenizer = tokenizer
        self.max_length = check_whole(max_length, "max_length")
        self.beam_size = check_whole(beam_size, "beam_size")
        self.markers = _marker_tokens(model, tokenizer)
        self.pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        if self.pad is None:
            raise ValueError("tokenizer has neither a padding nor an end token, required: one of them")
        self.embedding_size = _word_embeddings(model).embedding_dim

    def forward(self, x: Tensor) -> Tensor:
        """Tell raw tokens: network-ready images `(b, 3, h, w)` to `(b, n)`."""
        return self.model.generate(
            pixel_values=x, max_new_tokens=self.max_length, num_beams=self.beam_size, do_sample=False
        )

    def generate(self, images: Tensor) -> Tensor:
        """Write captions: images `(b, 3, h, w)` in [0, 1], any size, to the captions' words `(b, T)`.

        The markers are left out, and captions are filled up with padding; `forward` gives the raw tokens.

        Raises:
            TypeError: If `images` is not a floating-point tensor.
            ValueError: If its shape is another.
        """
        check_images(images)
        with frozen(self):
            ready = in_dtype_of(self, _process(self.processor, images))
            # in transformers one image's beams may end with another's: each is searched alone
            parts = ready.split(len(ready) if self.beam_size == 1 else 1)
            written = [self.strip(self(part)) for part in parts]
        rows = [F.pad(tokens, (0, max(0, self.max_length - tokens.shape[1])), value=self.pad) for tokens in written]
        return torch.cat([row[:, : self.max_length] for row in rows])

    def strip(self, tokens: Tensor) -> Tensor:
        """Keep the words alone: drop the markers, move the words up, fill with padding: `(b, n)` to the same."""
        is_word = ~torch.isin(tokens, tokens.new_tensor(self.markers))
        order = (~is_word).long().argsort(dim=1, stable=True)
        return tokens.masked_fill(~is_word, self.pad).gather(1, order)

    def embed(self, tokens: Tensor) -> Tensor:
        """Look the words up as the model does: tokens `(b, n)` to embeddings `(b, n, E)`, zero where padding.

        Raises:
            ValueError: If a token is not one of the model's.
        """
        table = _word_embeddings(self.model)
        check_tokens(tokens, words=table.num_embeddings)
        with frozen(self):
            return table(tokens).float() * (tokens != self.pad).unsqueeze(2)

    def text(self, tokens: Tensor) -> list[str]:
        """Spell the captions out: tokens `(b, n)` to `b` strings, without padding or markers."""
        return [
            self.tokenizer.decode([token for token in row if token != self.pad], skip_special_tokens=True).strip()
            for row in self.strip(tokens).tolist()
        ]


def _process(processor: Any, images: Tensor) -> Tensor:
    """Prepare images as the model's own image processor does, which expects 0 to 255."""
    pixels = (images.clamp(0, 1) * 255).round().to(torch.uint8)
    on_tensors = getattr(processor, "backend", None) == "torchvision" or type(processor).__name__.endswith("Fast")
    batch = list(pixels if on_tensors else pixels.cpu())
    return processor(images=batch, input_data_format="channels_first", return_tensors="pt")["pixel_values"].to(
        images.device
    )


def _resize_short_side(images: Tensor, short_side: int) -> Tensor:
    height, width = images.shape[2:]
    short = min(height, width)
    size = (short_side * height // short, short_side * width // short)
    return F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)


def _word_embeddings(model: Any) -> nn.Embedding:
    """Find the table that the model itself looks its words up in, wherever the architecture keeps it."""
    parts: list[Any] = [getattr(model, name, None) for name in ("decoder", "text_decoder", "language_model")]
    for part in (*parts, model):
        # An architecture without words says so with NotImplementedError, or with a table of patches.
        with suppress(AttributeError, NotImplementedError):
            table = part.get_input_embeddings()
            if isinstance(table, nn.Embedding):
                return table
    raise ValueError(f"model {type(model).__name__} has no word embeddings, required: an image-to-text model")


def _marker_tokens(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """List the tokens that stand for no word: padding, start, end and the like."""
    parts = [tokenizer, getattr(model, "generation_config", None)]
    markers = [
        getattr(part, f"{name}_token_id", None) for part in parts for name in ("pad", "bos", "eos", "decoder_start")
    ]
    markers += [getattr(tokenizer, f"{name}_token_id", None) for name in ("sep", "cls", "mask")]
    configs = [model.config, *(getattr(model.config, name, None) for name in ("decoder", "text_config"))]
    markers += [
        getattr(config, f"{name}_token_id", None) for config in configs for name in ("bos", "sep", "decoder_start")
    ]
    flat = [token for marker in markers for token in (marker if isinstance(marker, list | tuple) else [marker])]
    return tuple(sorted({int(token) for token in flat if token is not None}))
