"""Constellations and peak limits, against brute force and closed forms."""

import pytest
import torch
from torch.autograd import gradcheck
from toys import gaussian_symbols, seeded

from semcomm import PowerNormalize
from semcomm.transmitter.constellation import QAMConstellation, qam_levels, qam_points
from semcomm.transmitter.peaks import ConstraintChain, PeakLimit, papr_ccdf

ORDERS = [4, 16, 64, 256, 1024, 4096]


def papr_db(symbols):
    power = symbols.abs().square()
    return 10 * (power.amax(1) / power.mean(1)).log10()


@pytest.mark.parametrize("order", ORDERS)
def test_every_constellation_has_unit_power_and_all_its_points(order):
    points = qam_points(order)
    assert len(set(points.tolist())) == order
    assert points.abs().square().mean().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("order", [4, 16, 256])
@pytest.mark.parametrize("power", [1.0, 2.5])
def test_symbols_go_to_the_nearest_point(order, power):
    x = 1.5 * gaussian_symbols(2, 500)
    points = qam_points(order) * power**0.5
    nearest = points[(x[..., None] - points).abs().argmin(-1)]
    for gradient in ("straight-through", "soft"):
        sent = QAMConstellation(order, power, gradient=gradient)(x)
        assert torch.allclose(sent, nearest, atol=1e-5)


def test_gradients_are_those_announced():
    x = gaussian_symbols(1, 50).requires_grad_()
    weights = gaussian_symbols(1, 50, 3)

    def gradient(constellation):
        return torch.autograd.grad((constellation(x) * weights).real.sum(), x)[0]

    assert torch.allclose(gradient(QAMConstellation(16)), weights.conj(), atol=1e-5)
    levels = qam_levels(16).double()
    step = (levels[1] - levels[0]).item()

    def soft(parts):
        return (-((parts[..., None] - levels) / step).square() / 0.5).softmax(-1) @ levels

    parts = torch.view_as_real(x.detach()).double().requires_grad_()
    assert gradcheck(soft, parts[:, :3])
    expected = torch.autograd.grad(
        (soft(parts) * torch.view_as_real(weights.conj().resolve_conj()).double()).sum(), parts
    )[0]
    got = torch.view_as_real(gradient(QAMConstellation(16, gradient="soft", temperature=0.5)))
    assert torch.allclose(got.double(), expected, atol=1e-4)


@pytest.mark.parametrize("limit_db", [0.0, 1.0, 3.0, 6.0])
def test_peaks_are_at_the_limit_and_power_is_exact(limit_db):
    x = gaussian_symbols(4, 2000)
    sent = PeakLimit(limit_db, 2.0)(x)
    assert torch.allclose(papr_db(sent), torch.tensor(limit_db), atol=1e-3)
    assert torch.allclose(sent.abs().square().mean(1), torch.tensor(2.0), rtol=1e-5)
    assert torch.allclose(sent.angle(), x.angle(), atol=1e-5)
    order = x.abs().argsort(1)
    assert bool((sent.abs().gather(1, order).diff(dim=1) > -1e-5).all())


def test_a_signal_below_the_limit_stays():
    x = PowerNormalize()(gaussian_symbols(2, 100))
    assert torch.allclose(PeakLimit(30.0)(x), x, atol=1e-6)


def test_sparse_and_silent_images_stay_finite():
    x = torch.zeros(2, 100, dtype=torch.complex64)
    x[0, :3] = torch.tensor([1.0, 2.0j, -3.0])
    sent = PeakLimit(3.0)(x)
    assert torch.allclose(sent[0, :3].abs(), torch.tensor((100 / 3) ** 0.5))
    assert not sent[1].any()
    x.requires_grad_()
    gradient = torch.autograd.grad(PeakLimit(3.0)(x).abs().square().sum(), x)[0]
    assert bool(torch.isfinite(torch.view_as_real(gradient)).all())


def test_the_ccdf_of_gaussian_symbols_is_the_closed_form():
    x = torch.randn(1, 2**18, dtype=torch.complex64, generator=seeded(1))
    levels_db = torch.tensor([-3.0, 0.0, 3.0, 6.0])
    z = 10 ** (levels_db / 10)
    assert torch.allclose(papr_ccdf(x, levels_db), torch.exp(-z), atol=3e-3)
    ofdm = papr_ccdf(x, torch.tensor([6.0, 8.0]), fft_size=64)
    z = 10 ** (torch.tensor([6.0, 8.0]) / 10)
    assert torch.allclose(ofdm, 1 - (1 - torch.exp(-z)) ** 64, atol=0.03)
    assert papr_ccdf(PeakLimit(3.0)(x), torch.tensor([3.01])).item() == 0


def test_a_chain_applies_all_in_turn():
    chain = ConstraintChain([PowerNormalize(), PeakLimit(4.0), QAMConstellation(64), PowerNormalize()])
    x = 7 * gaussian_symbols(2, 300)
    by_hand = PowerNormalize()(QAMConstellation(64)(PeakLimit(4.0)(PowerNormalize()(x))))
    assert torch.equal(chain(x), by_hand)
    assert torch.allclose(chain(x).abs().square().mean(1), torch.ones(2))
    assert chain.power == 1.0
    assert chain.channel_uses(300) == 300


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: QAMConstellation(8), ValueError, "order must be a power of four, 4 to 4096, got 8"),
        (lambda: QAMConstellation(64.0), ValueError, "order must be a power of four, 4 to 4096, got 64.0"),
        (lambda: QAMConstellation(2**14), ValueError, "order must be a power of four"),
        (lambda: QAMConstellation(16, gradient="hard"), ValueError, "gradient must be .* got 'hard'"),
        (
            lambda: QAMConstellation(16, temperature=0.0),
            ValueError,
            "temperature must be a number .* got 0.0",
        ),
        (lambda: QAMConstellation(16)(torch.ones(1, 4)), TypeError, "symbols must be complex64"),
        (lambda: PeakLimit(-1.0), ValueError, "papr_db must be a number from 0 to 60 dB, got -1.0"),
        (
            lambda: papr_ccdf(gaussian_symbols(1, 8), torch.zeros(1), fft_size=9),
            ValueError,
            "fft_size must be an integer from 1 to 8, got 9",
        ),
        (lambda: ConstraintChain([]), ValueError, "constraints must hold at least one nn.Module, got none"),
        (lambda: ConstraintChain([PowerNormalize]), TypeError, "constraints must be nn.Modules, made already"),
        (lambda: ConstraintChain([PowerNormalize(), PeakLimit(3.0, 2.0)]), ValueError, r"got \[1.0, 2.0\]"),
    ],
)
def test_bad_input_is_one_clear_error(make, error, said):
    with pytest.raises(error, match=said):
        make()
