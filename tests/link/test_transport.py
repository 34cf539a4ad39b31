"""Payloads of any size: back at the safe SNR, lost and said so below it, in the channel uses announced."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from semcomm.link import transport
from semcomm.link.blocks import SHORTEST
from semcomm.link.codewords import BlockCode
from semcomm.link.modes import MODES, required_snr_db


def payload(bits, seed=0):
    return np.random.default_rng(seed).integers(0, 2, bits, dtype=np.uint8)


def carried(sent, plans, snr_db, *, seed=0, fading=False):
    """Payloads received over AWGN, or over fades that are independent from symbol to symbol."""
    generator = torch.Generator().manual_seed(seed)
    variance = 10 ** (-snr_db / 10)
    symbols = transport.send(sent, plans)
    fades = [
        torch.randn(x.shape, dtype=torch.complex64, generator=generator) if fading else torch.ones_like(x)
        for x in symbols
    ]
    received = [
        h * x + variance**0.5 * torch.randn(x.shape, dtype=torch.complex64, generator=generator)
        for x, h in zip(symbols, fades, strict=True)
    ]
    csi = fades if fading else None
    return transport.receive(received, plans, noise_variance=[variance] * len(plans), csi=csi)


@given(st.integers(0, 40_000), st.floats(-8, 26), st.integers(0, 2**32))
@settings(max_examples=25)
def test_any_payload_arrives_at_the_safe_snr_and_is_lost_far_below(bits, safe_snr_db, seed):
    mode = transport.choose_mode(bits, safe_snr_db)
    agreed = transport.plan(bits, mode)
    assert agreed.channel_uses == transport.channel_uses(bits, safe_snr_db)
    sent = payload(bits, seed)
    (symbols,) = transport.send([sent], [agreed])
    assert symbols.shape == (agreed.channel_uses,)
    if bits:
        assert symbols.abs().square().mean().item() == pytest.approx(1, abs=1e-5)
    (received,) = carried([sent], [agreed], safe_snr_db, seed=seed)
    assert received.ok
    np.testing.assert_array_equal(received.bits, sent)
    (received,) = carried([sent], [agreed], transport.required_snr_db(mode, agreed.block_payload + 24) - 8, seed=seed)
    if agreed.block_payload + transport.CHECK >= MODES[mode].shortest_block:  # one that is filled up may still arrive
        assert received.ok == (bits == 0)
    np.testing.assert_array_equal(received.leading_bits, sent[: len(received.leading_bits)])


@pytest.mark.slow
@pytest.mark.parametrize("fading", ["none", "fast"])
def test_of_two_hundred_payloads_hardly_any_is_lost_at_the_safe_snr_and_none_is_silently_wrong(fading):
    """0.2 are expected to be lost; far below the safe SNR all are."""
    random, lost = np.random.default_rng(5), 0
    for seed in range(200):
        bits, safe_snr_db = int(random.integers(0, 40_001)), float(random.uniform(-6, 24))
        mode = transport.choose_mode(bits, safe_snr_db, fading=fading)
        agreed, sent = transport.plan(bits, mode), payload(bits, seed)
        needed = transport.required_snr_db(mode, agreed.block_payload + 24, fading=fading)
        (received,) = carried([sent], [agreed], safe_snr_db, seed=seed, fading=fading == "fast")
        lost += not received.ok
        np.testing.assert_array_equal(received.leading_bits, sent[: len(received.leading_bits)])
        (received,) = carried([sent], [agreed], needed - 8, seed=seed, fading=fading == "fast")
        if agreed.block_payload + transport.CHECK >= MODES[mode].shortest_block:
            assert received.ok == (bits == 0)
    assert lost <= 2


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("mode", [5, 20, 60, 90, 140, 180, 240])
def test_constant_payloads_are_as_good_as_random_ones(value, mode):
    sent = np.full(9000, value, dtype=np.uint8)
    agreed = transport.plan(9000, mode)
    (symbols,) = transport.send([sent], [agreed])
    assert abs(symbols.mean().item()) < 0.1
    (received,) = carried([sent], [agreed], transport.required_snr_db(mode, agreed.block_payload + 24))
    assert received.ok
    np.testing.assert_array_equal(received.bits, sent)


@pytest.mark.parametrize("order", [4, 6, 8, 10])
def test_short_payloads_of_many_levels_arrive(order):
    """As short as the table goes, and half of it, which is filled up."""
    index, mode = next((index, mode) for index, mode in enumerate(MODES) if mode.bits_per_symbol == order)
    for bits in (mode.shortest_block - transport.CHECK, (mode.shortest_block - transport.CHECK) // 2):
        plans = [transport.plan(bits, index)] * 60
        assert plans[0].channel_uses == SHORTEST[order]
        sent = [payload(bits, seed) for seed in range(60)]
        lost = [not received.ok for received in carried(sent, plans, transport.required_snr_db(index, bits + 24))]
        assert sum(lost) <= 1


def test_very_short_payloads_are_sent_in_qpsk():
    assert MODES[transport.choose_mode(20, 30.0)].bits_per_symbol == 2
    mode, bits = transport.best_mode(39, 30.0)
    assert MODES[mode].bits_per_symbol == 2
    assert bits > 0
    assert MODES[transport.choose_mode(2000, 30.0)].bits_per_symbol == 10


@pytest.mark.parametrize("variance", [1.0, 1e6, 1e30, 1e-6])
def test_noise_alone_is_never_a_payload(variance):
    for mode in (10, 60, 90, 140, 180, 240):
        agreed = transport.plan(5000, mode)
        for y in (torch.zeros(agreed.channel_uses, dtype=torch.complex64), torch.randn(agreed.channel_uses) + 0j):
            (received,) = transport.receive([y], [agreed], noise_variance=[variance])
            assert not received.ok


def test_images_in_one_call_are_images_alone():
    plans = [
        transport.plan(bits, mode)
        for bits, mode in ((9000, 20), (0, 3), (9000, 20), (500, 90), (20_000, 130), (9000, 130))
    ]
    sent = [payload(agreed.payload_bits, seed) for seed, agreed in enumerate(plans)]
    together = transport.send(sent, plans)
    for symbols, bits, agreed in zip(together, sent, plans, strict=True):
        torch.testing.assert_close(symbols, transport.send([bits], [agreed])[0])
    for received, bits in zip(carried(sent, plans, 18), sent, strict=True):
        assert received.ok
        np.testing.assert_array_equal(received.bits, bits)


def test_one_lost_block_is_said_and_what_came_before_it_is_kept():
    agreed = transport.plan(22_000, 140)
    assert agreed.blocks == 4
    sent = payload(22_000)
    (symbols,) = transport.send([sent], [agreed])
    order = transport.spread(agreed.channel_uses)
    third = slice(agreed.channel_uses // 2, 3 * agreed.channel_uses // 4)
    symbols[torch.isin(order, torch.arange(agreed.channel_uses)[third])] = 0
    (received,) = transport.receive([symbols], [agreed], noise_variance=[0.01])
    assert received.blocks_ok.tolist() == [True, True, False, True]
    assert not received.ok
    np.testing.assert_array_equal(received.leading_bits, sent[: 2 * agreed.block_payload])


@given(st.integers(1, 60_000), st.floats(-9, 27), st.sampled_from(["none", "fast"]))
@settings(max_examples=20, deadline=None)
def test_no_safe_mode_takes_fewer_channel_uses(bits, snr_db, fading):
    """Beside all modes, tried one by one."""
    safe = []
    for index in range(len(MODES)):
        candidate = transport.plan(bits, index)
        needed = required_snr_db(index, candidate.block_payload + transport.CHECK, fading=fading)
        safe += [candidate.channel_uses] if needed <= snr_db else []
    assume(safe)
    assert transport.channel_uses(bits, snr_db, fading=fading) == min(safe)


@given(st.integers(1, 40_000), st.integers(0, len(MODES) - 1), st.floats(1, 3))
@settings(max_examples=200, deadline=None)
def test_a_payload_takes_exactly_the_uses_it_is_given(bits, mode, factor):
    natural = transport.plan(bits, mode)
    uses = math.ceil(natural.channel_uses * factor)
    agreed = transport.plan(bits, mode, channel_uses=uses)
    blocks = agreed.block_list()
    limit = agreed.blocks * transport.longest(MODES[mode].bits_per_symbol)
    assert sum(block.channel_uses for block in blocks) == min(uses, limit)
    assert len(blocks) == agreed.blocks
    assert sum(block.payload for block in blocks) >= bits > sum(block.payload for block in blocks) - agreed.blocks
    assert all(block.code.information <= 8448 for block in blocks)
    assert all(block.code.information / block.code.coded <= 0.95 for block in blocks)
    assert all(sum(block.counts) in (1, 2 * block.channel_uses) for block in blocks)


@given(st.integers(1, 40_000), st.integers(0, len(MODES) - 1))
@settings(deadline=None)
def test_too_few_uses_are_refused(bits, mode):
    """The fewest that are taken are those of a natural plan, or fewer that a code below rate 0.95 still fills."""
    uses = int(bits / (0.95 * MODES[mode].bits_per_symbol))
    assume(uses > 0)
    with pytest.raises(ValueError, match=f"channel_uses must be enough for {bits} bits in mode {mode}, .* got {uses}"):
        transport.plan(bits, mode, channel_uses=uses)


def test_more_uses_make_a_payload_safer():
    sent = payload(4000)
    for uses, ok in ((3000, False), (7000, True)):
        agreed = transport.plan(4000, 25, channel_uses=uses)
        (received,) = carried([sent], [agreed], -1.0)
        assert received.ok is ok


@given(st.integers(2, 40), st.integers(1, 4), st.sampled_from([4, 6, 8, 10]))
@settings(deadline=None)
def test_a_payload_that_is_safe_stays_so_in_the_uses_that_there_are(snr_db, blocks, order):
    """One use more than blocks may have does not make another block, which would be shorter and need more."""
    uses = blocks * transport.longest(order) + 1
    mode, bits = transport.best_mode(uses, float(snr_db))
    agreed = transport.plan(bits, mode, channel_uses=uses)
    assert agreed.blocks == transport.plan(bits, mode).blocks
    assert required_snr_db(mode, agreed.block_payload + transport.CHECK) <= snr_db
    natural = max(block.channel_uses for block in transport.plan(bits, mode).block_list())
    assert min(block.channel_uses for block in agreed.block_list()) >= natural - 1


def test_uses_that_blocks_leave_hold_known_symbols():
    natural = transport.plan(9000, 140)
    agreed = transport.plan(9000, 140, channel_uses=3 * natural.channel_uses)
    assert sum(block.channel_uses for block in agreed.block_list()) == agreed.blocks * transport.longest(6)
    (symbols,) = transport.send([payload(9000)], [agreed])
    assert symbols.abs().square().mean().item() == pytest.approx(1, abs=1e-5)
    (received,) = carried([payload(9000)], [agreed], 12.0)
    np.testing.assert_array_equal(received.bits, payload(9000))


@given(st.integers(0, 10_000), st.integers(0, len(MODES) - 1))
def test_the_largest_payload_fits_and_one_bit_more_does_not(uses, mode):
    bits = transport.largest_payload(uses, mode)
    assert transport.plan(bits, mode).channel_uses <= uses
    assert transport.plan(bits + 1, mode).channel_uses > uses


def test_positions_without_a_payload_hold_known_symbols_of_unit_power():
    agreed = transport.plan(0, 50, channel_uses=300)
    (symbols,) = transport.send([payload(0)], [agreed])
    torch.testing.assert_close(symbols.abs(), torch.ones(300))
    assert torch.equal(symbols, transport.send([payload(0)], [agreed])[0])
    (received,) = transport.receive([symbols], [agreed], noise_variance=[1.0])
    assert received.ok
    assert received.bits.size == 0


@pytest.mark.parametrize("safe_snr_db", [4.0, 12.0])
def test_fades_that_are_known(safe_snr_db):
    mode = transport.choose_mode(12_000, safe_snr_db, fading="fast")
    agreed = transport.plan(12_000, mode)
    assert agreed.channel_uses > transport.channel_uses(12_000, safe_snr_db)
    sent = payload(12_000)
    (received,) = carried([sent], [agreed], safe_snr_db, fading=True)
    assert received.ok
    np.testing.assert_array_equal(received.bits, sent)


def test_repetitions_meet_different_fades():
    """A quarter of the symbols is wiped out in one burst; at rate 1/16 every bit is repeated, and all arrive."""
    agreed = transport.plan(2000, 3)
    sent = payload(2000)
    (symbols,) = transport.send([sent], [agreed])
    fades = torch.ones_like(symbols)
    fades[: len(symbols) // 4] = 0
    variance = 10 ** (-transport.required_snr_db(3, 2024) / 10) / 2
    noise = torch.randn(symbols.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    (received,) = transport.receive(
        [fades * symbols + variance**0.5 * noise], [agreed], noise_variance=[variance], csi=[fades]
    )
    assert received.ok


def test_plans_are_hashable_integers():
    assert len({transport.plan(100, 3), transport.plan(100, 3)}) == 1
    assert BlockCode(300, 600) == BlockCode(300, 600)


PLAN = transport.Plan(10, 30, 20)
SYMBOLS = torch.zeros(20, dtype=torch.complex64)


def receive(symbols=SYMBOLS, noise_variance=1.0, csi=None):
    return transport.receive([symbols], [PLAN], noise_variance=[noise_variance], csi=[csi])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transport.plan(-1, 0), "payload_bits must be 0 or more, got -1"),
        (lambda: transport.plan(10, 999), f"mode must be an index from 0 to {len(MODES) - 1}, got 999"),
        (lambda: transport.plan(10, 3, channel_uses=0), "channel_uses must be positive for 10 bits, got 0"),
        (lambda: transport.plan(100, 60, channel_uses=10), "channel_uses must be enough for 100 bits .* got 10"),
        (lambda: transport.choose_mode(1000, -20.0), "safe_snr_db must be at least -.* for 1000 bits, got -20.0"),
        (lambda: transport.choose_mode(1000, math.nan), "safe_snr_db must be at least -.* for 1000 bits, got nan"),
        (lambda: transport.send([payload(9)], [PLAN]), "payload must have the plan's 10 bits, got 9"),
        (lambda: receive(SYMBOLS[:5]), r"symbols must be the plan's 20 channel uses, got shape \(5,\)"),
        (lambda: receive(SYMBOLS * math.nan), "symbols must be finite, got NaN or infinity"),
        (lambda: receive(noise_variance=-1.0), "noise_variance must be 0 or more, got a negative number or NaN"),
        (lambda: receive(csi=SYMBOLS[:5]), r"csi must have the symbols' shape \(20,\), got \(5,\)"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
