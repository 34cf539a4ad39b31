"""Muon against the singular value decomposition, torch's own optimisers, and the same kernel in another layout."""

import pytest
import torch
from torch import nn

from semcomm.training.muon import MuonAdam, as_matrix, orthogonalize


def seeded(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def set_gradients(network, seed):
    generator = torch.Generator().manual_seed(seed)
    for weight in network.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)


@pytest.mark.parametrize("shape", [(8, 8), (16, 27), (40, 12)])
def test_the_update_keeps_singular_vectors_and_brings_singular_values_near_one(shape):
    matrix = seeded(*shape)
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    turned = u.T @ orthogonalize(matrix[None])[0].float() @ v.T
    kept = values > 0.1 * values.max()  # five steps do not lift smaller ones all the way
    assert 0.6 < turned.diag()[kept].min()
    assert turned.diag().max() < 1.25
    torch.testing.assert_close(turned - turned.diag().diag(), torch.zeros_like(turned), atol=0.05, rtol=0)


def test_a_zero_gradient_moves_nothing():
    assert torch.equal(orthogonalize(torch.zeros(1, 3, 5)), torch.zeros(1, 3, 5, dtype=torch.bfloat16))


@pytest.mark.parametrize("shape", [(8, 4), (4, 20)])
def test_a_one_by_one_kernel_moves_as_torchs_muon_moves_its_matrix(shape):
    kernel = nn.Conv2d(shape[1], shape[0], 1, bias=False)
    matrix = nn.Parameter(kernel.weight.detach().flatten(1).clone())
    ours = MuonAdam(kernel, muon_rate=0.02, adam_rate=1.0)
    torchs = torch.optim.Muon([matrix], lr=0.02, weight_decay=0.0, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    start = matrix.detach().clone()
    for step in range(4):
        gradient = seeded(*shape, seed=step)
        kernel.weight.grad, matrix.grad = gradient[..., None, None].clone(), gradient.clone()
        ours.step()
        torchs.step()
    assert (matrix - start).abs().max() > 0.01
    torch.testing.assert_close(kernel.weight.flatten(1), matrix, rtol=0, atol=1e-4)


def test_a_transposed_kernel_moves_as_the_plain_kernel_of_the_same_outputs_and_inputs():
    plain, transposed = nn.Conv2d(3, 5, 3, bias=False), nn.ConvTranspose2d(3, 5, 3, bias=False)
    transposed.weight.data = plain.weight.detach().transpose(0, 1).clone()
    gradient = seeded(5, 3, 3, 3)
    plain.weight.grad, transposed.weight.grad = gradient.clone(), gradient.transpose(0, 1).clone()
    for network in (plain, transposed):
        MuonAdam(network, muon_rate=0.02, adam_rate=1.0).step()
    torch.testing.assert_close(transposed.weight.transpose(0, 1), plain.weight, rtol=0, atol=1e-6)
    assert (
        as_matrix(transposed.weight, transposed=True).shape
        == as_matrix(plain.weight, transposed=False).shape
        == (5, 27)
    )


def test_channels_last_changes_nothing():
    kernels = [nn.Conv2d(3, 5, 3), nn.Conv2d(3, 5, 3)]
    kernels[1].load_state_dict(kernels[0].state_dict())
    kernels[1].to(memory_format=torch.channels_last)
    for kernel in kernels:
        set_gradients(kernel, seed=1)
        kernel.weight.grad = kernel.weight.grad.to(
            memory_format=torch.channels_last if kernel is kernels[1] else torch.contiguous_format
        )
        MuonAdam(kernel, muon_rate=0.02, adam_rate=1e-3).step()
    for one, other in zip(kernels[0].parameters(), kernels[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_a_dense_layer_moves_as_the_one_by_one_convolution():
    dense, convolution = nn.Linear(6, 4), nn.Conv2d(6, 4, 1)
    convolution.load_state_dict({"weight": dense.weight[..., None, None], "bias": dense.bias})
    gradient, start = seeded(4, 6), dense.weight.detach().clone()
    for network in (dense, convolution):
        network.weight.grad = gradient.reshape(network.weight.shape).clone()
        MuonAdam(network, muon_rate=0.02, adam_rate=1.0).step()
    assert (dense.weight - start).abs().max() > 1e-3
    assert torch.equal(dense.weight, convolution.weight.flatten(1))


@pytest.mark.parametrize("other", [nn.Embedding(9, 6), nn.ConvTranspose2d(9, 6, 1)], ids=["embedding", "transposed"])
def test_adam_serves_a_kernel_that_is_something_else_too(other):
    first = nn.Linear(6, 9) if isinstance(other, nn.Embedding) else nn.Conv2d(6, 9, 1)
    second = nn.Linear(6, 9, bias=False) if isinstance(other, nn.Embedding) else nn.Conv2d(6, 9, 1)
    first.weight = other.weight
    groups = MuonAdam(nn.Sequential(first, second, other), muon_rate=0.1, adam_rate=0.1).param_groups
    assert {group["kind"]: [id(weight) for weight in group["params"] if weight.ndim > 1] for group in groups} == {
        "muon": [id(second.weight)],
        "adam": [id(other.weight)],
    }


def test_everything_but_kernels_moves_as_torchs_adam_moves_it():
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.PReLU(4), nn.Conv2d(4, 4, 3, groups=2), nn.LayerNorm(3))
    copy = nn.Sequential(nn.Conv2d(2, 4, 3), nn.PReLU(4), nn.Conv2d(4, 4, 3, groups=2), nn.LayerNorm(3))
    copy.load_state_dict(network.state_dict())
    ours, adam = MuonAdam(network, muon_rate=0.1, adam_rate=1e-2), torch.optim.Adam(copy.parameters(), lr=1e-2)
    for step in range(3):
        for one, optimizer in ((network, ours), (copy, adam)):
            set_gradients(one, seed=step)
            optimizer.step()
    for name, weight in network.named_parameters():
        close = torch.allclose(weight, copy.get_parameter(name), rtol=1e-5, atol=1e-7)
        assert close == (name != "0.weight"), name


def test_it_goes_on_from_its_state():
    def make():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.PReLU(4), nn.ConvTranspose2d(4, 2, 3))
        return network, MuonAdam(network, muon_rate=0.1, adam_rate=1e-2)

    whole, optimizer = make()
    for step in range(4):
        set_gradients(whole, step)
        optimizer.step()
    first, before = make()
    for step in range(2):
        set_gradients(first, step)
        before.step()
    second, after = make()
    second.load_state_dict(first.state_dict())
    after.load_state_dict(before.state_dict())
    for step in range(2, 4):
        set_gradients(second, step)
        after.step()
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), second.parameters(), strict=True))


def test_a_network_without_weights_is_refused():
    with pytest.raises(ValueError, match="system has no weights that require gradients"):
        MuonAdam(nn.Identity(), muon_rate=0.1, adam_rate=0.1)
    with pytest.raises(ValueError, match="nothing to train"):
        MuonAdam(nn.Conv2d(1, 1, 1).requires_grad_(False), muon_rate=0.1, adam_rate=0.1)
