"""Range coding: lossless for any integers, close to the tables' entropy, decided by integers alone."""

import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semcomm.link.entropy import RangeDecoder, RangeEncoder
from semcomm.link.tables import TOTAL, IntegerTables


def random_tables(generator, contexts=60, symbols=33, escape=True):
    scale = generator.uniform(0.5, 6, (contexts, 1))
    shape = np.exp(-np.abs(np.arange(symbols) - symbols // 2) / scale)
    return IntegerTables((5000 * shape).astype(np.int64), low=-(symbols // 2), escape=escape)


def drawn_from(tables, contexts, generator):
    """Symbols with the tables' own frequencies, none escaped."""
    shares = np.cumsum(tables.frequencies / TOTAL, axis=1)[contexts]
    columns = (generator.random(contexts.shape)[..., None] > shares).sum(-1)
    return np.minimum(columns + tables.low, tables.high)


@given(st.integers(0, 2**32), st.integers(0, 400), st.booleans(), st.integers(0, 30))
def test_any_integers_come_back(seed, count, escape, magnitude):
    generator = np.random.default_rng(seed)
    tables = random_tables(generator, contexts=7, symbols=generator.integers(3, 40), escape=escape)
    contexts = generator.integers(0, 7, count)
    limit = 2**magnitude if escape else 0
    symbols = np.concatenate(
        [
            generator.integers(-limit + 1, limit, count // 5) if limit else np.empty(0, dtype=np.int64),
            generator.integers(tables.low, tables.high + 1, count),
        ]
    )[:count]
    encoder = RangeEncoder()
    encoder.encode(symbols, contexts, tables)
    encoder.encode_raw(contexts, 3)
    encoder.encode(symbols[::2], contexts[::2], tables)
    decoder = RangeDecoder(encoder.bits())
    np.testing.assert_array_equal(decoder.decode(contexts, tables), symbols)
    np.testing.assert_array_equal(decoder.decode_raw(count, 3), contexts)
    np.testing.assert_array_equal(decoder.decode(contexts[::2], tables), symbols[::2])


@given(st.integers(0, 2**32), st.integers(0, 60))
def test_zeros_or_anything_after_the_end_may_follow(seed, count):
    """The shortened end lies where zeros follow; a longer padding changes nothing."""
    generator = np.random.default_rng(seed)
    encoder = RangeEncoder()
    values = generator.integers(0, 8, count)
    encoder.encode_raw(values, 3)
    bits = encoder.bits()
    assert bits.size <= 3 * count + 2
    padded = np.concatenate([bits, np.zeros(generator.integers(0, 200), dtype=np.uint8)])
    np.testing.assert_array_equal(RangeDecoder(padded).decode_raw(count, 3), values)


def test_contexts_may_depend_on_what_was_decoded():
    generator = np.random.default_rng(3)
    tables = random_tables(generator, contexts=4, symbols=9)
    rows = generator.integers(-3, 4, (20, 50))
    encoder = RangeEncoder()
    before = np.zeros(50, dtype=np.int64)
    for row in rows:
        encoder.encode(row, np.minimum(np.abs(before), 3), tables)
        before = row
    decoder = RangeDecoder(encoder.bits())
    before = np.zeros(50, dtype=np.int64)
    for row in rows:
        before = decoder.decode(np.minimum(np.abs(before), 3), tables)
        np.testing.assert_array_equal(before, row)


def test_cost_is_the_entropy_and_what_the_coder_takes():
    generator = np.random.default_rng(0)
    tables = random_tables(generator)
    contexts = generator.integers(0, 60, (150, 200))
    symbols = drawn_from(tables, contexts, generator)
    symbols[0, :50] = 1000
    shares = tables.frequencies / TOTAL
    entropy = -(shares * np.log2(shares)).sum(axis=1)[contexts].sum()
    encoder = RangeEncoder()
    started = time.perf_counter()
    encoder.encode(symbols, contexts, tables)
    bits = encoder.bits()
    decoded = RangeDecoder(bits).decode(contexts, tables)
    assert time.perf_counter() - started < 0.2  # 30,000 symbols there and back; 8 ms on an idle core
    np.testing.assert_array_equal(decoded, symbols)
    cost = tables.cost(symbols, contexts).sum()
    assert abs(bits.size - cost) < 0.001 * cost + 64
    # 50 of 30,000 symbols are escapes, which the tables did not expect
    assert abs(cost - 50 * 30 - entropy) < 0.01 * entropy


def test_the_coder_gets_exact_numbers():
    """Partial sums and scaled partial sums in float64 equal those in rational numbers: nothing is ever rounded."""
    tables = random_tables(np.random.default_rng(1), contexts=5, symbols=200)
    for frequencies in tables.frequencies:
        probabilities = frequencies / TOTAL
        scale = float(2**24 - frequencies.size)
        exact, summed = Fraction(0), 0.0
        for probability, frequency in zip(probabilities.tolist(), frequencies.tolist(), strict=True):
            assert Fraction(summed) == exact
            assert Fraction(summed * scale) == exact * (2**24 - frequencies.size)
            exact += Fraction(frequency, TOTAL)
            summed += probability
        assert summed == 1.0


def test_known_bits():
    """A change of the coder, of its library or of the tables' rounding shows here: old bits must stay readable."""
    tables = IntegerTables(np.array([[3, 50, 7, 0], [1, 1, 1, 1]]), low=-1)
    encoder = RangeEncoder()
    encoder.encode(np.array([0, 1, -1, 0, -40]), np.array([0, 1, 1, 0, 0]), tables)
    encoder.encode_raw(np.array([1000]), 10)
    assert "".join(map(str, encoder.bits())) == KNOWN


@pytest.mark.parametrize("damage", range(50))
def test_damaged_bits_end_in_other_symbols_or_one_error(damage):
    generator = np.random.default_rng(damage)
    tables = random_tables(generator, contexts=3)
    contexts = generator.integers(0, 3, 200)
    decoder = RangeDecoder(generator.integers(0, 2, 300).astype(np.uint8))
    try:
        symbols = decoder.decode(contexts, tables)
    except ValueError:
        with pytest.raises(ValueError, match="bits must come from a RangeEncoder"):
            decoder.decode(contexts, tables)
    else:
        assert symbols.shape == contexts.shape


def test_tables_are_integers_that_add_up():
    counts = np.array([[0, 0, 0], [1, 2**39, 5], [7, 7, 7]])
    tables = IntegerTables(counts)
    assert tables.frequencies.dtype == np.int64
    assert tables.frequencies.sum(axis=1).tolist() == [TOTAL] * 3
    assert tables.frequencies.min() >= 1
    assert tables.contexts == 3
    assert (tables.low, tables.high) == (0, 1)


TABLES = IntegerTables(np.ones((2, 4), dtype=np.int64), low=-1, escape=False)


@pytest.mark.parametrize(
    ("kind", "call", "message"),
    [
        (TypeError, lambda: IntegerTables(np.ones((1, 4))), "counts must be integers, got float64"),
        (ValueError, lambda: IntegerTables(np.ones(4, dtype=int)), r"counts must be \(contexts, .* got \(4,\)"),
        (ValueError, lambda: IntegerTables(np.array([[1, -1]])), "counts must be from 0 to 2\\*\\*40 - 1, got -1 to 1"),
        (TypeError, lambda: TABLES.cost(np.zeros(1), np.zeros(1, dtype=int)), "symbols must be integers, got float64"),
        (TypeError, lambda: TABLES.cost(np.zeros(1, dtype=int), np.zeros(1)), "contexts must be integers, got float64"),
        (ValueError, lambda: TABLES.cost(np.array([3]), np.array([0])), "symbols must be from -1 to 2 in tables with"),
        (ValueError, lambda: TABLES.cost(np.array([0]), np.array([2])), "contexts must be from 0 to 1, got 2 to 2"),
        (ValueError, lambda: TABLES.cost(np.array([0, 1]), np.array([1])), r"equal shapes, got \(2,\) and \(1,\)"),
        (ValueError, lambda: TABLES.cost(np.array([1 << 30]), np.array([1])), r"symbols must be below 2\*\*30"),
        (TypeError, lambda: RangeEncoder().encode_raw(np.zeros(1), 3), "values must be integers, got float64"),
        (ValueError, lambda: RangeEncoder().encode_raw(np.array([8]), 3), r"values must be from 0 to 2\*\*3 - 1"),
        (ValueError, lambda: RangeEncoder().encode_raw(np.array([8]), 17), "width must be from 0 to 16 bits, got 17"),
        (ValueError, lambda: RangeDecoder(np.zeros(9, dtype=int)).decode_raw(1, -1), "width must be from 0 to 16"),
        (ValueError, lambda: RangeDecoder(np.array([2])), "bits must be zeros and ones"),
        (ValueError, lambda: RangeDecoder(np.zeros((2, 2))), r"bits must be one-dimensional, .* \(2, 2\)"),
        (TypeError, lambda: RangeDecoder([0, 1]), "bits must be a numpy array, got list"),
    ],
)
def test_bad_input(kind, call, message):
    with pytest.raises(kind, match=message):
        call()


KNOWN = "1100100100111110011011001000110000010101011101"
