"""The start of a range coder's bits: nothing uncertain is taken for certain, and nothing certain is withheld."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semcomm.link.entropy import RangeEncoder
from semcomm.link.prefix import PrefixDecoder
from semcomm.link.tables import IntegerTables

TABLES = IntegerTables(np.array([[900, 50, 30, 20], [1, 1, 1, 1]]), escape=False)


def coded(symbols, contexts):
    encoder = RangeEncoder()
    for symbol, context in zip(symbols, contexts, strict=True):
        encoder.encode(np.array([symbol]), np.array([context]), TABLES)
    return encoder.bits()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=120), st.floats(0, 1))
def test_what_is_certain_is_true_and_all_that_the_bits_tell(pairs, share):
    symbols, contexts = (np.array(values) for values in zip(*pairs, strict=True))
    bits = coded(symbols, contexts)
    arrived = int(share * len(bits))
    decoder, certain = PrefixDecoder(bits[:arrived]), 0
    try:
        for symbol, context in pairs:
            assert decoder.decode(np.array([context]), TABLES).tolist() == [symbol]
            certain += 1
    except EOFError:
        pass
    # an interval of size 2^-cost is inside that of the prefix unless the prefix ends on its border
    information = np.cumsum(TABLES.cost(symbols, contexts))
    assert certain <= int((information <= arrived + 1e-3).sum())
    if arrived < len(bits):
        assert certain >= int((information < arrived - 40).sum())


def test_most_of_the_prefix_is_used():
    random = np.random.default_rng(1)
    symbols, contexts = random.integers(0, 4, 4000), np.ones(4000, dtype=int)
    decoder, certain = PrefixDecoder(coded(symbols, contexts)[:2000]), 0
    try:
        while True:
            decoder.decode(np.array([1]), TABLES)
            certain += 1
    except EOFError:
        assert 995 <= certain <= 1000


def test_raw_bits_end_where_the_prefix_does():
    encoder = RangeEncoder()
    encoder.encode_raw(np.arange(64), 8)
    decoder = PrefixDecoder(encoder.bits()[:83])
    assert decoder.decode_raw(10, 8).tolist() == list(range(10))
    with pytest.raises(EOFError, match="end here"):
        decoder.decode_raw(1, 8)
