# `make help` lists what there is. Everything runs in .venv, made by `make setup`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One more than there are cores: many tests wait for servers and browsers.
WORKERS = $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
# Tests make thousands of ledgers, and each change of one waits for the disk: in memory, where there is room, it does not.
ROOM = $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 {print "TMPDIR=/dev/shm"}')
TESTS = $(ROOM) $(BIN)/python -m pytest -q

.PHONY: help setup demo desk test soak check fix bench clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make the environment (once, and after a change of dependencies)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Holdfast needs Python 3.11 or later; try: make PYTHON=python3.11 setup" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (about a minute) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: $(READY) ## a real case, preserved and followed over 200 simulated days, in under a minute
	@$(BIN)/holdfast demo

desk: $(READY) ## the contact team's desk in a browser: Prefect, a played provider, a few open items; Ctrl-C ends it
	@$(BIN)/holdfast demo --desk

test: $(READY) ## all tests
	@$(TESTS) -n $(WORKERS) --dist loadgroup

soak: $(READY) ## the tests that take hours: a thousand kills, every byte, 540 days of ten thousand holds
	@$(TESTS) -m soak

check: $(READY) ## style, types, architecture and tests: what must be green before a commit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	$(TESTS) -n $(WORKERS) --dist loadgroup

fix: $(READY) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## measure speed, as ratios, in about half an hour; writes bench/results/
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	@$(BIN)/python -m bench

clean: ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
