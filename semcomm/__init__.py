"""Composable semantic-communication layers, assembled into MLSC-image by `build_mlsc_image(l, t)`."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from semcomm.cli.interrupt import stop_quietly

stop_quietly()  # before the imports that take seconds

# ruff: noqa: E402
from semcomm.baselines.separation import SeparationBaseline
from semcomm.builders import build_deep_jscc, build_mlsc_image
from semcomm.channel.awgn import AWGNChannel
from semcomm.channel.conformance import check_channel
from semcomm.channel.rayleigh import RayleighChannel
from semcomm.contracts import Channel
from semcomm.nested_builders import build_hybrid_code, build_linear_code, build_nested_mlsc_image
from semcomm.pretrained import from_pretrained, list_pretrained
from semcomm.receiver.decoder import DecoderModule
from semcomm.receiver.fusion import FeatureFusion
from semcomm.system import SemanticSystem
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.encoder import EncoderModule
from semcomm.transmitter.power import PowerNormalize
from semcomm.transmitter.segmentation import SegmentationFeature

if TYPE_CHECKING:
    from semcomm.experiments.measure import evaluate

__version__ = version("semcomm")


def __getattr__(name: str) -> object:
    """Import what takes seconds when it is asked for."""
    if name == "evaluate":
        from semcomm.experiments.measure import evaluate

        return evaluate
    raise AttributeError(f"module 'semcomm' has no attribute {name!r}")


__all__ = [
    "AWGNChannel",
    "CaptionFeature",
    "Channel",
    "DecoderModule",
    "EncoderModule",
    "FeatureFusion",
    "PowerNormalize",
    "RayleighChannel",
    "SegmentationFeature",
    "SemanticSystem",
    "SeparationBaseline",
    "__version__",
    "build_deep_jscc",
    "build_hybrid_code",
    "build_linear_code",
    "build_mlsc_image",
    "build_nested_mlsc_image",
    "check_channel",
    "evaluate",
    "from_pretrained",
    "list_pretrained",
]
