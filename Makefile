# Every target is one command on a machine that has only Python, make and git: it makes .venv when it is missing
# and installs again when pyproject.toml changes.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --no-input --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test lint docs bench clean

help:
	@echo "make run    the rare-earths counterfactual, into results/rare-earths (replaces the previous run)"
	@echo "make test   the tests"
	@echo "make lint   style, types, import directions"
	@echo "make docs   the documentation, into docs/_build/html"
	@echo "make bench  the benchmarks, into docs/benchmarks"
	@echo "make clean  remove the environment, caches and built documentation; results stay"

# --force: the target owns this folder, so that it can be repeated.
run: $(VENV)/.installed
	$(BIN)/exacthat run rare-earths --out results/rare-earths --force

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) docs/_build docs/reference/generated .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; v = "%d.%d" % sys.version_info[:2]; sys.version_info >= (3, 11) or sys.exit("exacthat needs Python 3.11 or later and found " + v + ": make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --editable .
	touch $@

$(VENV)/.installed-%: $(VENV)/.installed
	$(PIP) install --editable '.[$*]'
	touch $@
