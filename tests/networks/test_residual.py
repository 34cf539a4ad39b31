"""Residual networks: nothing at first, gradients everywhere, and every number and fact matters."""

import pytest
import torch

from semcomm.networks.residual import Conditioned, ResidualNetwork, run_at_home

SMALL = {"pictures": 6, "facts": 5, "numbers": 4, "widths": (8, 12, 16), "embedding": 8}


def inputs(seed=0):
    random = torch.Generator().manual_seed(seed)
    return (
        torch.randn(2, 6, 32, 48, generator=random),
        torch.randn(2, 5, 2, 3, generator=random),
        torch.randn(2, 4, generator=random),
    )


def woken(network):
    """Weights as training leaves them: none zero."""
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=random)
    return network


@pytest.mark.parametrize(("outputs", "shape"), [(None, (2, 3, 32, 48)), (7, (2, 7, 2, 3))])
def test_an_untrained_network_adds_exactly_nothing(outputs, shape):
    added = ResidualNetwork(**SMALL, outputs=outputs)(*inputs())
    assert added.shape == shape
    assert not added.any()


@pytest.mark.parametrize("outputs", [None, 7])
def test_gradients_reach_every_weight_once_the_last_layer_has_moved(outputs):
    network = woken(ResidualNetwork(**SMALL, outputs=outputs))
    network(*inputs()).square().sum().backward()
    still = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not still


@pytest.mark.parametrize("outputs", [None, 7])
def test_the_first_step_moves_the_last_layer(outputs):
    network = ResidualNetwork(**SMALL, outputs=outputs)
    (network(*inputs()) - 1).square().sum().backward()
    assert network.leave.weight.grad.any()


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_pictures_facts_and_numbers_all_matter(changed):
    network, given = woken(ResidualNetwork(**SMALL)).requires_grad_(False), list(inputs())
    before = network(*given)
    given[changed] = given[changed] + 1
    assert float((network(*given) - before).abs().max()) > 1e-4


def test_images_of_a_batch_do_not_touch():
    network, given = woken(ResidualNetwork(**SMALL)), inputs()
    alone = network(*(one[1:] for one in given))
    torch.testing.assert_close(network(*given)[1:], alone, atol=1e-5, rtol=1e-4)


def test_a_residual_block_starts_as_the_identity_and_then_follows_its_condition():
    block = Conditioned(4, 3)
    plane, condition = torch.randn(2, 4, 5, 5), torch.randn(2, 3)
    assert torch.equal(block(plane, condition), plane)
    woken(block)
    assert not torch.allclose(block(plane, condition), block(plane, condition + 1))


def test_a_network_elsewhere_gets_its_inputs_there_and_its_output_comes_back():
    """The meta device stands for a GPU; the stub answers from the CPU, since nothing comes back from meta."""

    class Elsewhere(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1, device="meta"))

        def forward(self, *given):
            assert [one.device.type for one in given] == ["meta"] * 3
            return torch.ones(2)

    assert run_at_home(Elsewhere(), *inputs()).device.type == "cpu"
