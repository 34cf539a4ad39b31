"""The small captioner that is trained here and shipped: a residual trunk, named words and a GRU."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm.extractors.lite_trunk import LiteTrunk, check_working_area, resize_to_area
from semcomm.extractors.vocabulary import check_tokens
from semcomm.images import check_images
from semcomm.networks.stages import check_positive

PADDING, START, END, UNKNOWN = range(4)
MARKERS = ("<pad>", "<start>", "<end>", "<unk>")
"""The first four entries of every vocabulary, in the order of the constants above."""

COLOUR_FEATURES = 3 * 4 * 4 + 3


@final
class LiteCaptioner(nn.Module):
    """Hop 1 of 6: images to captions, by a small network that fits `semcomm.transmitter.caption.Captioner`.

    The trunk's last map is pooled (mean and maximum) and joined by a 4 x 4 thumbnail and the colours' spread. From
    this description every word of the vocabulary is scored for being in a caption at all; description and scores
    make the context that a GRU reads beside each word while it writes.

    Symbols: `b` images, `T` caption length, `V` words in the vocabulary, `D` size of the description, `C` of the
    context, `E` of a word embedding.

    Args:
        trunk: images to three feature maps.
        words: the vocabulary, `MARKERS` first.
        embedding: `E`.
        hidden: size of the GRU's state, and `C`.
        length: `T` of generated captions, including the end marker.
        working_area: pixels per image inside the network.
        dropout: share of the description, the context and the GRU's output left out in training.
        beams: partial captions kept while writing; 1 is greedy.

    Raises:
        ValueError: if the vocabulary does not start with `MARKERS` or names a word twice.
    """

    def __init__(
        self,
        trunk: LiteTrunk,
        words: Sequence[str],
        *,
        embedding: int,
        hidden: int,
        length: int,
        working_area: int,
        dropout: float = 0.4,
        beams: int = 3,
    ) -> None:
        super().__init__()
        if tuple(words[: len(MARKERS)]) != MARKERS:
            raise ValueError(f"words must start with {MARKERS}, got {tuple(words[: len(MARKERS)])}")
        if len(set(words)) != len(words):
            raise ValueError(f"words must be distinct, {len(words) - len(set(words))} of {len(words)} are repeated")
        for name, value in {"embedding": embedding, "hidden": hidden, "length": length}.items():
            check_positive(value, name)
        self.trunk = trunk
        self.words = tuple(words)
        self.length = length
        self.working_area = check_working_area(working_area)
        self.beams = beams
        size = 2 * trunk.widths[-1] + COLOUR_FEATURES
        self.normalise = nn.BatchNorm1d(size)
        self.naming = nn.Linear(size, len(words))
        # Nearly every word is absent from any one image.
        nn.init.constant_(self.naming.bias, -4.0)
        self.from_description = nn.Linear(size, hidden)
        self.from_words = nn.Linear(len(words), hidden, bias=False)
        self.embedding = nn.Embedding(len(words), embedding, padding_idx=PADDING)
        self.first_state = nn.Linear(hidden, hidden)
        self.decoder = nn.GRU(embedding + hidden, hidden, batch_first=True)
        self.to_embedding = nn.Linear(hidden, embedding)
        self.next_word = nn.Linear(embedding, len(words))
        self.dropout = nn.Dropout(dropout)

    def describe(self, images: Tensor) -> Tensor:
        """Describe images already at the network's scale: `(b, 3, h, w)` to `(b, D)`."""
        coarse = self.trunk(images)[-1]
        thumbnail = F.adaptive_avg_pool2d(images, 4).flatten(1)
        spread = images.flatten(2).var(dim=2, unbiased=False).add(1e-6).sqrt()
        pooled = torch.cat([coarse.mean((2, 3)), coarse.amax((2, 3)), thumbnail, spread], dim=1)
        return self.dropout(self.normalise(pooled))

    def word_logits(self, description: Tensor) -> Tensor:
        """Score every word for being in a caption: `(b, D)` to `(b, V)`."""
        return self.naming(description)

    def context(self, description: Tensor) -> Tensor:
        """Join the description and the words it names: `(b, D)` to `(b, C)`."""
        # The square root lifts rare words: most shares lie below a tenth.
        shares = self.word_logits(description).sigmoid().sqrt()
        return self.dropout(torch.tanh(self.from_description(description) + self.from_words(shares)))

    def read(self, images: Tensor) -> Tensor:
        """Read images of any size: `(b, 3, h, w)` in [0, 1] to contexts `(b, C)`."""
        check_images(images)
        return self.context(self.describe(resize_to_area(images, self.working_area)))

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
        """Write captions by beam search: images `(b, 3, h, w)` in [0, 1], any size, to tokens `(b, T)`."""
        context = self.read(images).repeat_interleave(self.beams, dim=0)
        count, size = len(images), len(self.words)
        state = self._first_state(context)
        tokens = torch.full((len(context), self.length), PADDING, device=images.device)
        last = torch.full((len(context), 1), START, device=images.device)
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
        return self.next_word(self.to_embedding(self.dropout(written))), state


def build_lite_captioner(
    words: Sequence[str],
    *,
    widths: Sequence[int] = (24, 40, 80, 128),
    embedding: int = 128,
    hidden: int = 256,
    length: int = 20,
    working_area: int = 144 * 144,
) -> LiteCaptioner:
    """Build an untrained lite captioner.

    Args:
        words: the vocabulary, `MARKERS` first.
        widths: channels of the trunk's stem and of its maps at strides 4, 8 and 16.
        embedding: size of a word embedding.
        hidden: size of the GRU's state and of the context.
        length: tokens in a generated caption.
        working_area: pixels per image inside the network.

    Example:
        >>> import torch
        >>> captioner = build_lite_captioner((*MARKERS, "a", "dog"), widths=(4, 4, 4, 4), length=6).eval()
        >>> captioner.generate(torch.zeros(2, 3, 40, 56)).shape
        torch.Size([2, 6])
    """
    trunk = LiteTrunk(tuple(widths))  # type: ignore[arg-type]
    return LiteCaptioner(trunk, words, embedding=embedding, hidden=hidden, length=length, working_area=working_area)
