"""Reproducible sampling: every item of an epoch carries the seed of its own augmentation."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, final

import torch
from torch.utils.data import Dataset, Sampler

from semcomm.whole import check_whole


@final
class SeededSampler(Sampler[tuple[int, int]]):
    """Draw `(index, seed)` pairs, the same ones in the same epoch of the same seed, so that a resumed run goes on.

    Args:
        weights: how often each sample is drawn, relative to the others.
        length: pairs in an epoch.
        seed: seed of the whole run.

    Raises:
        ValueError: if there is no sample or `length` is not positive.
    """

    def __init__(self, weights: Sequence[float], length: int, seed: int) -> None:
        if not len(weights):
            raise ValueError("weights must hold one number per sample, got none")
        self.weights = torch.as_tensor(weights, dtype=torch.float64)
        self.length = check_whole(length, "length")
        self.seed = check_whole(seed, "seed", 0)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Count the pairs of an epoch."""
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Draw every sample evenly: as few repeats as the weights allow, in random order."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        wanted = self.weights / self.weights.sum() * self.length
        counts = wanted.floor()
        rest = self.length - int(counts.sum())
        if rest:
            extra = torch.multinomial((wanted - counts).clamp_min(1e-9), rest, generator=generator)
            counts[extra] += 1
        indices = torch.arange(len(counts)).repeat_interleave(counts.long())
        indices = indices[torch.randperm(len(indices), generator=generator)]
        seeds = torch.randint(0, 2**62, (len(indices),), generator=generator)
        return iter(list(zip(indices.tolist(), seeds.tolist(), strict=True)))


@final
class SeededAugmentation(Dataset[Any]):
    """Samples held in memory, augmented by the seed that comes with the index.

    Args:
        samples: anything that `augment` takes.
        augment: makes a training item of a sample and a generator.
    """

    def __init__(self, samples: Sequence[Any], augment: Callable[[Any, torch.Generator], Any]) -> None:
        self.samples = samples
        self.augment = augment

    def __len__(self) -> int:
        """Count the samples, not their augmentations."""
        return len(self.samples)

    def __getitem__(self, pair: tuple[int, int]) -> Any:
        """Augment sample `pair[0]` by the seed `pair[1]`."""
        index, seed = pair
        return self.augment(self.samples[index], torch.Generator().manual_seed(seed))
