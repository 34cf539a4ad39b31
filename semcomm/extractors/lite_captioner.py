"""The small captioner that is trained here and shipped: EfficientNet-Lite0, named words and a GRU."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.extractors.inference import in_dtype_of
from semcomm.extractors.lite_trunk import CHANNELS, FEATURES, LiteTrunk, check_working_area
from semcomm.extractors.vocabulary import check_tokens
from semcomm.images import check_images
from semcomm.networks.stages import check_positive

PADDING, START, END, UNKNOWN = range(4)
MARKERS = ("<pad>", "<start>", "<end>", "<unk>")
"""The first four entries of every vocabulary, in the order of the constants above."""


@final
class LiteCaptioner(nn.Module):
    """Hop 1 of 6: images to captions, by a small network that fits `semcomm.transmitter.caption.Captioner`.

    The trunk's head is averaged over all places, as for ImageNet's classes, and narrowed to a description. From this
    every word of the vocabulary is scored for being in a caption at all; description and scores make the context that
    a GRU reads beside each word while it writes. One table of word embeddings reads words, names them and writes
    them (Press and Wolf, EACL 2017): few captions must teach every word.

    Symbols: `b` images, `T` caption length, `V` words in the vocabulary, `F` features, `D` size of the description,
    `C` of the context, `E` of a word embedding.

    Args:
        trunk: images to maps, of which the last is read.
        words: the vocabulary, `MARKERS` first.
        description: `D`.
        embedding: `E`.
        hidden: size of the GRU's state, and `C`.
        length: `T` of generated captions, including the end marker.
        side: height and width of the images inside the network, to which every image is stretched.
        counts: how often the training captions use each word, for whoever codes captions; 1 each when None.
        dropout: share of the features, the embeddings, the context and the GRU's output left out in training.
        beams: partial captions kept while writing; 1 is greedy.

    Raises:
        ValueError: if the vocabulary does not start with `MARKERS` or names a word twice, `counts` does not fit it,
            or a number is out of range.
    """

    def __init__(
        self,
        trunk: LiteTrunk,
        words: Sequence[str],
        *,
        description: int,
        embedding: int,
        hidden: int,
        length: int,
        side: int,
        counts: Sequence[int] | None = None,
        dropout: float = 0.5,
        beams: int = 5,
    ) -> None:
        super().__init__()
        if tuple(words[: len(MARKERS)]) != MARKERS:
            raise ValueError(f"words must start with {MARKERS}, got {tuple(words[: len(MARKERS)])}")
        if len(set(words)) != len(words):
            raise ValueError(f"words must be distinct, {len(words) - len(set(words))} of {len(words)} are repeated")
        if counts is not None and (len(counts) != len(words) or not all(c >= 0 for c in counts)):
            raise ValueError(f"counts must hold a number for each of {len(words)} words, got {len(counts)}")
        description, embedding = check_positive(description, "description"), check_positive(embedding, "embedding")
        hidden, side = check_positive(hidden, "hidden"), check_positive(side, "side")
        check_working_area(side * side)
        self.trunk = trunk
        self.words = tuple(words)
        self.counts = tuple(counts) if counts is not None else (1,) * len(self.words)
        self.length = check_positive(length, "length")
        self.side = side
        self.beams = check_positive(beams, "beams")
        self.normalise = nn.BatchNorm1d(trunk.features)
        self.narrow = nn.Linear(trunk.features, description)
        self.naming = nn.Linear(description, embedding)
        # Nearly every word is absent from any one image.
        self.naming_bias = nn.Parameter(torch.full((len(words),), -4.0))
        self.from_description = nn.Linear(description, hidden)
        self.from_words = nn.Linear(embedding, hidden, bias=False)
        self.embedding = nn.Embedding(len(words), embedding, padding_idx=PADDING)
        self.first_state = nn.Linear(hidden, hidden)
        self.decoder = nn.GRU(embedding + hidden, hidden, batch_first=True)
        self.to_embedding = nn.Linear(hidden, embedding)
        self.next_word_bias = nn.Parameter(torch.zeros(len(words)))
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.embedding.weight, std=embedding**-0.5)
        with torch.no_grad():
            self.embedding.weight[PADDING] = 0

    def look(self, images: Tensor) -> Tensor:
        """Compute the features of images already at the network's size: `(b, 3, side, side)` to `(b, F)`."""
        return self.trunk(images).features.mean((2, 3))

    def describe(self, features: Tensor) -> Tensor:
        """Narrow features to a description: `(b, F)` to `(b, D)`."""
        return F.relu(self.narrow(self.dropout(self.normalise(features))))

    def word_logits(self, description: Tensor) -> Tensor:
        """Score every word for being in a caption: `(b, D)` to `(b, V)`."""
        return F.linear(self.naming(description), self.embedding.weight, self.naming_bias)

    def context(self, description: Tensor) -> Tensor:
        """Join the description and the words it names: `(b, D)` to `(b, C)`."""
        # The square root lifts rare words: most shares lie below a tenth.
        shares = self.word_logits(description).sigmoid().sqrt()
        named = self.from_words(shares @ self.embedding.weight)
        return self.dropout(torch.tanh(self.from_description(description) + named))

    def read(self, images: Tensor) -> Tensor:
        """Read images of any size: `(b, 3, h, w)` in [0, 1] to contexts `(b, C)`."""
        check_images(images)
        return self.context(self.describe(self.look(in_dtype_of(self, stretch(images, self.side)))))

    def next_word_logits(self, context: Tensor, tokens: Tensor) -> Tensor:
        """Score the word at each place given the words before it: `(b, C)`, tokens `(b, T)` to `(b, T, V)`."""
        before = F.pad(tokens, (1, 0), value=START)[:, :-1]
        return self._scores(context, before, self._first_state(context))[0]

    def log_likelihood(self, images: Tensor, tokens: Tensor) -> Tensor:
        """Judge captions: images `(b, 3, h, w)` and tokens `(b, T)`, ended and padded, to mean log p per token."""
        return self.judge(self.read(images), tokens)

    def judge(self, context: Tensor, tokens: Tensor) -> Tensor:
        """Judge captions beside contexts: `(b, C)` and tokens `(b, T)`, ended and padded, to mean log p per token."""
        scores = self.next_word_logits(context, tokens).log_softmax(dim=2)
        given = scores.gather(2, tokens[..., None])[..., 0]
        counted = tokens != PADDING
        return (given * counted).sum(1) / counted.sum(1).clamp_min(1)

    @torch.no_grad()
    def generate(self, images: Tensor) -> Tensor:
        """Write captions: images `(b, 3, h, w)` in [0, 1], any size, to tokens `(b, T)`."""
        return self.write(self.read(images))

    @torch.no_grad()
    def write(self, context: Tensor) -> Tensor:
        """Search for the likeliest captions, `beams` at a time: contexts `(b, C)` to tokens `(b, T)`."""
        count, size = len(context), len(self.words)
        context = context.repeat_interleave(self.beams, dim=0)
        state = self._first_state(context)
        tokens = torch.full((len(context), self.length), PADDING, device=context.device)
        last = torch.full((len(context), 1), START, device=context.device)
        total = context.new_full((count, self.beams), -torch.inf)
        total[:, 0] = 0
        for place in range(self.length):
            scores, state = self._scores(context, last, state)
            step = scores[:, 0].float().log_softmax(dim=1)
            step[:, [PADDING, START, UNKNOWN]] = -torch.inf
            ended = (last[:, 0] == END) | (last[:, 0] == PADDING)
            step[ended] = -torch.inf
            step[ended, PADDING] = 0
            total, best = (total[..., None] + step.view(count, self.beams, size)).flatten(1).topk(self.beams)
            parent = (best // size + self.beams * torch.arange(count, device=best.device)[:, None]).flatten()
            tokens, state = tokens[parent], state[:, parent]
            last = (best % size).view(-1, 1)
            tokens[:, place] = last[:, 0]
        return tokens.view(count, self.beams, self.length)[:, 0]

    def embed(self, tokens: Tensor) -> Tensor:
        """Look the words up: tokens `(b, T)` to embeddings `(b, T, E)`, zero where a token is padding."""
        if not torch.compiler.is_compiling():
            check_tokens(tokens, words=len(self.words))
        return self.embedding(tokens)

    def text(self, tokens: Tensor) -> list[str]:
        """Spell the captions out: tokens `(b, T)` to `b` strings, without markers."""
        return [" ".join(self.words[t] for t in row if t >= len(MARKERS)) for row in tokens.tolist()]

    def _first_state(self, context: Tensor) -> Tensor:
        return torch.tanh(self.first_state(context))[None]

    def _scores(self, context: Tensor, before: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        beside = context[:, None].expand(-1, before.shape[1], -1)
        read = torch.cat([self.dropout(self.embedding(before)), beside], dim=2)
        written, state = self.decoder(read, state)
        written = self.to_embedding(self.dropout(written))
        return F.linear(written, self.embedding.weight, self.next_word_bias), state


def stretch(images: Tensor, side: int) -> Tensor:
    """Stretch images to a square: `(b, 3, h, w)` to `(b, 3, side, side)`."""
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)


def build_lite_captioner(
    words: Sequence[str],
    *,
    channels: Sequence[int] = CHANNELS,
    features: int = FEATURES,
    description: int = 160,
    embedding: int = 128,
    hidden: int = 160,
    length: int = 20,
    side: int = 256,
    counts: Sequence[int] | None = None,
    beams: int = 5,
) -> LiteCaptioner:
    """Build an untrained lite captioner.

    Args:
        words: the vocabulary, `MARKERS` first.
        channels: channels of the trunk's stem and stages.
        features: channels of the trunk's head.
        description: size of the description.
        embedding: size of a word embedding.
        hidden: size of the GRU's state and of the context.
        length: tokens in a generated caption.
        side: height and width of the images inside the network.
        counts: how often the training captions use each word.
        beams: partial captions kept while writing.

    Example:
        >>> import torch
        >>> captioner = build_lite_captioner((*MARKERS, "a", "dog"), channels=(4,) * 8, features=8, length=6).eval()
        >>> captioner.generate(torch.zeros(2, 3, 40, 56)).shape
        torch.Size([2, 6])
    """
    return LiteCaptioner(
        LiteTrunk(channels, features),
        words,
        description=description,
        embedding=embedding,
        hidden=hidden,
        length=length,
        side=side,
        counts=counts,
        beams=beams,
    )
