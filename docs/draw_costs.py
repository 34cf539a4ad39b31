"""Make docs/costs.md: size, arithmetic and time of every system, each sending one photograph. Run it: see --help."""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from semcomm import SemanticSystem, from_pretrained, list_pretrained
from semcomm.baselines.swin_systems import SIZES, build_swin_jscc

HERE = Path(__file__).parent
HEIGHT, WIDTH = 512, 768
SNR_DB = 10.0
ATTENTION_ON_CPU = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
PAGE = """# What systems cost

<!-- made by docs/draw_costs.py; edit that -->

One photograph of {width} x {height} pixels through each system, sender and receiver, captions and label maps
included where a system has them. Sizes count weights and frozen extractors. A MAC is one multiplication and addition
of convolutions, dense layers and attention, as torch's `FlopCounterMode` counts them, halved. Time is that of one
thread's processor for `transmit`, the median of {rounds}; it includes PSNR and SSIM, 0.1 s or so.

```
python docs/draw_costs.py
```

This page is from {date}, {cpu}, one thread, torch {torch}.

| system | k/n | weights (million) | MACs per pixel (thousand) | CPU time (s) |
|---|---:|---:|---:|---:|
{rows}

WITT is SwinJSCC "base" with SNR adaptation, at one rate: the same weights, arithmetic and time. SwinJSCC's weights are
random here, which costs as much. {note}
"""
NOTE = """Arithmetic says little about time: windowed attention spends it in large matrix products, at which a processor
is best; convolutions of few channels at the image's full size are where it is worst."""


def main() -> None:
    """Measure all systems and write the page."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3, help="timed transmissions per system")
    arguments.add_argument("--out", type=Path, default=HERE / "costs.md", help="the page to write")
    given = arguments.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    rows = [row(name, build(), images, given.rounds) for name, build in systems().items()]
    given.out.write_text(
        PAGE.format(
            width=WIDTH,
            height=HEIGHT,
            rounds=given.rounds,
            date=time.strftime("%Y-%m-%d"),
            cpu=processor(),
            torch=torch.__version__,
            rows="\n".join(rows),
            note=NOTE,
        )
    )
    print("\n".join(rows))


def systems() -> dict[str, Callable[[], SemanticSystem]]:
    """How every system is made: the shipped ones, and SwinJSCC in its published sizes."""
    found: dict[str, Callable[[], SemanticSystem]] = {
        f"`{name}`": lambda name=name: from_pretrained(name, device="cpu") for name in list_pretrained()
    }
    for size in ("small", "base", "large"):
        assert size in SIZES
        found[f"SwinJSCC {size}"] = lambda size=size: build_swin_jscc(channels=96, size=size, device="cpu").eval()
    found["SwinJSCC base, rate-adaptive"] = lambda: build_swin_jscc(
        channels=96, rate_adaptive=True, device="cpu"
    ).eval()
    return found


def row(name: str, system: SemanticSystem, images: torch.Tensor, rounds: int) -> str:
    """Measure one system: its line of the table."""
    weights = sum(weight.numel() for weight in system.parameters())
    counter = FlopCounterMode(display=False, custom_mapping={ATTENTION_ON_CPU: attention_flops})
    with counter:
        transmission = system.transmit(images, SNR_DB)
    times = []
    for _ in range(rounds):
        started = time.process_time()
        system.transmit(images, SNR_DB)
        times.append(time.process_time() - started)
    macs = counter.get_total_flops() / 2 / (HEIGHT * WIDTH)
    ratio = transmission.bandwidth_ratio
    seconds = statistics.median(times)
    return f"| {name} | 1/{1 / ratio:.1f} | {weights / 1e6:.2f} | {macs / 1e3:.1f} | {seconds:.2f} |"


def attention_flops(query: torch.Size, key: torch.Size, value: torch.Size, *_: object, **__: object) -> int:
    """Two products per head, which torch counts on CUDA only."""
    b, heads, n, d = query
    return 2 * b * heads * n * key[2] * (d + value[3])


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
