# Every target sets up what it needs in .venv: created when missing, re-used while pyproject.toml is unchanged.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

OLD    := .venv-oldest
OLDPIP := $(OLD)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-oldest.txt

.PHONY: help demo demo-train test test-oldest check bench clean
help:  ## what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/run.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	$(PIP) -e '.[dev]'
	@touch $@

demo: $(VENV)/run.stamp  ## review the bundled transcripts, offline, and write demo/report.html
	@$(BIN)/dca demo
	@echo 'Training, side by side with GRPO, in three minutes: make demo-train'

$(VENV)/train.stamp: $(VENV)/run.stamp
	$(PIP) -e '.[trl,plots]'
	@touch $@

demo-train: $(VENV)/train.stamp  ## train a tiny model with GRPO and with DCA, side by side, and write demo/train.svg
	@$(BIN)/python benchmarks/demo_train.py

test: $(VENV)/dev.stamp  ## everything CI runs: style, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto

check: test  ## the same

$(OLD)/stamp: pyproject.toml constraints-oldest.txt Makefile
	@test -x $(OLD)/bin/python || $(PYTHON) -m venv $(OLD)
	$(OLDPIP) -e '.[trl,math]' 'pytest>=8' 'pytest-xdist>=3.6' 'hypothesis>=6.100'
	@touch $@

test-oldest: $(OLD)/stamp  ## the trainer's tests, with the oldest TRL and transformers supported
	$(OLD)/bin/pytest -n auto tests/trl

bench: $(VENV)/dev.stamp  ## speed and memory, as ratios
	@for f in benchmarks/*.py; do echo "== $$f"; $(BIN)/python $$f || exit 1; done

clean:  ## remove the environment and what the demo wrote
	rm -rf $(VENV) $(OLD) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
