"""The command line's `cache-features`."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from semcomm.cli.options import OutOption, build_caption, build_segmentation, show_progress
from semcomm.cli.skip_bad import SkipBadOption, choose_photographs, naming_the_remedy
from semcomm.cli.train import CaptionOption, SegmentationOption


def cache_features(
    data: Annotated[Path, typer.Argument(help="Folder of photographs, searched with its subfolders.")],
    out: OutOption,
    caption: CaptionOption = "lite",
    segmentation: SegmentationOption = "lite",
    skip_bad: SkipBadOption = False,
) -> None:
    """Run the frozen extractors once on every photograph, for train --features; start it again to go on."""
    from semcomm.extractors.cache import cache_features as run

    paths = choose_photographs(data, skip_bad=skip_bad)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    caption_feature, segmentation_feature = build_caption(caption), build_segmentation(segmentation)
    with naming_the_remedy(paths), show_progress("extracting", total=len(paths)) as advance:
        extracted = run(
            paths,
            data,
            out,
            caption=None if caption_feature is None else caption_feature.to(device),
            segmentation=None if segmentation_feature is None else segmentation_feature.to(device),
            progress=advance,
        )
    typer.echo(f"wrote {out}: {len(paths)} photographs, {extracted} of them extracted now")
