"""The command line's commands about training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
import typer

from semcomm.builders import build_deep_jscc, build_mlsc_image
from semcomm.cli.options import (
    ChannelOption,
    CoherenceOption,
    EqualizerOption,
    OutOption,
    RatioOption,
    SeedOption,
    build_caption,
    build_segmentation,
    set_channel,
    show_progress,
)
from semcomm.cli.skip_bad import SkipBadOption, choose_photographs, naming_the_remedy

CaptionOption = Annotated[str, typer.Option(help="Caption level: lite, none, or a Show-and-Tell captioner's folder.")]
SegmentationOption = Annotated[str, typer.Option(help="Segmentation level: lite, none, or an SPNet checkpoint.")]


MLSC_ONLY = "l", "t", "caption", "segmentation", "features", "width", "norm", "snr_adaptive", "shortcut"


def train(
    ctx: typer.Context,
    train: Annotated[Path, typer.Option(help="Folder of photographs to train on.")],
    val: Annotated[Path, typer.Option(help="Folder of photographs to validate on.")],
    out: Annotated[Path, typer.Option(help="Folder for the trained system; new, or one to resume.")],
    system: Annotated[Literal["mlsc", "deep-jscc"], typer.Argument(help="What to train.")] = "mlsc",
    l: Annotated[int, typer.Option(help="MLSC-image: detail level, 2 to 16.")] = 4,  # noqa: E741
    t: Annotated[int, typer.Option(help="MLSC-image: downsampling factor, a power of two.")] = 8,
    caption: CaptionOption = "lite",
    segmentation: SegmentationOption = "lite",
    features: Annotated[Path | None, typer.Option(help="What cache-features made of --train.")] = None,
    width: Annotated[int, typer.Option(help="MLSC-image: channels after the first convolution.")] = 32,
    norm: Annotated[Literal["batch", "none"], typer.Option(help="MLSC-image: normalisation.")] = "batch",
    snr_adaptive: Annotated[bool, typer.Option("--snr-adaptive", help="MLSC-image: adapt to the SNR.")] = False,
    shortcut: Annotated[bool, typer.Option(help="MLSC-image: linear paths beside convolutions.")] = False,
    bandwidth_ratio: RatioOption = 1 / 12,
    channel: ChannelOption = "awgn",
    coherence: CoherenceOption = "symbol",
    equalizer: EqualizerOption = "mmse",
    snr: Annotated[float | None, typer.Option(help="Training SNR in dB; 10 without --snr-range.")] = None,
    snr_range: Annotated[tuple[float, float] | None, typer.Option(help="One SNR per image, from LOW to HIGH.")] = None,
    size: Annotated[int, typer.Option(help="Height and width of a crop.")] = 256,
    batch_size: Annotated[int, typer.Option(help="Crops per step, over all devices.")] = 32,
    lr: Annotated[float, typer.Option(help="Learning rate of Adam.")] = 1e-3,
    schedule: Annotated[Literal["constant", "cosine"], typer.Option(help="Of the learning rate.")] = "constant",
    gradient_clip: Annotated[float | None, typer.Option(help="Largest norm of the gradients; any if left out.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Rounds through the photographs.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimisation steps; 10,000 without --epochs.")] = None,
    validate_every: Annotated[int, typer.Option(help="Steps between validations.")] = 500,
    val_images: Annotated[
        int | None, typer.Option(help="Photographs of --val to validate on, evenly spaced; all without it.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that decode photographs.")] = 0,
    devices: Annotated[int, typer.Option(help="GPUs, or CPU processes, per machine.")] = 1,
    num_nodes: Annotated[int, typer.Option(help="Machines.")] = 1,
    strategy: Annotated[Literal["auto", "ddp"], typer.Option(help="How several devices share the work.")] = "auto",
    precision: Annotated[
        Literal["32-true", "16-mixed", "bf16-mixed"], typer.Option(help="Of the networks' arithmetic.")
    ] = "32-true",
    seed: SeedOption = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint in --out.")] = False,
    skip_bad: SkipBadOption = False,
) -> None:
    """Train a system on a folder of photographs."""
    try:
        from lightning.fabric.utilities import rank_zero_only

        from semcomm.training.checkpoints import Stopped
        from semcomm.training.config import TrainingConfig
        from semcomm.training.engine import train as run
    except ModuleNotFoundError as error:
        raise ImportError(f"training needs {error.name}: pip install 'semcomm[train]'") from error
    if system == "mlsc":
        _refuse(ctx, ["bandwidth_ratio"], "is of deep-jscc; of mlsc, --l and --t decide k/n")
    else:
        _refuse(ctx, MLSC_ONLY, "is of mlsc, not of deep-jscc")
    if channel == "awgn":
        _refuse(ctx, ["coherence", "equalizer"], "is of --channel rayleigh")
    if snr is not None and snr_range is not None:
        raise ValueError(f"give --snr or --snr-range, not both, got {snr} and {snr_range}")
    if steps is not None and epochs is not None:
        raise ValueError(f"give --steps or --epochs, not both, got {steps} and {epochs}")
    paths, bad = choose_photographs(train, skip_bad=skip_bad)
    val_paths, bad_val = choose_photographs(val, skip_bad=skip_bad)
    if epochs is not None:
        steps = epochs * -(-len(paths) // max(batch_size, 1))
    config = TrainingConfig(
        train=train,
        val=val,
        out=out,
        features=features,
        snr_db=snr_range or (10.0 if snr is None else snr),
        size=size,
        batch_size=batch_size,
        learning_rate=lr,
        schedule=schedule,
        gradient_clip=gradient_clip,
        steps=10_000 if steps is None else steps,
        validate_every=validate_every,
        val_images=val_images,
        seed=seed,
        workers=workers,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision=precision,
        leave_out=(*bad, *bad_val),
    )
    torch.manual_seed(seed)
    if system == "mlsc":
        built = build_mlsc_image(
            l,
            t,
            image_size=size,
            caption="lite" if caption == "lite" else build_caption(caption),
            segmentation="lite" if segmentation == "lite" else build_segmentation(segmentation),
            width=width,
            norm=norm,
            snr_adaptive=snr_adaptive,
            shortcut=shortcut,
        )
    else:
        built = build_deep_jscc(bandwidth_ratio=bandwidth_ratio)
    set_channel(built, channel, coherence, equalizer)
    try:
        with naming_the_remedy([*paths, *val_paths]):
            run(built, config, resume=resume)
    except Stopped as stopped:
        typer.echo(f"semcomm: {stopped}", err=True)
        raise
    if getattr(rank_zero_only, "rank", 0) == 0:  # of several processes, one speaks
        typer.echo(f"wrote {out}")


def cache_features(
    data: Annotated[Path, typer.Argument(help="Folder of photographs, searched with its subfolders.")],
    out: OutOption,
    caption: CaptionOption = "lite",
    segmentation: SegmentationOption = "lite",
    skip_bad: SkipBadOption = False,
) -> None:
    """Run the frozen extractors once on every photograph, for train --features; start it again to go on."""
    from semcomm.extractors.cache import cache_features as run

    paths, _ = choose_photographs(data, skip_bad=skip_bad)
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


def _refuse(ctx: typer.Context, names: Sequence[str], why: str) -> None:
    """Refuse options that would be ignored."""
    for name in names:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise ValueError(f"--{name.replace('_', '-')} {why}; leave it out")
