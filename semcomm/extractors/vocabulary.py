"""A captioner's word list: its markers, and reading it without ever unpickling."""

import json
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

PAD, START, END, UNKNOWN = MARKERS = ("<pad>", "<start>", "<end>", "<unk>")
"""The vocabulary's marker words; `<unk>` stands for a word, the others for none."""


def read_vocabulary(path: str | Path) -> list[str]:
    """Read a word list in token order: a JSON list, or (`.txt`) one word per line. Pickles are refused.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is neither, with the way to convert a pickled vocabulary.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        ...     _ = file.write('["<pad>", "<start>", "<end>", "<unk>", "dog"]')
        ...     file.flush()
        ...     read_vocabulary(file.name)
        ['<pad>', '<start>', '<end>', '<unk>', 'dog']
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"vocabulary '{path}' is not there: expected a JSON list of words")
    try:
        content = path.read_bytes().decode("utf-8")
        words = content.splitlines() if path.suffix == ".txt" else json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"vocabulary '{path}' is refused: required is a JSON list of words in token order, and a pickle is never "
            "read, because unpickling can run code. Where you trust its origin, convert it where it was made: "
            "json.dump([vocab.idx2word[i] for i in range(len(vocab))], open('vocabulary.json', 'w'))"
        ) from error
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(
            f"vocabulary '{path}' holds a {type(words).__name__}, required: a JSON list of words in token order"
        )
    return words


def check_vocabulary(vocabulary: Sequence[str], *, words: int) -> None:
    """Refuse a word list that a decoder cannot use.

    Args:
        vocabulary: The words, in token order.
        words: Words that the decoder knows.

    Raises:
        ValueError: If a marker is missing, a word is repeated, or the lengths differ.

    Example:
        >>> check_vocabulary(["<pad>", "<start>", "<end>"], words=3)
        Traceback (most recent call last):
        ...
        ValueError: vocabulary lacks <unk>, required: <pad>, <start>, <end>, <unk> among its words
    """
    missing = [marker for marker in MARKERS if marker not in vocabulary]
    if missing:
        raise ValueError(f"vocabulary lacks {', '.join(missing)}, required: {', '.join(MARKERS)} among its words")
    if len(vocabulary) != words:
        raise ValueError(f"vocabulary has {len(vocabulary)} words, required: the decoder's {words}")
    if len(set(vocabulary)) != len(vocabulary):
        repeated = next(word for word in vocabulary if list(vocabulary).count(word) > 1)
        raise ValueError(f"vocabulary repeats {repeated!r}, required: every word once")


def check_tokens(tokens: Tensor, *, words: int) -> None:
    """Refuse tokens that an embedding of so many words does not hold.

    Args:
        tokens: Tokens of any shape.
        words: Words of the embedding.

    Raises:
        ValueError: If a token is below 0, or not below `words`.

    Example:
        >>> import torch
        >>> check_tokens(torch.tensor([[3, 7]]), words=5)
        Traceback (most recent call last):
        ...
        ValueError: tokens range from 3 to 7, required: 0 to 4, this vocabulary's
    """
    if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < words:
        low, high = int(tokens.min()), int(tokens.max())
        raise ValueError(f"tokens range from {low} to {high}, required: 0 to {words - 1}, this vocabulary's")
