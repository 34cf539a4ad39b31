"""Show and tell, the paper's captioner: a ResNet that starts an LSTM, and the loader of its published checkpoints."""

from collections.abc import Sequence
from pathlib import Path
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152

from semcomm.extractors.inference import check_images, in_dtype_of, normalize
from semcomm.extractors.vocabulary import END, PAD, START, check_tokens, check_vocabulary, read_vocabulary
from semcomm.files.tensors import count_blocks, load_checked, read_state_dict
from semcomm.networks.frozen import frozen
from semcomm.whole import check_whole

_RESNETS = {18: resnet18, 34: resnet34, 50: resnet50, 101: resnet101, 152: resnet152}
_BLOCKS = {
    (2, 2, 2, 2, "basic"): 18,
    (3, 4, 6, 3, "basic"): 34,
    (3, 4, 6, 3, "bottleneck"): 50,
    (3, 4, 23, 3, "bottleneck"): 101,
    (3, 8, 36, 3, "bottleneck"): 152,
}
_IMAGE_SIZE = 224


@final
class ImageEncoder(nn.Module):
    """Turn an image into the vector that starts the caption.

    Args:
        resnet: A torchvision ResNet; all but its classifier is used.
        embedding_size: Size of the vector, the same as a word's.

    Shape:
        Network-ready images (224 x 224, ImageNet's mean and standard deviation) `(b, 3, h, w)` to
        `(b, embedding_size)`.
    """

    def __init__(self, resnet: ResNet, embedding_size: int) -> None:
        super().__init__()
        self.resnet = nn.Sequential(*list(resnet.children())[:-1])
        self.linear = nn.Linear(resnet.fc.in_features, embedding_size)
        self.bn = nn.BatchNorm1d(embedding_size, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Embed images: network-ready `(b, 3, h, w)` to `(b, embedding_size)`."""
        return self.bn(self.linear(self.resnet(x).flatten(1)))


@final
class CaptionDecoder(nn.Module):
    """Tell a caption word by word with an LSTM, from the vector that `ImageEncoder` shows it.

    Args:
        embedding_size: Size of a word's vector.
        hidden_size: Size of the LSTM's state.
        words: Words of the vocabulary, markers included.
        layers: Layers of the LSTM.

    Shape:
        Image embeddings `(b, embedding_size)` and tokens `(b, n)` to scores `(b, n + 1, words)`.
    """

    def __init__(self, embedding_size: int, hidden_size: int, words: int, *, layers: int = 1) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, embedding_size)
        self.lstm = nn.LSTM(embedding_size, hidden_size, layers, batch_first=True)
        self.linear = nn.Linear(hidden_size, words)

    def forward(self, image_embeddings: Tensor, tokens: Tensor) -> Tensor:
        """Score the next word after the image and after each of the given words (teacher forcing)."""
        inputs = torch.cat([image_embeddings.unsqueeze(1), self.embed(tokens)], dim=1)
        return self.linear(self.lstm(inputs)[0])

    def greedy(self, image_embeddings: Tensor, length: int) -> Tensor:
        """Take the likeliest word at every step, past the end marker too: `(b, embedding_size)` to `(b, length)`."""
        tokens, inputs, state = [], image_embeddings.unsqueeze(1), None
        for _ in range(length):
            hidden, state = self.lstm(inputs, state)
            tokens.append(self.linear(hidden).argmax(dim=2))
            inputs = self.embed(tokens[-1])
        return torch.cat(tokens, dim=1)

    def beam(self, image_embeddings: Tensor, length: int, *, beams: int, end: int) -> Tensor:
        """Keep the `beams` likeliest beginnings at every step, and return the likeliest caption found.

        The greedy caption is among the candidates, so that the result is never less likely than it. A caption's
        likelihood is the product of its words', the end marker's included (Vinyals et al., CVPR 2015, equation 2).

        Args:
            image_embeddings: One vector per image.
            length: Words of the longest caption.
            beams: Beginnings kept.
            end: The end marker's token, which also fills a caption that has ended.

        Shape:
            `(b, embedding_size)` to `(b, length)`.
        """
        batch = len(image_embeddings)
        inputs, state = image_embeddings.repeat_interleave(beams, dim=0).unsqueeze(1), None
        scores = image_embeddings.new_full((batch, beams), -torch.inf)
        scores[:, 0] = 0.0
        tokens = torch.empty((batch, beams, 0), dtype=torch.int64, device=scores.device)
        for _ in range(length):
            hidden, state = self.lstm(inputs, state)
            steps = F.log_softmax(self.linear(hidden), dim=2).view(batch, beams, -1)
            steps = _stay_ended(steps, (tokens == end).any(dim=2), end)
            words = steps.shape[2]
            scores, chosen = (scores.unsqueeze(2) + steps).flatten(1).topk(beams, dim=1)
            parents, chosen = chosen // words, chosen % words
            tokens = torch.cat([tokens.take_along_dim(parents.unsqueeze(2), dim=1), chosen.unsqueeze(2)], dim=2)
            rows = (parents + beams * torch.arange(batch, device=parents.device).unsqueeze(1)).flatten()
            state = (state[0][:, rows], state[1][:, rows])
            inputs = self.embed(chosen.view(-1, 1))
        found, greedy = tokens[:, 0], self.greedy(image_embeddings, length)
        better = self.log_likelihood(image_embeddings, greedy, end=end) > scores[:, 0]
        return torch.where(better.unsqueeze(1), greedy, found)

    def log_likelihood(self, image_embeddings: Tensor, tokens: Tensor, *, end: int) -> Tensor:
        """Compute how likely captions are: the sum of log p(word | image, words before), up to and with the end marker.

        Args:
            image_embeddings: One vector per image.
            tokens: One caption per image.
            end: The end marker's token; what follows it does not count.

        Shape:
            `(b, embedding_size)` and `(b, n)` to `(b,)`.
        """
        steps = F.log_softmax(self(image_embeddings, tokens[:, :-1]), dim=2)
        steps = steps.gather(2, tokens.unsqueeze(2)).squeeze(2)
        is_end = tokens == end
        after_end = is_end.cumsum(dim=1) - is_end.long() > 0
        return steps.masked_fill(after_end, 0.0).sum(dim=1)


@final
class ShowAndTell(nn.Module):
    """Write a sentence about an image: a `Captioner` for hop 1 of 6.

    Vinyals, Toshev, Bengio, Erhan, "Show and Tell: A Neural Image Caption Generator", CVPR 2015.

    Args:
        encoder: Network-ready images to image embeddings.
        decoder: Image embeddings to tokens.
        vocabulary: The words, in token order, with `<pad>`, `<start>`, `<end>` and `<unk>` among them.
        max_length: `T`, the words generated at most, markers included; captions are padded to it.
        beam_size: Beginnings kept while searching for the likeliest caption; 1 is greedy.

    Shape:
        Network-ready images `(b, 3, 224, 224)` to raw greedy or beam tokens `(b, T)`.

    Raises:
        ValueError: If `vocabulary` lacks a marker, repeats a word or does not match the decoder, or `max_length` or
            `beam_size` is below 1.
    """

    def __init__(
        self,
        encoder: ImageEncoder,
        decoder: CaptionDecoder,
        vocabulary: Sequence[str],
        *,
        max_length: int = 20,
        beam_size: int = 1,
    ) -> None:
        super().__init__()
        check_vocabulary(vocabulary, words=decoder.embed.num_embeddings)
        self.encoder = encoder
        self.decoder = decoder
        self.vocabulary = tuple(vocabulary)
        self.max_length = check_whole(max_length, "max_length")
        self.beam_size = check_whole(beam_size, "beam_size")
        self.pad, self.start, self.end = (self.vocabulary.index(marker) for marker in (PAD, START, END))

    @property
    def embedding_size(self) -> int:
        """`E`, the size of a word's vector."""
        return self.decoder.embed.embedding_dim

    def forward(self, x: Tensor) -> Tensor:
        """Tell raw tokens, markers included: network-ready images `(b, 3, 224, 224)` to `(b, T)`."""
        embeddings = self.encoder(x)
        if self.beam_size == 1:
            return self.decoder.greedy(embeddings, self.max_length)
        return self.decoder.beam(embeddings, self.max_length, beams=self.beam_size, end=self.end)

    def generate(self, images: Tensor) -> Tensor:
        """Write captions: images `(b, 3, h, w)` in [0, 1], any size, to the captions' words `(b, T)`.

        The markers are left out, and captions are filled up with `<pad>`; `forward` gives the raw tokens.

        Raises:
            TypeError: If `images` is not a floating-point tensor.
            ValueError: If its shape is another.
        """
        check_images(images)
        with frozen(self):
            return self.strip(self(normalize(in_dtype_of(self, _resize(images.float())))))

    def strip(self, tokens: Tensor) -> Tensor:
        """Keep the words alone: drop the markers and all from `<end>` on, move the words up, fill with `<pad>`.

        Shape:
            `(b, n)` to the same.
        """
        ended = (tokens == self.end).cumsum(dim=1) > 0
        is_word = ~ended & (tokens != self.start) & (tokens != self.pad)
        order = (~is_word).long().argsort(dim=1, stable=True)
        return tokens.masked_fill(~is_word, self.pad).gather(1, order)

    def embed(self, tokens: Tensor) -> Tensor:
        """Look the words up: tokens `(b, n)` to `(b, n, E)`, zero where a token is `<pad>`.

        Raises:
            ValueError: If a token is not one of the vocabulary's.
        """
        check_tokens(tokens, words=len(self.vocabulary))
        with frozen(self):
            return self.decoder.embed(tokens) * (tokens != self.pad).unsqueeze(2)

    def text(self, tokens: Tensor) -> list[str]:
        """Spell the captions out: tokens `(b, n)` to `b` strings, without markers."""
        return [
            " ".join(self.vocabulary[token] for token in row if token != self.pad)
            for row in self.strip(tokens).tolist()
        ]


def build_show_and_tell(
    vocabulary: Sequence[str],
    *,
    depth: int = 152,
    embedding_size: int = 256,
    hidden_size: int = 512,
    layers: int = 1,
    max_length: int = 20,
    beam_size: int = 1,
) -> ShowAndTell:
    """Build a captioner with random weights.

    Args:
        vocabulary: The words, in token order, with `<pad>`, `<start>`, `<end>` and `<unk>` among them.
        depth: Layers of its ResNet: 18, 34, 50, 101 or 152.
        embedding_size: Size of a word's vector.
        hidden_size: Size of the LSTM's state.
        layers: Layers of the LSTM.
        max_length: Words generated at most.
        beam_size: Beginnings kept while searching; 1 is greedy.

    Raises:
        ValueError: If `depth` is another, or the vocabulary or a size does not fit.

    Example:
        >>> captioner = build_show_and_tell(["<pad>", "<start>", "<end>", "<unk>", "a", "dog"], depth=18)
        >>> captioner.text(torch.tensor([[1, 4, 5, 2, 5]]))
        ['a dog']
    """
    if depth not in _RESNETS:
        raise ValueError(f"depth is {depth!r}, required: one of {', '.join(map(str, _RESNETS))}")
    return ShowAndTell(
        ImageEncoder(_RESNETS[depth](), embedding_size),
        CaptionDecoder(embedding_size, hidden_size, len(vocabulary), layers=layers),
        vocabulary,
        max_length=max_length,
        beam_size=beam_size,
    )


def load_show_and_tell(
    encoder: str | Path,
    decoder: str | Path,
    vocabulary: str | Path | Sequence[str],
    *,
    max_length: int = 20,
    beam_size: int = 1,
) -> ShowAndTell:
    """Load a published captioner; its ResNet's depth and its sizes are read from the checkpoints.

    Args:
        encoder: The encoder's checkpoint, a safetensors file or a PyTorch one that holds tensors only.
        decoder: The decoder's checkpoint, likewise.
        vocabulary: The words in token order, or the file that `read_vocabulary` reads them from.
        max_length: Words generated at most.
        beam_size: Beginnings kept while searching for the likeliest caption; 1 is greedy.

    Returns:
        The captioner, on the CPU, in eval mode.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file needs unpickling, is damaged or is of another network, or the vocabulary does not match.
    """
    words = read_vocabulary(vocabulary) if isinstance(vocabulary, str | Path) else vocabulary
    shown, told = read_state_dict(encoder), read_state_dict(decoder)
    table, recurrent = told.get("embed.weight"), told.get("lstm.weight_hh_l0")
    if table is not None and table.dim() and len(table) != len(words):
        raise ValueError(
            f"vocabulary has {len(words)} words, checkpoint '{decoder}' has {len(table)}: required is the word list "
            "that this decoder was trained with"
        )
    network = build_show_and_tell(
        words,
        depth=_depth(shown),
        embedding_size=256 if table is None else table.shape[-1],
        hidden_size=512 if recurrent is None else recurrent.shape[-1],
        layers=max(1, sum(name.startswith("lstm.weight_hh_l") for name in told)),
        max_length=max_length,
        beam_size=beam_size,
    )
    load_checked(network.decoder, told, source=decoder)
    load_checked(network.encoder, shown, source=encoder)
    return network.eval()


def _stay_ended(steps: Tensor, ended: Tensor, end: int) -> Tensor:
    """Let a caption that has ended go on in one way only, at no cost: with the end marker."""
    staying = torch.full_like(steps[0, 0], -torch.inf)
    staying[end] = 0.0
    return torch.where(ended.unsqueeze(2), staying, steps)


def _resize(images: Tensor) -> Tensor:
    size = (_IMAGE_SIZE, _IMAGE_SIZE)
    if images.shape[2:] == size:
        return images
    return F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)


def _depth(state: dict[str, Tensor]) -> int:
    """Tell a ResNet's depth from its names, 152 where they are of no ResNet."""
    kind = "bottleneck" if "resnet.4.0.conv3.weight" in state else "basic"
    first, second, third, fourth = count_blocks(state, ("resnet.4", "resnet.5", "resnet.6", "resnet.7"))
    return _BLOCKS.get((first, second, third, fourth, kind), 152)
