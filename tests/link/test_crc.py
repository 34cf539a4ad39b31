"""Checks against polynomial division and Sionna's."""

import numpy as np
import pytest

from semcomm.link.bits import bits_to_bytes, bits_to_integer, bytes_to_bits, integer_to_bits
from semcomm.link.crc import crc_bits, crc_holds, with_crc

POLYNOMIALS = {"16": "10001000000100001", "24B": "1100000000000000001100011"}  # 3GPP TS 38.212, Section 5.1


def divided(bits, name):
    divisor = [int(bit) for bit in POLYNOMIALS[name]]
    rest = [*bits.tolist(), *[0] * (len(divisor) - 1)]
    for position in range(len(bits)):
        if rest[position]:
            for index, bit in enumerate(divisor):
                rest[position + index] ^= bit
    return rest[len(bits) :]


@pytest.mark.parametrize("name", ["16", "24B"])
@pytest.mark.parametrize("length", [0, 1, 2, 17, 64, 333])
def test_crc_is_the_remainder_of_the_division(name, length):
    rows = np.random.default_rng(length).integers(0, 2, (3, length), dtype=np.uint8)
    assert crc_bits(rows, name).tolist() == [divided(row, name) for row in rows]


@pytest.mark.parametrize("name", ["16", "24B"])
def test_every_single_and_double_error_is_noticed(name):
    row = with_crc(np.random.default_rng(0).integers(0, 2, 40, dtype=np.uint8), name)
    assert crc_holds(row, name)
    flips = np.eye(row.size, dtype=np.uint8)
    assert not crc_holds(row ^ flips, name).any()
    pairs = flips[:, None] ^ flips[None]
    noticed = ~crc_holds(row ^ pairs, name)
    assert noticed[~np.eye(row.size, dtype=bool)].all()


def test_bytes_and_integers_there_and_back():
    data = bytes(range(256))
    assert bits_to_bytes(bytes_to_bits(data)) == data
    assert bits_to_integer(integer_to_bits(1234, 13)) == 1234
    assert bits_to_integer(np.zeros(0, dtype=np.uint8)) == 0
    with pytest.raises(ValueError, match=r"value must be from 0 to 2\*\*3 - 1 to fit 3 bits, got 8"):
        integer_to_bits(8, 3)
