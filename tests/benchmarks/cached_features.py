"""Training throughput with the paper's extractors: cached, live, and without any. Run it: see --help.

One process, one machine, the variants' steps interleaved, so that whatever else slows the machine down slows all of
them down. A step is fetching the batch, encoding, channel, decoding, gradients and Adam.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from semcomm import CaptionFeature, SegmentationFeature, SemanticSystem, build_mlsc_image
from semcomm.contracts import Semantics
from semcomm.data.folders import CropDataset, StepBatches, list_images
from semcomm.extractors.cache import FeatureCache, cache_features
from semcomm.extractors.show_and_tell import build_show_and_tell
from semcomm.extractors.spnet import build_spnet
from semcomm.images import to_float

WORDS = ["<pad>", "<start>", "<end>", "<unk>", *(f"word{number}" for number in range(996))]


def main() -> None:
    """Measure, and print milliseconds per step and ratios."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, required=True, help="folder of photographs; the first 16 are used")
    arguments.add_argument("--steps", type=int, default=20, help="timed steps per variant (a tenth of them live)")
    arguments.add_argument("--size", type=int, default=96, help="height and width of a crop")
    arguments.add_argument("--batch-size", type=int, default=8, help="crops per step")
    arguments.add_argument("--json", type=Path, help="write the figures here, too")
    given = arguments.parse_args()

    torch.manual_seed(0)
    paths = list_images(given.data)[:16]
    caption = CaptionFeature(build_show_and_tell(WORDS), given.size)
    segmentation = SegmentationFeature(build_spnet(50))
    with tempfile.TemporaryDirectory() as folder:
        cache_features(paths, given.data, Path(folder), caption=caption, segmentation=segmentation)
        features = FeatureCache(Path(folder), paths, given.data, caption=caption, segmentation=segmentation)

        def crops(features: FeatureCache | None):
            return iter(
                DataLoader(CropDataset(paths, given.size, 0, features), batch_sampler=StepBatches(given.batch_size))
            )

        def build(caption: CaptionFeature | None, segmentation: SegmentationFeature | None):
            system = build_mlsc_image(
                4, 8, image_size=given.size, caption=caption, segmentation=segmentation, norm="none"
            )
            return system, torch.optim.Adam([weight for weight in system.parameters() if weight.requires_grad])

        full, bare = build(caption, segmentation), build(None, None)
        fixed = next(crops(features))
        fixed = Semantics(fixed["tokens"], fixed["labels"])
        variants = {
            "features given, nothing to extract or read": (full, crops(None), fixed),
            "features cached": (full, crops(features), None),
            "no semantic levels": (bare, crops(None), None),
            "features extracted in every step": (full, crops(None), None),
        }
        times: dict[str, list[float]] = {name: [] for name in variants}
        for step in range(-3, given.steps):
            for name, ((system, optimizer), batches, semantics) in variants.items():
                live = name == "features extracted in every step"
                if live and step % 10:
                    continue
                started = time.perf_counter()
                train_step(system, optimizer, next(batches), semantics)
                if step >= 0:
                    times[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(values) for name, values in times.items()}
    floor = medians["features given, nothing to extract or read"]
    report = {
        name: {"ms_per_step": round(1000 * time, 1), "ratio": round(time / floor, 3)} for name, time in medians.items()
    }
    for name, figures in report.items():
        print(f"{name:45s} {figures['ms_per_step']:9.1f} ms/step   {figures['ratio']:6.3f} x")
    if given.json is not None:
        given.json.write_text(json.dumps(report, indent=2) + "\n")


def train_step(
    system: SemanticSystem, optimizer: torch.optim.Adam, batch: dict[str, torch.Tensor], semantics: Semantics | None
) -> None:
    """Encode, send, decode, and take one step of Adam."""
    images = to_float(batch["images"])
    given = semantics or Semantics(batch.get("tokens"), batch.get("labels"))
    loss = F.mse_loss(system(images, 10.0, semantics=given), images)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


if __name__ == "__main__":
    main()
