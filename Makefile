# Every target sets up what it needs in .venv: created when missing, re-used while pyproject.toml is unchanged.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test check bench clean
help:  ## what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/run.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	$(PIP) -e '.[dev]'
	@touch $@

demo: $(VENV)/run.stamp  ## review the bundled transcripts, offline, and write demo/report.html
	@$(BIN)/dca demo

test: $(VENV)/dev.stamp  ## everything CI runs: style, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto

check: test  ## the same

bench: $(VENV)/dev.stamp  ## speed and memory, as ratios
	@for f in benchmarks/*.py; do echo "== $$f"; $(BIN)/python $$f || exit 1; done

clean:  ## remove the environment and what the demo wrote
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
