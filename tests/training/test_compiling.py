"""Compiled networks."""

import pytest
import torch
from torch import nn
from training_runs import config, identical, system, weights

from semcomm import build_deep_jscc, build_mlsc_image, build_nested_mlsc_image
from semcomm.baselines import build_swin_jscc
from semcomm.networks.stages import Stages
from semcomm.training.compiling import NETWORKS, compile_networks, quick_arithmetic
from semcomm.training.engine import train


@pytest.mark.parametrize(
    ("build", "least"),
    [
        (lambda: build_nested_mlsc_image(width=4, caption=None, segmentation=None, device="cpu"), 2),
        (lambda: build_mlsc_image(2, 8, caption=None, segmentation=None, device="cpu"), 2),
        (lambda: build_deep_jscc(bandwidth_ratio=1 / 12, device="cpu"), 2),
        (lambda: build_swin_jscc(bandwidth_ratio=1 / 12, size="cifar", device="cpu"), 2),
    ],
)
def test_networks_of_every_kind_are_compiled_and_keep_the_names_of_their_weights(build, least):
    system = build()
    names = list(system.state_dict())
    compile_networks(system)
    compiled = [part for part in system.modules() if isinstance(part, NETWORKS)]
    assert len(compiled) >= least
    assert all(part._compiled_call_impl is not None for part in compiled)
    assert list(system.state_dict()) == names


def test_compiled_training_compiles_its_steps_alone_and_trains_the_same(photo_folder, tmp_path, monkeypatch):
    """With a compiler that changes nothing, and photographs of sizes of their own to validate on."""
    compiled = []

    def as_it_is(graph, inputs):
        compiled.append(tuple(inputs[0].shape))
        return graph.forward

    monkeypatch.setattr(Stages, "compile", lambda self, **how: nn.Module.compile(self, backend=as_it_is, **how))
    torch._dynamo.reset()
    plain = train(system(), config(photo_folder, tmp_path / "plain"))
    assert not compiled
    quick = train(system(), config(photo_folder, tmp_path / "quick", compile=True))
    networks = sum(isinstance(part, Stages) for part in system().modules())
    assert len(compiled) == networks
    assert identical(plain, quick)


def test_a_compiler_that_fails_is_named(photo_folder, tmp_path, monkeypatch):
    def fails(*_):
        raise RuntimeError("no compiler\nfound")

    monkeypatch.setattr(Stages, "compile", lambda self, **how: nn.Module.compile(self, backend=fails, **how))
    torch._dynamo.reset()
    with pytest.raises(ValueError, match=r"^compile must be False on this machine: .*no compiler$"):
        train(system(), config(photo_folder, tmp_path / "out", compile=True))


@pytest.mark.slow
def test_a_compiler_changes_weights_by_rounding_alone(photo_folder, tmp_path):
    torch._dynamo.reset()
    plain = train(system(), config(photo_folder, tmp_path / "plain", steps=2))
    quick = train(system(), config(photo_folder, tmp_path / "quick", steps=2, compile=True))
    for name, value in weights(plain).items():
        torch.testing.assert_close(weights(quick)[name], value, rtol=1e-3, atol=1e-5)


def test_a_processor_computes_as_before(tmp_path):
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    with quick_arithmetic(config(tmp_path, tmp_path), torch.device("cpu")):
        assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark) == before


def test_a_gpu_multiplies_quickly_while_it_trains_and_no_longer(tmp_path):
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    for precision, expected in (("bf16-mixed", "high"), ("32-true", before[0])):
        with quick_arithmetic(config(tmp_path, tmp_path, precision=precision), torch.device("cuda")):
            assert torch.get_float32_matmul_precision() == expected
            assert torch.backends.cudnn.benchmark
        assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark) == before
