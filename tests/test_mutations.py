"""The listed mutations fit the code; `python tests/mutations.py` runs them."""

import ast

import pytest
from mutation_list import CHECKOUT, MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_mutation_fits_its_file_and_its_test_is_there(mutation):
    assert mutation.times_found == 1
    assert (CHECKOUT / "tests" / mutation.test).is_file()
    source = (CHECKOUT / "semcomm" / mutation.file).read_text(encoding="utf-8")
    broken = ast.dump(ast.parse(source.replace(mutation.old, mutation.new)))  # Python still, or its test proves nothing
    assert broken != ast.dump(ast.parse(source))


def test_no_mutation_is_listed_twice():
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 25
