"""The command line's `train`: each sub-command builds a system, and all train it in one way."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import typer

from semcomm.builders import build_deep_jscc, build_mlsc_image
from semcomm.cli.options import (
    CoherenceOption,
    EqualizerOption,
    RatioOption,
    SeedOption,
    build_caption,
    build_segmentation,
    set_channel,
)
from semcomm.cli.own_parts import build_own, load_own
from semcomm.cli.skip_bad import SkipBadOption, choose_photographs, naming_the_remedy
from semcomm.data.streams import find_training_photographs
from semcomm.nested_builders import build_nested_mlsc_image
from semcomm.networks.stages import SNRConditioning
from semcomm.system import SemanticSystem

CaptionOption = Annotated[str, typer.Option(help="Caption level: lite, none, or a Show-and-Tell captioner's folder.")]
SegmentationOption = Annotated[str, typer.Option(help="Segmentation level: lite, none, or an SPNet checkpoint.")]
ChannelOption = Annotated[str, typer.Option(help="A name as of `semcomm transmit`, or module:MyChannel.")]
TellGainOption = Annotated[bool, typer.Option("--tell-gain", help="Tell the receiver each image's gain.")]
CsiToDecoderOption = Annotated[
    bool, typer.Option("--csi-to-decoder", help="Tell the decoder the noise left in each symbol.")
]
ALL_SNRS_DB = 0.0, 20.0
"""Where a system that adapts to the SNR is trained, unless the command says otherwise."""

app = typer.Typer(help="Train a system on a folder of photographs.", no_args_is_help=True)


def _train(
    build: Callable[[], SemanticSystem],
    *,
    train: Annotated[Path, typer.Option(help="Folder of photographs to train on, of shards, or a saved data set.")],
    val: Annotated[Path, typer.Option(help="Likewise, to validate on.")],
    out: Annotated[Path, typer.Option(help="Folder for the trained system; new, or one to resume.")],
    features: Annotated[Path | None, typer.Option(help="What cache-features made of --train.")] = None,
    snr: Annotated[
        float | None, typer.Option(help="Training SNR in dB; without it and --snr-range, 0 to 20 if adaptive, else 10.")
    ] = None,
    snr_range: Annotated[tuple[float, float] | None, typer.Option(help="One SNR per image, from LOW to HIGH.")] = None,
    levels: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="One level per step, of a system that can send fewer.")
    ] = None,
    size: Annotated[int, typer.Option(help="Height and width of a crop.")] = 128,
    batch_size: Annotated[int, typer.Option(help="Crops per step, over all devices.")] = 16,
    accumulate: Annotated[int, typer.Option(help="Parts a batch is computed in, one after another.")] = 1,
    loss: Annotated[str, typer.Option(help="log-mse, mse, or module:my_loss.")] = "log-mse",
    lr: Annotated[float, typer.Option(help="Learning rate of Adam.")] = 6e-4,
    muon_lr: Annotated[float, typer.Option(help="Muon's, for kernels and matrices; 0 for Adam there.")] = 1.5e-3,
    schedule: Annotated[
        Literal["constant", "cosine", "decay"], typer.Option(help="How the rates change; decay is over the last 40 %.")
    ] = "decay",
    average: Annotated[float, typer.Option(help="Rate of the moving average of weights; 0 for none.")] = 1e-3,
    gradient_clip: Annotated[float | None, typer.Option(help="Largest norm of the gradients; any if left out.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Rounds through the photographs.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps; 10,000 without --epochs and --minutes.")] = None,
    minutes: Annotated[float | None, typer.Option(help="End the run after this time.")] = None,
    validate_every: Annotated[int, typer.Option(help="Steps between validations.")] = 500,
    val_images: Annotated[
        int | None, typer.Option(help="Photographs of --val to validate on, evenly spaced; all without it.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that decode photographs.")] = 0,
    on_device: Annotated[
        bool, typer.Option("--on-device", help="Hold all photographs on the device, and cut crops there.")
    ] = False,
    compile: Annotated[  # noqa: A002 - torch's word
        bool, typer.Option("--compile", help="Compile the networks first; each step is faster then.")
    ] = False,
    devices: Annotated[int, typer.Option(help="GPUs, or CPU processes, per machine.")] = 1,
    num_nodes: Annotated[int, typer.Option(help="Machines.")] = 1,
    strategy: Annotated[Literal["auto", "ddp"], typer.Option(help="How several devices share the work.")] = "auto",
    precision: Annotated[
        Literal["32-true", "16-mixed", "bf16-mixed"], typer.Option(help="The networks' arithmetic.")
    ] = "bf16-mixed",
    begin_from: Annotated[
        str | None, typer.Option(help="Tune the weights of this one, a shipped system's name or a folder.")
    ] = None,
    seed: SeedOption = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint in --out.")] = False,
    skip_bad: SkipBadOption = False,
) -> None:
    """Train what `build` makes; the options of every `train` command."""
    try:
        from lightning.fabric.utilities import rank_zero_only

        from semcomm.networks.precision import has_bf16
        from semcomm.training.checkpoints import Stopped
        from semcomm.training.config import TrainingConfig
        from semcomm.training.engine import train as run
        from semcomm.training.losses import LOSSES
    except ModuleNotFoundError as error:
        raise ImportError(f"training needs {error.name}: pip install 'semcomm[train]'") from error
    if snr is not None and snr_range is not None:
        raise ValueError(f"give --snr or --snr-range, not both, got {snr} and {snr_range}")
    if steps is not None and epochs is not None:
        raise ValueError(f"give --steps or --epochs, not both, got {steps} and {epochs}")
    named: Any = loss if loss in LOSSES else "log-mse"
    own_loss = None if loss in LOSSES else load_own(loss, "--loss")
    paths, val_paths = (
        choose_photographs(folder, skip_bad=skip_bad, find=find_training_photographs) for folder in (train, val)
    )
    if epochs is not None:
        steps = epochs * -(-len(paths) // max(batch_size, 1))
    torch.manual_seed(seed)
    system = build()
    level_range = None if levels is None else _level_range(levels)
    adaptive = any(isinstance(part, SNRConditioning) for part in system.modules())
    usual_snr = getattr(system.transmitter, "training_snr_db", ALL_SNRS_DB if adaptive else 10.0)
    known_snr = snr_range or snr
    one_speaks = getattr(rank_zero_only, "rank", 0) == 0
    if precision == "bf16-mixed" and not has_bf16(system.device):
        precision = "32-true"
        if one_speaks:
            typer.echo("semcomm: this machine has no bf16 arithmetic, so training is in float32", err=True)
    config = TrainingConfig(
        train=train,
        val=val,
        out=out,
        features=features,
        snr_db=known_snr if known_snr is not None else usual_snr,
        levels=level_range,
        size=size,
        batch_size=batch_size,
        accumulate=accumulate,
        loss=named,
        learning_rate=lr,
        muon_rate=muon_lr or None,
        schedule=schedule,
        average_rate=average or None,
        gradient_clip=gradient_clip,
        steps=10_000 if steps is None and minutes is None else steps,
        minutes=minutes,
        validate_every=validate_every,
        val_images=val_images,
        begin_from=begin_from,
        seed=seed,
        workers=workers,
        on_device=on_device,
        compile=compile,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision=precision,
        leave_out=(*paths.damaged, *val_paths.damaged),
    )
    try:
        with naming_the_remedy(paths), naming_the_remedy(val_paths):
            run(system, config, loss=own_loss, resume=resume, photographs=paths, val_photographs=val_paths)
    except Stopped as stopped:
        typer.echo(f"semcomm: {stopped}", err=True)
        raise
    if one_speaks:
        typer.echo(f"wrote {out}")


def training_command(build: Callable[..., SemanticSystem]) -> Callable[..., None]:
    """Make a command of a function that builds a system: it takes that function's options and those of training.

    What both have, such as `size`, is an option once, and both get it; a default of the function's own counts.
    """
    own = inspect.signature(build).parameters
    shared = {name: one for name, one in inspect.signature(_train).parameters.items() if name != "build"}
    for name in own.keys() & shared.keys():
        if own[name].default is not inspect.Parameter.empty:
            shared[name] = shared[name].replace(default=own[name].default)

    @functools.wraps(build)
    def command(**given: Any) -> None:
        arguments = {name: given[name] for name in own}
        _train(lambda: build(**arguments), **{name: given[name] for name in shared})

    parameters = {**{name: one for name, one in own.items() if name not in shared}, **shared}
    keyword_only = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters.values()]
    command.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
    command.__annotations__ = {name: one.annotation for name, one in parameters.items()}
    return command


@app.command()
@training_command
def mlsc(
    *,
    l: Annotated[int, typer.Option(help="Detail level, 2 to 16.")] = 4,  # noqa: E741
    t: Annotated[int, typer.Option(help="Downsampling factor, a power of two.")] = 8,
    caption: CaptionOption = "lite",
    segmentation: SegmentationOption = "lite",
    width: Annotated[int, typer.Option(help="Channels after the first convolution.")] = 32,
    norm: Annotated[Literal["batch", "none"], typer.Option(help="Normalisation.")] = "batch",
    snr_adaptive: Annotated[bool, typer.Option("--snr-adaptive", help="Adapt to the SNR.")] = False,
    shortcut: Annotated[bool, typer.Option(help="Linear paths beside convolutions.")] = False,
    tell_gain: TellGainOption = False,
    csi_to_decoder: CsiToDecoderOption = False,
    channel: ChannelOption = "awgn",
    coherence: CoherenceOption = "symbol",
    equalizer: EqualizerOption = None,
    size: int,
) -> SemanticSystem:
    """Train MLSC-image."""
    system = build_mlsc_image(
        l,
        t,
        image_size=size,
        caption="lite" if caption == "lite" else build_caption(caption),
        segmentation="lite" if segmentation == "lite" else build_segmentation(segmentation),
        width=width,
        norm=norm,
        snr_adaptive=snr_adaptive,
        shortcut=shortcut,
        tell_gain=tell_gain,
        csi_to_decoder=csi_to_decoder,
    )
    return set_channel(system, channel, coherence, equalizer)


@app.command()
@training_command
def nested(
    *,
    l: Annotated[int, typer.Option(help="Level that is sent where none is asked for, 2 to 21.")] = 10,  # noqa: E741
    levels: str = "2,21",
    caption: CaptionOption = "lite",
    segmentation: SegmentationOption = "lite",
    width: Annotated[int, typer.Option(help="Channels of the networks at a quarter of the size.")] = 64,
    codebook: Annotated[
        Path | None, typer.Option(help="Statistics of your own, from fit-code; the package's without it.")
    ] = None,
    channel: ChannelOption = "awgn",
    coherence: CoherenceOption = "symbol",
    size: int,
) -> SemanticSystem:
    """Train nested MLSC-image: one model for every level from LOW to HIGH, and for -6 to 21 dB without --snr-range."""
    low, high = _level_range(levels)
    if not 2 <= low <= high <= 21:
        raise ValueError(f"--levels must be from 2 to 21, the lowest first, got {levels}")
    if size % 16:
        raise ValueError(f"--size must be a multiple of 16, whole blocks, got {size}")
    system = build_nested_mlsc_image(
        l,
        caption="lite" if caption == "lite" else build_caption(caption),
        segmentation="lite" if segmentation == "lite" else build_segmentation(segmentation),
        width=width,
        codebook=codebook,
    )
    return set_channel(system, channel, coherence)


@app.command("deep-jscc")
@training_command
def deep_jscc(
    *,
    bandwidth_ratio: RatioOption = 1 / 12,
    tell_gain: TellGainOption = False,
    csi_to_decoder: CsiToDecoderOption = False,
    channel: ChannelOption = "awgn",
    coherence: CoherenceOption = "symbol",
    equalizer: EqualizerOption = None,
) -> SemanticSystem:
    """Train Deep JSCC, the learned baseline."""
    system = build_deep_jscc(bandwidth_ratio=bandwidth_ratio, tell_gain=tell_gain, csi_to_decoder=csi_to_decoder)
    return set_channel(system, channel, coherence, equalizer)


@app.command()
@training_command
def custom(
    *,
    builder: Annotated[str, typer.Option(help="module:my_builder, which takes nothing and returns a system.")],
    channel: Annotated[
        str | None, typer.Option(help="A name as of `semcomm transmit`, or module:MyChannel; the builder's without it.")
    ] = None,
) -> SemanticSystem:
    """Train a system of your own."""
    system = build_own(builder)
    return system if channel is None else set_channel(system, channel)


def _level_range(levels: str) -> tuple[int, int]:
    try:
        low, high = (int(level) for level in levels.split(","))
    except ValueError as error:
        raise ValueError(f"--levels takes two whole numbers, the lowest first, such as 4,21, got {levels!r}") from error
    return low, high
