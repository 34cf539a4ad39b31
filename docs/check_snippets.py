"""Check the documentation: its code runs, its badges are true, and no public name is missing.

`>>>` blocks of docs/*.md run as doctests, the README's Python blocks as a script.
"""

import doctest
import re
import sys
from importlib.metadata import metadata, requires
from pathlib import Path
from urllib.parse import unquote

import semcomm

DOCS = Path(__file__).parent
WIDEST = 98
"""Characters of a line of code that a page shows without scrolling in a window of 1280 pixels."""
FENCED = re.compile(r"^```([^`\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ERROR = re.compile(r"^Traceback .*?(?=^>>> |\Z)", re.MULTILINE | re.DOTALL)
"""What an error prints, which the style sheet wraps."""
BLOCK = re.compile(r"^```(pycon|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def check_page(page: Path) -> doctest.TestResults:
    """Run a page's `>>>` blocks in order, in one namespace."""
    text = page.read_text(encoding="utf-8")
    examples = []
    for block in BLOCK.finditer(text):
        if block[1] != "pycon":
            continue
        first_line = text[: block.start(2)].count("\n")
        for example in doctest.DocTestParser().get_examples(block[2], page.name):
            example.lineno += first_line
            examples.append(example)
    test = doctest.DocTest(examples, {}, page.name, str(page), 0, None)
    return doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)


def check_readme(readme: Path) -> None:
    """Run the README's Python blocks in order, in one namespace."""
    namespace = {}
    for block in BLOCK.finditer(readme.read_text(encoding="utf-8")):
        exec(compile(block[2], readme.name, "exec"), namespace)


def check_badges(readme: Path) -> None:
    """Compare what the README's badges say with the package's own metadata."""
    said = unquote(" ".join(re.findall(r"/badge/(\S+?)\)", readme.read_text(encoding="utf-8")))).replace("--", "-")
    package = metadata("semcomm")
    torch = next(line for line in requires("semcomm") or [] if line.startswith("torch>="))
    true = [
        f"python-{package['Requires-Python'].removeprefix('>=')} or newer",
        f"pytorch-{torch.removeprefix('torch>=')} or newer",
        f"licence-{package['License-Expression']}",
    ]
    wrong = [badge for badge in true if badge not in said]
    if wrong:
        sys.exit(f"{readme.name}: no badge says {', '.join(wrong)}")


def check_reference(page: Path) -> None:
    """Find every public name in the API reference, documented and in the table at its head."""
    text = page.read_text(encoding="utf-8")
    missing = [
        name
        for name in semcomm.__all__
        if f"`~semcomm.{name}`" not in text or not re.search(rf"^\.\. (auto\w+|data):: {name}$", text, re.MULTILINE)
    ]
    if missing:
        sys.exit(f"{page.name}: {', '.join(missing)} not documented")


def check_widths(page: Path) -> None:
    """Find no line of code that is wider than its column."""
    blocks = FENCED.findall(page.read_text(encoding="utf-8"))
    code = "".join(ERROR.sub("", block) for kind, block in blocks if not kind.startswith("{"))
    wide = [line for line in code.splitlines() if len(line) > WIDEST]
    if wide:
        sys.exit(f"{page.name}: {len(wide)} lines of code are wider than {WIDEST} characters, the first is: {wide[0]}")


if __name__ == "__main__":
    check_badges(DOCS.parent / "README.md")
    check_reference(DOCS / "api.md")
    check_readme(DOCS.parent / "README.md")
    for page in sorted(DOCS.glob("*.md")):
        check_widths(page)
    results = {page.name: check_page(page) for page in sorted(DOCS.glob("*.md"))}
    tried, failed = (sum(getattr(result, count) for result in results.values()) for count in ("attempted", "failed"))
    print(f"{tried} examples in {len(results)} pages, {failed} failed")
    sys.exit(failed > 0 or tried == 0)
