"""The facts of the published networks, as the extractors' tests read them."""

from extractors.conftest import fill_by_rule, parity_folder, read_reference, read_shapes  # noqa: F401
