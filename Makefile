PYTHON ?= python

SPHINX = $(PYTHON) -m sphinx -W --keep-going --quiet -b html

.PHONY: check lint types test format docs docs-fast

check: lint types test docs-fast

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:
	$(PYTHON) -m pyright --pythonpath "$$($(PYTHON) -c 'import sys; print(sys.executable)')"

test:
	$(PYTHON) -m pytest

format:
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

# Every page, with the examples run.
docs:
	$(PYTHON) docs/check_snippets.py
	$(SPHINX) docs docs/_build/html
	@echo "open docs/_build/html/index.html"

# The same checks without running the examples.
docs-fast:
	$(PYTHON) docs/check_snippets.py
	$(SPHINX) -D plot_gallery=0 docs docs/_build/fast
