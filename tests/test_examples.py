"""The examples start from names that are documented, take a photograph, and save what they draw where no screen is."""

import ast
import importlib
import re
import tokenize
from pathlib import Path

import pytest
import torch
from PIL import Image

from semcomm.experiments import demo_image

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))
WITHOUT_A_PHOTOGRAPH = {"plot_measured_conventions.py"}


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "semcomm":
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", [*EXAMPLES, ROOT / "examples" / "residual_parts.py"], ids=lambda path: path.stem)
def test_names_are_public_or_documented(path):
    pages = " ".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    for module, name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        public = getattr(importlib.import_module(module), "__all__", ())
        whole = f"automodule:: {module}\n   :members:\n" in pages
        assert name in public or whole or re.search(rf"\b{name}\b", pages), f"{module}.{name}"
        assert not name.startswith("_")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_picture_is_shown_or_saved_and_a_photograph_is_taken(path):
    text = path.read_text(encoding="utf-8")
    name = path.stem.removeprefix("plot_")
    assert text.endswith(f'if plt.get_backend() == "agg":  # no screen\n    plt.savefig("{name}.png")\nplt.show()\n')
    assert ("demo_image(*sys.argv[1:2])" in text) == (path.name not in WITHOUT_A_PHOTOGRAPH)


def test_a_photograph_of_ones_own_takes_the_demos_place(tmp_path):
    Image.new("RGB", (3000, 400), (200, 10, 30)).save(tmp_path / "own.png")
    image = demo_image(tmp_path / "own.png")
    assert image.shape == demo_image().shape
    assert torch.equal(image, torch.tensor([200, 10, 30], dtype=torch.uint8)[:, None, None].expand(image.shape))


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_code_fits_its_column(path):
    """98 characters are what a page shows without scrolling in a window of 1280 pixels; text is wrapped."""
    lines, text = path.read_text(encoding="utf-8").splitlines(), set()
    for token in tokenize.generate_tokens(iter([line + "\n" for line in lines]).__next__):
        if token.type in (tokenize.COMMENT, tokenize.STRING) and token.line.lstrip().startswith(("#", '"""')):
            text.update(range(token.start[0], token.end[0] + 1))
    assert [line for number, line in enumerate(lines, 1) if len(line) > 98 and number not in text] == []
