import torch

from semcomm.networks.modulation import SpatialModulation


def built():
    torch.manual_seed(0)
    return SpatialModulation(6)


def test_it_is_a_product_of_gates_in_every_layer():
    modulation, tokens = built(), torch.randn(1, 2, 3, 6)
    told = torch.tensor([[10.0]])
    hidden = tokens
    for layer, gate in zip(modulation.layers, modulation.gates, strict=True):
        first, _, second, _, third, _ = gate
        inner = second(first(told).clamp_min(0)).clamp_min(0)
        hidden = (hidden @ layer.weight.T + layer.bias) / (1 + (-third(inner)).exp())
    expected = 1 / (1 + (-modulation.last(hidden)).exp())
    assert len(modulation.layers) == 7
    torch.testing.assert_close(modulation(tokens, 10.0), expected, rtol=0, atol=1e-6)


def test_every_image_is_told_its_own_number():
    modulation, tokens = built(), torch.randn(2, 2, 3, 6)
    for gate in modulation.gates:
        torch.nn.init.normal_(gate[0].weight)
    both = modulation(tokens, torch.tensor([1.0, 13.0]))
    torch.testing.assert_close(both[:1], modulation(tokens[:1], 1.0))
    torch.testing.assert_close(both[1:], modulation(tokens[1:], 13.0))
    assert (both - modulation(tokens, 1.0))[1].abs().max() > 1e-4


def test_no_gradient_flows_into_the_tokens():
    tokens = torch.randn(1, 2, 2, 6, requires_grad=True)
    modulation = built()
    gates = modulation(tokens, 5.0)
    (gates * tokens).sum().backward()
    torch.testing.assert_close(tokens.grad, gates.detach())
    assert modulation.layers[0].weight.grad.abs().sum() > 0
