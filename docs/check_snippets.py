"""Run the code in the documentation: `>>>` blocks of docs/*.md as doctests, the README's Python as a script."""

import doctest
import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
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


if __name__ == "__main__":
    check_readme(DOCS.parent / "README.md")
    results = {page.name: check_page(page) for page in sorted(DOCS.glob("*.md"))}
    tried, failed = (sum(getattr(result, count) for result in results.values()) for count in ("attempted", "failed"))
    print(f"{tried} examples in {len(results)} pages, {failed} failed")
    sys.exit(failed > 0 or tried == 0)
