"""Measure the table of rates: `python -m semcomm.link.measure_rates --file rates.json`.

It takes hours. Constellations and lengths can be measured one by one into files of their own, and joined:
`--join a.json b.json`.
"""

import argparse
import datetime
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any, final

import numpy as np
import torch

from semcomm.files.json import read_object, write_json
from semcomm.link.blocks import CHECK, Block, receive_blocks, send_blocks
from semcomm.link.codewords import ITERATIONS
from semcomm.link.modes import MEASURED_RATES, Mode

MEASURED = tuple(Mode(bits, rate) for bits, rates in MEASURED_RATES.items() for rate in rates)
LENGTHS = ("shortest", "96", "384", "1280", "largest")  # information bits of a block; the ends are the mode's own
# a photograph of four blocks is lost once in 1,000
TARGET = 1 - (1 - 1e-3) ** (1 / 4)
WHAT = "SNR in dB (AWGN) at which a photograph of four blocks is lost once in 1,000"
MARGIN_DB = 0.05
STEP_DB = 0.1
FEW = 16
SELDOM = 0.005


@final
@dataclass
class Waterfall:
    """Blocks sent and lost, by SNR in dB, and the curve through them.

    The share lost is taken as Q((snr - middle) / width), in dB: the normal approximation of finite block lengths
    (Polyanskiy, Poor, Verdu 2010), which is straight on probability paper and is extended there.
    """

    sent: dict[float, int] = field(default_factory=dict)
    lost: dict[float, int] = field(default_factory=dict)

    def fit(self, width: float | None = None) -> tuple[float, float]:
        """Return middle and width of highest likelihood, in dB; the width may be given."""
        snrs, sent = np.array(list(self.sent)), np.array(list(self.sent.values()))
        lost = np.array([self.lost[snr] for snr in self.sent])
        widths = np.geomspace(0.03, 2, 60) if width is None else np.array([width])
        middles = np.linspace(snrs.min() - 1, snrs.max() + 1, 400)
        z = (snrs - middles[:, None, None]) / widths[:, None]
        shares = (0.5 * torch.erfc(torch.from_numpy(z / 2**0.5))).clamp(1e-9, 1 - 1e-9).numpy()
        likelihood = (lost * np.log(shares) + (sent - lost) * np.log1p(-shares)).sum(-1)
        best = np.unravel_index(likelihood.argmax(), likelihood.shape)
        return float(middles[best[0]]), float(widths[best[1]])


def lost_blocks(mode: Mode, information: int, snr_db: float, blocks: int, generator: torch.Generator) -> int:
    """Return how many of `blocks` are lost in white Gaussian noise."""
    block = Block(information - CHECK, mode.symbols(information), mode.bits_per_symbol)
    payloads = torch.randint(0, 2, (blocks, block.payload), dtype=torch.uint8, generator=generator).numpy()
    symbols = send_blocks(payloads, block, "cpu")
    variance = 10 ** (-snr_db / 10)
    symbols = symbols + variance**0.5 * torch.randn(symbols.shape, dtype=torch.complex64, generator=generator)
    received, arrived = receive_blocks(symbols, torch.full(symbols.shape, variance), block)
    return int((~arrived | (received != payloads).any(axis=1)).sum())


def measure(mode: Mode, information: int, blocks: int, seed: int) -> Waterfall:
    """Find where half of a few blocks are lost, and from there up send `blocks` at each SNR until hardly any is."""
    generator = torch.Generator().manual_seed(zlib.crc32(repr((mode, information, seed)).encode()))
    waterfall = Waterfall()
    step = STEP_DB * (1 if information > 1000 else 2 if information > 300 else 4)
    shannon = 10 * math.log10(2**mode.efficiency - 1)
    snr_db = shannon + 0.6 + 12 / math.sqrt(information)
    while lost_blocks(mode, information, snr_db, FEW, generator) < FEW / 2:
        snr_db -= 2 * step
    while lost_blocks(mode, information, snr_db, FEW, generator) > FEW / 2:
        snr_db += step
    lost = blocks
    while lost > SELDOM * blocks:
        snr_db = round(snr_db, 3)
        lost = lost_blocks(mode, information, snr_db, blocks, generator)
        waterfall.sent[snr_db], waterfall.lost[snr_db] = blocks, lost
        snr_db += step
    return waterfall


def table(modes: Sequence[Mode], lengths: Sequence[str], blocks: int, seed: int) -> list[dict[str, Any]]:
    """Return the rows of the table; the width is pooled over the rates of a modulation and length."""
    rows = []
    for length in lengths:
        measured = []
        for mode in modes:
            information = _information(mode, length)
            if mode.shortest_block <= information <= mode.largest_block:
                measured.append((mode, measure(mode, information, blocks, seed)))
                print(mode, information, [round(value, 3) for value in measured[-1][1].fit()], flush=True)
        widths = [waterfall.fit()[1] for _, waterfall in measured]
        for mode, waterfall in measured:
            alike = [width for (near, _), width in zip(measured, widths, strict=True) if _alike(near, mode)]
            width = float(np.median(alike))
            middle, _ = waterfall.fit(width)
            required = middle + width * NormalDist().inv_cdf(1 - TARGET) + MARGIN_DB
            rows.append(
                {
                    "bits_per_symbol": mode.bits_per_symbol,
                    "rate": mode.rate,
                    "information": _information(mode, length),
                    "required_snr_db": round(required, 3),
                    "middle_db": round(middle, 3),
                    "width_db": round(width, 4),
                    "snr_db": sorted(waterfall.sent),
                    "lost": [waterfall.lost[snr] for snr in sorted(waterfall.sent)],
                }
            )
    return rows


def _information(mode: Mode, length: str) -> int:
    ends = {"shortest": mode.shortest_block, "largest": mode.largest_block}
    return ends[length] if length in ends else int(length)


def _alike(one: Mode, other: Mode) -> bool:
    ratios = one.rate / other.rate, one.largest_block / other.largest_block
    return one.bits_per_symbol == other.bits_per_symbol and all(0.7 < ratio < 1.4 for ratio in ratios)


def joined(files: Sequence[Path]) -> dict[str, Any]:
    """Return one table of several; all must measure the same thing."""
    tables = [read_object(file) for file in files]
    if any(table["what"] != WHAT for table in tables):
        raise ValueError(f"files must be tables of {WHAT!r}, got {[table['what'] for table in tables]}")
    return {
        "what": WHAT,
        "runs": [run for table in tables for run in table["runs"]],
        "rows": [row for table in tables for row in table["rows"]],
    }


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True, help="where to write it")
    parser.add_argument("--blocks", type=int, default=200, help="blocks per SNR")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bits-per-symbol", type=int, nargs="+", choices=MEASURED_RATES, default=[*MEASURED_RATES])
    parser.add_argument("--lengths", nargs="+", choices=LENGTHS, default=LENGTHS)
    parser.add_argument("--join", type=Path, nargs="+", default=[], help="tables to join instead of measuring")
    options = parser.parse_args()
    if options.blocks < 1:
        parser.error(f"--blocks must be at least 1, got {options.blocks}")
    if options.join:
        write_json(options.file, joined(options.join))
        return
    torch.set_num_threads(1)
    modes = [mode for mode in MEASURED if mode.bits_per_symbol in options.bits_per_symbol]
    rows = table(modes, options.lengths, options.blocks, options.seed)
    run = {
        "command": f"python -m semcomm.link.measure_rates --file FILE --blocks {options.blocks} --seed {options.seed} "
        f"--bits-per-symbol {' '.join(map(str, options.bits_per_symbol))} --lengths {' '.join(options.lengths)}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "blocks_per_snr": options.blocks,
        "seed": options.seed,
        "iterations": sum(ITERATIONS),
    }
    write_json(options.file, {"what": WHAT, "runs": [run], "rows": rows})


if __name__ == "__main__":
    main()
