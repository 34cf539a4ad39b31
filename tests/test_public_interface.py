"""What users may rely on: the names, and that a mistyped keyword is never swallowed."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from dataclasses import is_dataclass
from importlib.metadata import version

import pytest
import torch
from torch import nn
from toys import caption_feature, gaussian_symbols, rand_images, segmentation_feature, small_system

import semcomm
from semcomm import (
    AWGNChannel,
    Channel,
    RayleighChannel,
    SemanticSystem,
    SeparationBaseline,
    build_deep_jscc,
    check_channel,
)

PUBLIC = {
    "build_mlsc_image",
    "build_deep_jscc",
    "SemanticSystem",
    "PowerNormalize",
    "Channel",
    "AWGNChannel",
    "RayleighChannel",
    "RicianChannel",
    "check_channel",
    "EncoderModule",
    "DecoderModule",
    "FeatureFusion",
    "CaptionFeature",
    "SegmentationFeature",
    "SeparationBaseline",
    "evaluate",
    "from_pretrained",
    "list_pretrained",
    "build_linear_code",
    "build_hybrid_code",
    "build_nested_mlsc_image",
    "check_system",
    "saveable",
    "Received",
    "Semantics",
    "Sent",
    "Delivered",
    "Transmission",
    "__version__",
}
CALLABLES = sorted(PUBLIC - {"__version__"})
DOORS = {
    "baselines": {"SeparationBaseline", "build_swin_jscc", "build_witt", "load_swin_jscc", "load_witt"},
    "channel": {
        "AWGNChannel",
        "ChannelChain",
        "ImpulsiveChannel",
        "OFDMChannel",
        "PhaseNoiseChannel",
        "Pilots",
        "RayleighChannel",
        "RicianChannel",
        "SionnaChannel",
        "check_channel",
        "exponential_profile",
    },
    "experiments": {"Measurement", "demo_image"},
    "quality": {
        "Metric",
        "SemanticFidelity",
        "lite_fidelity",
        "lpips",
        "mean_and_ci95",
        "ms_ssim",
        "ms_ssim_db",
        "paired_difference",
        "psnr",
        "ssim",
    },
    "radio": {"Burst", "Recording", "burst_uses", "read_burst", "write_burst"},
    "receiver": {"DecoderModule", "FeatureFusion", "MMSEEqualizer", "NoEqualizer", "ZeroForcingEqualizer"},
    "training": {"PAPER", "MuonAdam", "Stopped", "TrainingConfig", "log_mse", "train"},
    "transmitter": {
        "CaptionFeature",
        "ConstraintChain",
        "EncoderModule",
        "PeakLimit",
        "PowerNormalize",
        "QAMConstellation",
        "SegmentationFeature",
        "papr_ccdf",
    },
}
"""The public names of the sub-packages."""


def test_public_names_are_frozen():
    assert set(semcomm.__all__) == PUBLIC
    assert len(semcomm.__all__) == len(PUBLIC)
    assert all(hasattr(semcomm, name) for name in PUBLIC)
    assert set(dir(semcomm)) >= PUBLIC
    with pytest.raises(AttributeError, match="module 'semcomm' has no attribute 'build_mlsc_imgae'"):
        semcomm.build_mlsc_imgae  # noqa: B018
    assert semcomm.__version__ == version("semcomm")


@pytest.mark.parametrize("door", DOORS)
def test_public_names_of_sub_packages_are_frozen(door):
    package = importlib.import_module(f"semcomm.{door}")
    assert sorted(package.__all__) == sorted(DOORS[door])
    assert all(
        getattr(package, name).__module__.startswith(f"semcomm.{door}.") for name in DOORS[door] - {"PAPER", "Metric"}
    )
    with pytest.raises(AttributeError, match=f"module 'semcomm.{door}' has no attribute 'Nothing'"):
        package.Nothing  # noqa: B018


def test_every_door_is_frozen():
    found = {info.name for info in pkgutil.iter_modules(semcomm.__path__) if info.ispkg}
    with_names = {name for name in found if hasattr(importlib.import_module(f"semcomm.{name}"), "__all__")}
    assert with_names == DOORS.keys()


def test_the_builders_signature_is_the_documented_one():
    parameters = inspect.signature(semcomm.build_mlsc_image).parameters
    defaults = {name: one.default for name, one in parameters.items() if one.default is not inspect.Parameter.empty}
    assert list(parameters)[:2] == ["l", "t"]
    assert defaults == {
        "image_size": 256,
        "channel": None,
        "caption": "lite",
        "segmentation": "lite",
        "width": 32,
        "norm": "batch",
        "text_rank": 64,
        "snr_adaptive": False,
        "shortcut": False,
        "tell_gain": False,
        "csi_to_decoder": False,
        "device": None,
    }
    assert all(parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in defaults)


def modules():
    """Every module of the package that can be imported here."""
    for info in pkgutil.walk_packages(semcomm.__path__, "semcomm."):
        yield importlib.import_module(info.name)


def public_functions():
    """Every public function and method that the package defines, by its full name."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
                continue
            if inspect.isclass(value):
                for method, function in vars(value).items():
                    function = getattr(function, "__func__", function)
                    ours = inspect.isfunction(function) and function.__module__ == module.__name__
                    if ours and (method == "__init__" or not method.startswith("_")):
                        found[f"{module.__name__}.{name}.{method}"] = function
            elif inspect.isfunction(value):
                found[f"{module.__name__}.{name}"] = value
    return found


def test_no_public_signature_swallows_arguments():
    functions = public_functions()
    assert len(functions) > 100
    assert {"semcomm.system.SemanticSystem.forward", "semcomm.symbols.features_to_symbols"} <= functions.keys()
    swallowing = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    bad = [
        f"{name}(*{parameter.name})"
        for name, function in functions.items()
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in swallowing
    ]
    assert bad == []


class Concrete(Channel):
    def forward(self, x, snr_db, *, generator=None):  # noqa: ARG002
        return x


@pytest.mark.parametrize("name", CALLABLES)
def test_a_mistyped_keyword_is_a_type_error(name):
    callable_ = Concrete if name == "Channel" else getattr(semcomm, name)
    with pytest.raises(TypeError, match="unexpected keyword argument 'snr_bd'"):
        callable_(snr_bd=10.0)


def with_good_arguments():
    images, symbols = rand_images(), gaussian_symbols(2, 112)
    system = small_system()
    rayleigh = RayleighChannel()
    jpeg = SeparationBaseline("jpeg", bandwidth_ratio=1 / 12)
    return {
        "system": lambda **typo: system(images, snr_db=10.0, **typo),
        "encode": lambda **typo: system.encode(images, **typo),
        "decode": lambda **typo: system.decode(symbols, (16, 16), **typo),
        "transmit": lambda **typo: system.transmit(images, 10.0, **typo),
        "SemanticSystem": lambda **typo: SemanticSystem(system.transmitter, AWGNChannel(), system.receiver, **typo),
        "symbols_per_image": lambda **typo: system.symbols_per_image(16, 16, **typo),
        "AWGNChannel": lambda **typo: AWGNChannel(1.0, **typo),
        "awgn": lambda **typo: AWGNChannel()(symbols, 10.0, **typo),
        "rayleigh": lambda **typo: rayleigh(symbols, 10.0, **typo),
        "check_channel": lambda **typo: check_channel(AWGNChannel(), **typo),
        "baseline": lambda **typo: jpeg.transmit(images, 10.0, **typo),
        "build_mlsc_image": lambda **typo: small_system(**typo),
        "build_deep_jscc": lambda **typo: build_deep_jscc(complex_channels=2, **typo),
        "from_pretrained": lambda **typo: semcomm.from_pretrained("mlsc-image-l4-t8", **typo),
        "CaptionFeature": lambda **typo: caption_feature()(images, **typo),
        "SegmentationFeature": lambda **typo: segmentation_feature()(images, **typo),
    }


@pytest.mark.parametrize("call", with_good_arguments())
def test_a_mistyped_keyword_beside_good_arguments_is_a_type_error(call):
    with pytest.raises(TypeError, match="unexpected keyword argument 'snr_bd'"):
        with_good_arguments()[call](snr_bd=10.0)


def test_a_mistyped_keyword_of_the_hubs_mixin_is_a_type_error(tmp_path):
    small_system().save_pretrained(tmp_path)
    with pytest.raises(TypeError, match="unexpected keyword argument 'devcie'"):
        SemanticSystem.from_pretrained(tmp_path, devcie="cpu")


def test_options_are_keyword_only():
    with pytest.raises(TypeError, match="positional argument"):
        semcomm.build_mlsc_image(4, 8, 256)
    with pytest.raises(TypeError, match="positional argument"):
        RayleighChannel(1.0, "symbol")
    with pytest.raises(TypeError, match="positional argument"):
        small_system()(rand_images(), 10.0, None)


def test_modules_of_the_interface_are_modules():
    for name in CALLABLES:
        value = getattr(semcomm, name)
        if inspect.isclass(value) and not is_dataclass(value) and value is not SeparationBaseline:
            assert issubclass(value, nn.Module), name


def test_import_is_light_and_silent():
    """Not even torch until a name is asked for, then no training framework; no warning, no draw, no handler."""
    heavy = ["lightning", "tensorboard", "transformers", "matplotlib.pyplot", "scipy", "torchmetrics", "pycocotools"]
    code = (
        "import signal, sys; handler = signal.getsignal(signal.SIGINT); "
        f"import semcomm, {', '.join(f'semcomm.{door}' for door in DOORS)}; first = 'torch' in sys.modules; "
        "import torch; state = torch.get_rng_state(); [getattr(semcomm, name) for name in semcomm.__all__]; "
        f"print(first, [name for name in {heavy} if name in sys.modules], torch.equal(state, torch.get_rng_state()), "
        "handler is signal.getsignal(signal.SIGINT))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "False [] True True"
    assert done.stderr == ""


def test_building_and_sending_leave_the_global_seed_to_the_user():
    torch.manual_seed(5)
    first = build_deep_jscc(complex_channels=2, device="cpu").state_dict()
    torch.manual_seed(5)
    second = build_deep_jscc(complex_channels=2, device="cpu").state_dict()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
