"""Ways to break the package, one line of code each, and the test file that must notice."""

from pathlib import Path
from typing import NamedTuple

import mutations_beside_hops
import mutations_of_hops
import mutations_of_link

CHECKOUT = Path(__file__).resolve().parent.parent


class Mutation(NamedTuple):
    """A text, found exactly once in a file of `semcomm/`, what replaces it, and a test file in `tests/`."""

    name: str
    file: str
    old: str
    new: str
    test: str

    @property
    def times_found(self) -> int:
        """How often the text is in its file; 0 without the file."""
        path = CHECKOUT / "semcomm" / self.file
        return path.read_text(encoding="utf-8").count(self.old) if path.is_file() else 0


MUTATIONS = tuple(
    Mutation(name, file, old, new, test)
    for file, test, listed in (*mutations_of_hops.LISTED, *mutations_of_link.LISTED, *mutations_beside_hops.LISTED)
    for name, (old, new) in listed.items()
)
