# Each target does all of its own set-up: on a fresh clone, `make demo` is enough.
#   make demo PYTHON=python3.12     another Python (3.11 or newer)

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Twice quiet: errors only; each target says itself what it is about to do.
INSTALL := $(PIP) install -qq --constraint constraints.txt
# A stamp is stale when what it was installed from has changed.
SOURCES := setup.cfg pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs notebooks wheel bench clean

help:
	@echo "make demo    annotate scanpy's packaged blood cells and compare with the published labels"
	@echo "make test    the whole test suite"
	@echo "make lint    ruff check and format"
	@echo "make docs    the documentation, into docs/_build/html"
	@echo "make notebooks  run the documentation's notebooks again and store their output"
	@echo "make wheel   the wheel, into dist/"
	@echo "make bench   the benchmarks"
	@echo "make clean   remove what these made"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "error: $(PYTHON) is older than 3.11; try: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(SOURCES) | $(VENV)/bin/python
	@echo "Installing bioseq into $(VENV): some minutes the first time ..."
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.ready-test: $(SOURCES) | $(VENV)/bin/python
	@echo "Installing bioseq and its test tools into $(VENV): some minutes the first time ..."
	$(INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/.ready

$(VENV)/.ready-bench: $(SOURCES) | $(VENV)/bin/python
	@echo "Installing bioseq and the programs it is measured beside into $(VENV) ..."
	$(INSTALL) --editable '.[bench]'
	@touch $@

$(VENV)/.ready-lint: constraints.txt | $(VENV)/bin/python
	@echo "Installing ruff into $(VENV) ..."
	$(INSTALL) ruff
	@touch $@

$(VENV)/.ready-docs: $(SOURCES) | $(VENV)/bin/python
	@echo "Installing bioseq and its documentation tools into $(VENV) ..."
	$(INSTALL) --editable '.[docs]'
	@touch $@ $(VENV)/.ready

demo: $(VENV)/.ready
	$(BIN)/python -m bioseq_cli.demo

# Two workers with one thread each: more threads than cores make every test slower.
test: $(VENV)/.ready-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q $(PYTEST_ARGS)

lint: $(VENV)/.ready-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: $(VENV)/.ready-docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

notebooks: $(VENV)/.ready-docs
	OMP_NUM_THREADS=1 $(BIN)/python docs/run_notebooks.py

wheel: $(VENV)/.ready-test
	$(BIN)/python -m build --wheel --outdir dist

# An hour or more and some gigabytes in the temporary folder; benchmarks/README.md has smaller sizes.
bench: $(VENV)/.ready-bench
	@set -e; for script in benchmarks/annotate_*.py benchmarks/tokenizers_*.py \
	    benchmarks/kernels_*.py benchmarks/langcell_tokenize.py benchmarks/long_*.py \
	    benchmarks/training_*.py; do \
	    echo "$$script"; $(BIN)/python "$$script"; done

clean:
	rm -rf build dist demo docs/_build *.egg-info .pytest_cache .ruff_cache
