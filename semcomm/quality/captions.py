"""How well captions fit: BLEU and CIDEr-D beside controls, and true captions' likelihood with right and wrong ones."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from semcomm.data.captions import CaptionedImage, tokenize
from semcomm.extractors.lite_captioner import END, PADDING, UNKNOWN, LiteCaptioner
from semcomm.files.pictures import load_image
from semcomm.images import to_float
from semcomm.quality.cider import cider_d


def caption_tokens(words: Sequence[str], captions: Sequence[str], *, length: int) -> Tensor:
    """Turn captions into tokens, ended and padded.

    Args:
        words: the vocabulary, its markers first; a word outside it becomes the unknown marker.
        captions: one sentence each.
        length: tokens per caption, the end marker included; a longer caption is cut and not ended.

    Shape:
        int64 `(len(captions), length)`.

    Example:
        >>> caption_tokens(("<pad>", "<start>", "<end>", "<unk>", "a", "dog"), ["A big dog ."], length=6).tolist()
        [[4, 3, 5, 2, 0, 0]]
    """
    numbers = {word: number for number, word in enumerate(words)}
    rows = []
    for caption in captions:
        row = [numbers.get(word, UNKNOWN) for word in tokenize(caption)] + [END]
        rows.append((row + [PADDING] * length)[:length])
    return torch.tensor(rows, dtype=torch.int64)


def bleu(written: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Score captions by BLEU-1 to BLEU-4 over the whole set (Papineni et al., 2002), lower-case, no punctuation.

    Args:
        written: one caption per image.
        references: what people wrote about each image.
    """
    spelled = [" ".join(tokenize(one)) for one in written]
    against = [[" ".join(tokenize(one)) for one in several] for several in references]
    from torchmetrics.text import BLEUScore  # takes seconds to import

    return {f"bleu_{n}": float(BLEUScore(n_gram=n)(spelled, against)) for n in (1, 2, 3, 4)}


def caption_scores(written: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Score captions by BLEU-1 to BLEU-4 and the mean CIDEr-D.

    Args:
        written: one caption per image.
        references: what people wrote about each image.
    """
    return bleu(written, references) | {"cider_d": math.fsum(cider_d(written, references)) / len(references)}


def sign_flip_test(differences: Tensor, *, flips: int = 20_000, generator: torch.Generator) -> float:
    """Test whether paired differences are above zero on average: a one-sided sign-flip permutation test.

    p = (1 + #{flipped means >= observed mean}) / (1 + flips)

    Args:
        differences: one number per pair.
        flips: random sign patterns drawn.
        generator: the source of randomness.

    Example:
        >>> import torch
        >>> sign_flip_test(torch.ones(20), generator=torch.Generator().manual_seed(0)) < 0.001
        True
    """
    signs = torch.randint(0, 2, (flips, len(differences)), generator=generator).double() * 2 - 1
    flipped = (signs * differences.double()).mean(dim=1)
    return float((1 + (flipped >= differences.double().mean() - 1e-12).sum()) / (1 + flips))


@torch.no_grad()
def read_photographs(captioner: LiteCaptioner, paths: Iterable[Path]) -> Tensor:
    """Read picture files one by one: the contexts that captions are written and judged beside, `(photographs, C)`."""
    device = captioner.naming_bias.device
    return torch.cat([captioner.read(to_float(load_image(path)[None].to(device))) for path in paths])


@torch.no_grad()
def caption_likelihood(
    captioner: LiteCaptioner, contexts: Tensor, captions: Sequence[Sequence[str]], *, shift: int = 0
) -> Tensor:
    """Judge every image's captions beside the image `shift` places further on in the list, cyclically.

    Args:
        captioner: judges captions.
        contexts: one per image, from `read_photographs`.
        captions: what people wrote about each image.
        shift: 0 for the right image.

    Returns:
        mean log p per token, averaged over each image's captions: `(images,)`, double.
    """
    likelihoods = []
    for place, several in enumerate(captions):
        tokens = caption_tokens(captioner.words, several, length=captioner.length + 10).to(contexts.device)
        judged = captioner.judge(contexts[(place + shift) % len(contexts)].expand(len(tokens), -1), tokens)
        likelihoods.append(float(judged.double().mean()))
    return torch.tensor(likelihoods, dtype=torch.float64)


@torch.no_grad()
def write_captions(captioner: LiteCaptioner, contexts: Tensor) -> list[str]:
    """Write a caption beside each context, one by one."""
    return [captioner.text(captioner.write(one))[0] for one in contexts.split(1)]


def evaluate_captioner(
    captioner: LiteCaptioner, test: Sequence[CaptionedImage], train: Sequence[CaptionedImage], *, seed: int = 0
) -> dict:
    """Score a captioner on images it never saw, beside controls that look at no image.

    Args:
        captioner: writes and judges captions.
        test: the images to score on, at least two.
        train: the images whose most frequent caption is the first control.
        seed: seed of the shuffles and of the sign-flip test.

    Returns:
        BLEU and CIDEr-D of the captioner ("captioner"), of the most frequent training caption given to every image
        ("most_frequent"), of the captioner's captions dealt to other images ("shuffled", the mean of 20 deals), the
        number of "distinct" captions and a "likelihood" test: mean log p per token of the true captions with the
        right image, with another image (each image's successor in the list), their "margin", and p of a sign-flip
        test.

    Raises:
        ValueError: if there are fewer than two test images.
    """
    if len(test) < 2:
        raise ValueError(f"test must hold at least two images, got {len(test)}")
    generator = torch.Generator().manual_seed(seed)
    contexts = read_photographs(captioner, [sample.path for sample in test])
    written = write_captions(captioner, contexts)
    references = [sample.captions for sample in test]
    counts = Counter(" ".join(tokenize(caption)) for sample in train for caption in sample.captions)
    frequent = max(counts, key=lambda caption: (counts[caption], caption))
    deals = []
    for _ in range(20):
        order = torch.randperm(len(test), generator=generator)
        # Along one cycle through all images, so that none keeps its own caption.
        dealt = [""] * len(test)
        for here, there in zip(order.tolist(), order.roll(1).tolist(), strict=True):
            dealt[here] = written[there]
        deals.append(caption_scores(dealt, references))
    right = caption_likelihood(captioner, contexts, references)
    wrong = caption_likelihood(captioner, contexts, references, shift=1)
    return {
        "images": len(test),
        "captioner": caption_scores(written, references),
        "most_frequent": caption_scores([frequent] * len(test), references),
        "most_frequent_caption": frequent,
        "shuffled": {name: sum(deal[name] for deal in deals) / len(deals) for name in deals[0]},
        "distinct": len(set(written)),
        "likelihood": {
            "right_image": float(right.mean()),
            "wrong_image": float(wrong.mean()),
            "margin": float((right - wrong).mean()),
            "better_with_right": float((right > wrong).double().mean()),
            "p_value": sign_flip_test(right - wrong, generator=generator),
            "test": "one-sided sign-flip permutation test over images, 20000 flips",
        },
    }
