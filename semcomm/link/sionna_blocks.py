"""Sionna's 5G LDPC codes, for a library that leaves global state as it is.

Sionna is imported when bits are first coded (seconds). Its import seeds PyTorch's generators, and its blocks take
device and precision from a global; here every block gets both, and the generators are put back as they were.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, final

import numpy as np
import torch
from torch import Tensor

Graph = Literal["bg1", "bg2"]

# base graphs of 3GPP TS 38.212, Section 5.3.2: columns of information bits, rows
COLUMNS: dict[Graph, int] = {"bg1": 22, "bg2": 10}
ROWS: dict[Graph, int] = {"bg1": 46, "bg2": 42}
CORE_ROWS = 4
PUNCTURED_COLUMNS = 2


@contextmanager
def generators_kept() -> Iterator[None]:
    """Put PyTorch's global generators back as they were."""
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


@final
@dataclass(frozen=True)
class MotherCode:
    """A 5G LDPC code before rate matching: base graph and lifting size, on one device.

    A codeword is [information bits, fillers, parity bits]. The first 2 z bits are never sent (punctured), and fillers
    are known zeros. Shortening and rate matching are done outside, so that one code serves every length near its own.
    """

    graph: Graph
    lifting: int
    device: str

    @property
    def information(self) -> int:
        """Most information bits."""
        z = self.lifting
        if self.graph == "bg1":
            return 22 * z
        for columns, smallest in ((10, 640), (9, 560), (8, 192)):
            if columns * z > smallest:
                return columns * z
        return 6 * z

    @property
    def parity_start(self) -> int:
        """Where parity bits start in a codeword."""
        return COLUMNS[self.graph] * self.lifting

    @property
    def length(self) -> int:
        """Bits of a whole codeword, the punctured ones and fillers included."""
        return self.parity_start + ROWS[self.graph] * self.lifting

    def encode(self, bits: Tensor) -> Tensor:
        """Return codewords.

        Args:
            bits: float32 `(b, k)` of zeros and ones, k at most `information`.

        Shape:
            `(b, k)` -> `(b, length)`, or a little less where rates below 1/5 would reach the last parity bits.
        """
        k, z = self.information, self.lifting
        padded = torch.nn.functional.pad(bits, (0, k - bits.shape[1]))
        sent = _encoder(self)(padded)
        systematic = k - PUNCTURED_COLUMNS * z
        fillers = torch.nn.functional.pad(padded, (0, self.parity_start - k))
        return torch.cat([fillers, sent[:, systematic:]], dim=1)

    def parity_checks(self) -> Any:
        """Return the parity-check matrix, as SciPy's sparse rows."""
        return _encoder(self).pcm

    def layers(self, rows: int) -> tuple[Tensor, ...]:
        """Return, for each of the first `rows` rows of the base graph, the bits of its checks.

        Shape:
            int64 `(degree, lifting)` each.
        """
        return _layers(self)[:rows]


# Encoders and layers take megabytes each; what a process needs are the few block sizes of its photographs.
@lru_cache(maxsize=16)
def _encoder(code: MotherCode) -> Any:
    k, z = code.information, code.lifting
    sent = min(code.length - PUNCTURED_COLUMNS * z - (code.parity_start - k), (5 if code.graph == "bg2" else 3) * k)
    with generators_kept():
        from sionna.phy.fec.ldpc import LDPC5GEncoder

    return LDPC5GEncoder(k, sent, bg=code.graph, precision="single", device=code.device, check_input=False)


@lru_cache(maxsize=16)
def _layers(code: MotherCode) -> tuple[Tensor, ...]:
    z, matrix = code.lifting, code.parity_checks()
    layers = []
    for start in range(0, ROWS[code.graph] * z, z):
        rows = matrix[start : start + z].tocoo()
        bits = rows.col[np.lexsort((rows.col, rows.row))].reshape(z, -1).T
        layers.append(torch.from_numpy(np.ascontiguousarray(bits).astype(np.int64)).to(code.device))
    return tuple(layers)
