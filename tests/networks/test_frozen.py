"""A network in eval mode beside the one that trains: the same results, whatever its modules are."""

import inspect
import threading
from functools import partial, wraps

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from toys import rand_images, seeded, semantic_system, settle, small_system

from semcomm.images import to_uint8
from semcomm.networks.frozen import in_eval_mode

SNR_DB = 10.0


def expected_of(network, *inputs):
    """What the network itself makes of its input in eval mode."""
    network.eval()
    with torch.no_grad():
        expected = network(*inputs)
    network.train()
    return expected


class Skips(nn.Sequential):
    """A subclass of `nn.Sequential` that is no chain."""

    def forward(self, features):
        return self[1](features) + self[0](features)


class Refers(nn.Module):
    """Refers to its submodules beside `_modules`: a list, a bound method, a partial, a name of its own."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm2d(4), nn.Dropout()
        self.listed, self.named = [self.norm], {"drop": self.drop}
        self.method, self.partial = self.norm.forward, partial(self.apply_to, self.drop)
        self.lock = threading.Lock()  # which no deepcopy takes

    def apply_to(self, part, features):
        return part(features)

    def forward(self, features):
        return self.partial(self.named["drop"](self.method(self.listed[0](features))))


def pruned():
    convolution = nn.Conv2d(4, 4, 3)
    prune.random_unstructured(convolution, "weight", 0.5)
    return convolution


def old_weight_norm():
    with pytest.warns(FutureWarning):
        return nn.utils.weight_norm(nn.Conv2d(4, 4, 3))


def hooked():
    norm = nn.BatchNorm2d(4)
    norm.register_forward_pre_hook(lambda part, given: (given[0] * 2 + part.eps,))
    norm.register_forward_hook(lambda part, given, made: made + (10 if part.training else 1))  # noqa: ARG005
    return norm


def shared():
    norm = nn.BatchNorm2d(4)
    return nn.Sequential(norm, nn.PReLU(), norm)


def parametrised():
    convolution = nn.Conv2d(4, 4, 3)
    parametrize.register_parametrization(convolution, "weight", nn.Tanh())
    return convolution


def replaced_method():
    norm = nn.BatchNorm2d(4)
    usual = norm.forward
    norm.forward = lambda images: usual(images) / 2
    return norm


def replaced_method_of_another():
    dropout, norm = nn.Dropout(), nn.BatchNorm2d(4)

    def twice(images):
        return once(once(images))

    def once(images):
        return dropout(norm(images))

    outer = nn.Sequential(norm, dropout)
    outer.forward = twice
    return outer


NETWORKS = {
    "a method replaced": replaced_method,
    "a method replaced by functions": replaced_method_of_another,
    "subclass of Sequential": lambda: Skips(nn.BatchNorm2d(4), nn.Dropout()),
    "references": Refers,
    "pruning": pruned,
    "weight_norm": lambda: parametrizations.weight_norm(nn.Conv2d(4, 4, 3)),
    "spectral_norm": lambda: parametrizations.spectral_norm(nn.Conv2d(4, 4, 3)),
    "old weight_norm": old_weight_norm,
    "parametrisation": parametrised,
    "hooks": hooked,
    "shared modules": shared,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_twin_of_anything_is_it_in_eval_mode(name):
    network = nn.Sequential(NETWORKS[name](), nn.BatchNorm2d(4)).train()
    images = torch.randn(3, 4, 6, 7, generator=seeded())
    network(images)  # so that running statistics mean something
    before = {name: value.clone() for name, value in network.state_dict().items()}
    twin = in_eval_mode(network)
    assert all(module.training for module in network.modules())
    with torch.no_grad():
        made = twin(images)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    torch.testing.assert_close(made, expected_of(network, images), rtol=1e-4, atol=1e-5)


def test_a_network_in_eval_mode_is_its_own_twin():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).eval()
    assert in_eval_mode(network) is network


def test_a_twin_shares_weights_buffers_and_whatever_is_no_module():
    network = Refers()
    twin = in_eval_mode(network)
    assert {id(weight) for weight in twin.parameters()} == {id(weight) for weight in network.parameters()}
    assert {id(buffer) for buffer in twin.buffers()} == {id(buffer) for buffer in network.buffers()}
    assert twin.lock is network.lock
    assert twin.listed[0] is twin.norm is twin.method.__self__
    assert twin.norm is not network.norm


def test_a_function_in_place_of_a_method_says_what_it_takes():
    """A system looks which keywords a part's `forward` has."""

    class Scales(nn.Module):
        def forward(self, features, *, factor=2.0):
            return features * factor

    network = Scales()
    usual = network.forward

    @wraps(usual)
    def counted(*given, **named):
        return usual(*given, **named)

    network.forward = counted
    twin = in_eval_mode(network)
    assert twin.forward is not counted
    assert inspect.signature(twin.forward) == inspect.signature(usual)
    assert twin(torch.ones(1), factor=3.0).item() == 3


def test_functions_in_place_of_methods_may_count_and_call_one_another():
    norm, calls = nn.BatchNorm2d(4), 0
    usual = norm.forward

    def even(images, left):
        nonlocal calls
        calls += 1
        return odd(images, left - 1) if left else usual(images)

    def odd(images, left):
        return even(images, left - 1)

    norm.forward = lambda images: even(images, 2)
    in_eval_mode(norm)(torch.rand(2, 4, 3, 3))
    assert calls == 2


def test_hooks_are_called_as_they_are():
    seen = []

    class Observer(nn.Module):
        def hook(self, part, given, made):  # noqa: ARG002
            seen.append(self)

    observer, network = Observer(), nn.Linear(2, 2)
    network.register_forward_hook(observer.hook)
    in_eval_mode(network)(torch.zeros(1, 2))
    assert seen == [observer]


@pytest.mark.parametrize("training", [True, False])
def test_transmit_is_forward_whatever_the_modules_are(training):
    system = small_system(3)
    decoder, fusion = system.receiver.decoders[0], system.receiver.fusion
    prune.l1_unstructured(fusion.stages.stages[0].convolution, "weight", 0.3)
    parametrizations.weight_norm(decoder.stages.stages[0].convolution)
    decoder.stages.stages[0].norm.register_forward_hook(lambda part, given, made: made * 1.5)  # noqa: ARG005
    encoder = system.transmitter.detail_encoders[0]
    encoder.stages.stages[0].activation = system.transmitter.fused_encoder.stages.stages[0].activation
    settle(system)
    images = rand_images(2, 18, 21)
    expected = system(images, SNR_DB, generator=seeded())
    symbols = system.encode(images, SNR_DB)
    sent = system.train(training).transmit(images, SNR_DB, generator=seeded())
    torch.testing.assert_close(sent.symbols, symbols, rtol=1e-4, atol=1e-4)
    assert (sent.images.int() - to_uint8(expected).int()).abs().max() <= 1


def test_transmit_in_another_thread_leaves_training_alone():
    system = settle(semantic_system(3))
    expected = system.transmit(rand_images(), SNR_DB, generator=seeded()).images
    system.train()
    modes = {name: module.training for name, module in system.named_modules()}
    stop, wrong = threading.Event(), []

    def transmit():
        while not stop.is_set():
            sent = system.transmit(rand_images(), SNR_DB, generator=seeded())
            if not torch.equal(sent.images, expected):
                wrong.append("images")

    thread = threading.Thread(target=transmit)
    thread.start()
    for _ in range(200):
        for name, module in system.named_modules():
            if module.training is not modes[name]:
                wrong.append(name)
    stop.set()
    thread.join()
    assert wrong == []
