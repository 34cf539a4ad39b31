"""What tests of hybrid and nested receivers share: a photograph, and the code without networks."""

import pytest
from tiny_codebook import dead_leaves

from semcomm import build_hybrid_code
from semcomm.images import to_float


@pytest.fixture(scope="module")
def image():
    return to_float(dead_leaves(96, 144, 1234))[None]


@pytest.fixture(scope="module")
def hybrid(codebook):
    return build_hybrid_code(codebook=codebook, device="cpu")
