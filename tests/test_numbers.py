"""Float32 everywhere, no waiting for the device, and the same noise forwards and backwards."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from toys import rand_images, seeded, small_system

from semcomm import AWGNChannel, RayleighChannel, build_deep_jscc

READS = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero")
"""Operations that make the host wait for the device; `.item()`, `bool()` and `.tolist()` are the first."""


class Reads(TorchDispatchMode):
    """Counts them, and copies to the host."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # noqa: ARG002
        name = function.overloadpacket.__name__
        to_host = name in ("_to_copy", "copy_") and str((kwargs or {}).get("device")) == "cpu"
        self.count += name in READS or to_host
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("channel", [AWGNChannel, RayleighChannel])
@pytest.mark.parametrize("where", ["cpu", "meta"])
def test_a_training_step_reads_nothing_from_the_device(channel, where):
    """The device "meta" has no values at all, so that reading one fails; of 30 dB a host knows."""
    system = small_system(3, snr_adaptive=True, channel=channel()).train().to("meta")
    images = torch.rand(2, 3, 16, 16, device="meta")
    with Reads() as reads:
        loss = (system(images, torch.tensor([3.0, 30.0], device=where)) - images).square().mean()
        loss.backward()
    # an SNR on the CPU is checked where it is, which waits for nothing: for the sender, at the door, by the channel
    assert reads.count == 0 if where == "meta" else reads.count <= 3
    assert all(weight.grad is not None for weight in system.parameters())


def test_reading_is_noticed():
    with Reads() as reads:
        small_system().train()(rand_images(), torch.tensor([3.0, 30.0]))
    assert reads.count > 0
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        small_system().eval().to("meta")(torch.rand(2, 3, 16, 16, device="meta"), 10.0)


@pytest.mark.parametrize("change", ["half", "double", "bfloat16"])
def test_another_precision_is_one_clear_error(change):
    system = build_deep_jscc(complex_channels=2, device="cpu")
    before = {name: value.clone() for name, value in system.state_dict().items()}
    with pytest.raises(TypeError, match="weights of float32, and cannot become torch.*call it under torch.autocast"):
        getattr(system, change)()
    assert all(torch.equal(value, before[name]) for name, value in system.state_dict().items())
    assert system.to(torch.float32).to("cpu")(rand_images(), 10.0).dtype == torch.float32


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("channel", [AWGNChannel, RayleighChannel])
def test_checkpointing_with_a_carried_generator_is_refused(channel, reentrant):
    system = small_system(norm="none", channel=channel()).train()
    images = rand_images().requires_grad_()
    generator = seeded()
    received = checkpoint(lambda x: system(x, 5.0, generator=generator), images, use_reentrant=reentrant)
    with pytest.raises(ValueError, match="generator must be None under gradient checkpointing"):
        received.square().mean().backward()


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_without_a_generator_gives_the_gradients_without_it(reentrant):
    system = small_system(norm="none", channel=RayleighChannel()).train()
    gradients = []
    for run in (system, lambda x, snr_db: checkpoint(system, x, snr_db, use_reentrant=reentrant)):
        images = rand_images().requires_grad_()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            run(images, 5.0).square().mean().backward()
        gradients.append([images.grad, *(weight.grad.clone() for weight in system.parameters())])
        system.zero_grad()
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
