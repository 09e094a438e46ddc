# `make play` and `make test` are all a fresh machine needs: each installs into .venv what it lacks.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# PyPI's default torch on Linux is several GB of CUDA; TORCH can name any other build that pip can reach.
TORCH ?= torch==2.13.0
JOBS ?= 2
OUT ?= out
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help play train test slow lint types home clean python

help: ## Show what there is
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "ats-sim needs Python 3.11 (PyBullet has no wheels for newer ones), this is %d.%d. Install it, e.g. \"uv python install 3.11\" or \"pyenv install 3.11\", then: make PYTHON=python3.11 $(MAKECMDGOALS)" % sys.version_info[:2])'

$(BIN)/.runtime: pyproject.toml | python
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --editable .
	touch $@

$(BIN)/.train: pyproject.toml $(BIN)/.runtime
	$(BIN)/pip install --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --disable-pip-version-check --editable ".[train]"
	touch $@

$(BIN)/.dev: pyproject.toml $(BIN)/.train
	$(BIN)/pip install --disable-pip-version-check --editable ".[dev]"
	touch $@

train: $(BIN)/.train ## Add what synthesizing, reconstructing and training need

play: $(BIN)/.runtime ## Walk through the bundled home; without a display, write play.mp4
	$(BIN)/ats play

test: $(BIN)/.dev lint types ## Everything that CI runs
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile

slow: $(BIN)/.dev ## The tests that take minutes
	$(BIN)/python -m pytest -q -m slow

lint: $(BIN)/.dev ## Style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(BIN)/.dev ## Types
	$(BIN)/mypy

home: $(BIN)/.dev ## Rebuild the bundled home from nothing (resumes where it was stopped)
	$(BIN)/python -m benchmarks.make_home --work $(OUT)/home

clean: ## Remove the virtual environment and built files
	rm -rf $(VENV) build dist *.egg-info
