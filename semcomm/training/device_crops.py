"""Crops that are cut on a device, which holds all photographs: no processor keeps up with a fast GPU."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import final

import torch
from torch import Tensor

from semcomm.data.folders import CropDataset

DECODERS = 16
"""Photographs that are decoded at a time."""


@final
class DeviceCrops:
    """Batches of the crops that a `CropDataset` makes, cut on a device that holds all photographs and label maps.

    Args:
        crops: says which crop is where.
        batches: lists of crop numbers, such as `StepBatches`.
        device: where photographs are held and crops are cut.

    Shape:
        batches hold "images", uint8 `(b, 3, size, size)`, and where the data set has features "labels", uint8
        `(b, size, size)`, and "tokens", int64 `(b, T)`; all on the device.

    Raises:
        ValueError: if the photographs do not fit into the device's memory.
    """

    def __init__(self, crops: CropDataset, batches: Iterable[list[int]], device: torch.device):
        self.crops = crops
        self.batches = batches
        self.device = device
        with ThreadPoolExecutor(DECODERS) as pool:
            items = list(pool.map(crops.whole, range(len(crops))))
        self._sizes = torch.tensor([item["images"].shape[1:] for item in items])
        pixels = self._sizes.prod(1)
        self._starts = pixels.cumsum(0) - pixels
        self._tokens = torch.stack([item["tokens"] for item in items]).to(device) if "tokens" in items[0] else None
        try:
            self._planes = {
                name: torch.empty(*items[0][name].shape[:-2], int(pixels.sum()), dtype=torch.uint8, device=device)
                for name in ("images", "labels")
                if name in items[0]
            }
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"on_device must be False: {len(items)} photographs do not fit into the memory of {device}"
            ) from error
        for start in self._starts.flip(0).tolist():
            item = items.pop()  # the host lets go of one photograph after another
            for name, plane in self._planes.items():
                one = item[name].flatten(-2)
                plane[..., start : start + one.shape[-1]] = one

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Cut one batch after another."""
        for numbers in self.batches:
            yield self.cut(numbers)

    def cut(self, numbers: list[int]) -> dict[str, Tensor]:
        """Cut the crops of these numbers."""
        photographs = [self.crops.number(number) for number in numbers]
        rows = []
        for number, photograph in zip(numbers, photographs, strict=True):
            height, width = self._sizes[photograph].tolist()
            top, left, flip = self.crops.window(number, height, width)
            corner = int(self._starts[photograph]) + top * width + left
            rows.append((corner + (self.crops.size - 1) * flip, width, -1 if flip else 1))
        corner, width, towards = torch.tensor(rows).to(self.device, non_blocking=True).T[:, :, None, None]
        along = torch.arange(self.crops.size, device=self.device)
        pixels = corner + width * along[:, None] + towards * along
        batch = {name: plane[..., pixels] for name, plane in self._planes.items()}
        batch["images"] = batch["images"].movedim(0, 1)
        if self._tokens is not None:
            batch["tokens"] = self._tokens[torch.tensor(photographs, device=self.device)]
        return batch
