"""Composable semantic-communication layers, assembled into MLSC-image by `build_mlsc_image(l, t)`.

Names are imported when they are first asked for, so that `import semcomm` takes no time.
"""

from typing import TYPE_CHECKING, Any

from semcomm.lazy import lazily

if TYPE_CHECKING:
    from semcomm.baselines.separation import SeparationBaseline
    from semcomm.builders import build_deep_jscc, build_mlsc_image
    from semcomm.channel.awgn import AWGNChannel
    from semcomm.channel.conformance import check_channel
    from semcomm.channel.rayleigh import RayleighChannel
    from semcomm.channel.rician import RicianChannel
    from semcomm.contracts import Channel, Delivered, Received, Semantics, Sent
    from semcomm.experiments.measure import evaluate
    from semcomm.nested_builders import build_hybrid_code, build_linear_code, build_nested_mlsc_image
    from semcomm.pretrained import from_pretrained, list_pretrained
    from semcomm.receiver.decoder import DecoderModule
    from semcomm.receiver.fusion import FeatureFusion
    from semcomm.saving import saveable
    from semcomm.system import SemanticSystem
    from semcomm.system_conformance import check_system
    from semcomm.transmission import Transmission
    from semcomm.transmitter.caption import CaptionFeature
    from semcomm.transmitter.encoder import EncoderModule
    from semcomm.transmitter.power import PowerNormalize
    from semcomm.transmitter.segmentation import SegmentationFeature

    __version__: str

__all__ = [
    "AWGNChannel",
    "CaptionFeature",
    "Channel",
    "DecoderModule",
    "Delivered",
    "EncoderModule",
    "FeatureFusion",
    "PowerNormalize",
    "RayleighChannel",
    "Received",
    "RicianChannel",
    "SegmentationFeature",
    "SemanticSystem",
    "Semantics",
    "Sent",
    "SeparationBaseline",
    "Transmission",
    "__version__",
    "build_deep_jscc",
    "build_hybrid_code",
    "build_linear_code",
    "build_mlsc_image",
    "build_nested_mlsc_image",
    "check_channel",
    "check_system",
    "evaluate",
    "from_pretrained",
    "list_pretrained",
    "saveable",
]
_look_up = lazily(
    __name__,
    {
        "baselines.separation": ("SeparationBaseline",),
        "builders": ("build_deep_jscc", "build_mlsc_image"),
        "channel.awgn": ("AWGNChannel",),
        "channel.conformance": ("check_channel",),
        "channel.rayleigh": ("RayleighChannel",),
        "channel.rician": ("RicianChannel",),
        "contracts": ("Channel", "Delivered", "Received", "Semantics", "Sent"),
        "experiments.measure": ("evaluate",),
        "nested_builders": ("build_hybrid_code", "build_linear_code", "build_nested_mlsc_image"),
        "pretrained": ("from_pretrained", "list_pretrained"),
        "receiver.decoder": ("DecoderModule",),
        "receiver.fusion": ("FeatureFusion",),
        "saving": ("saveable",),
        "system": ("SemanticSystem",),
        "system_conformance": ("check_system",),
        "transmission": ("Transmission",),
        "transmitter.caption": ("CaptionFeature",),
        "transmitter.encoder": ("EncoderModule",),
        "transmitter.power": ("PowerNormalize",),
        "transmitter.segmentation": ("SegmentationFeature",),
    },
)


def __getattr__(name: str) -> Any:
    if name != "__version__":
        return _look_up(name)
    from importlib.metadata import version

    return version("semcomm")


def __dir__() -> list[str]:
    return sorted(globals().keys() | set(__all__))
