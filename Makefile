# Two commands for a fresh machine with Python 3.11: make demo, make test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test test-full check bench clean

install: $(STAMP)

# nuscenes-devkit comes with the tests: both table readers are checked against each other.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev,nuscenes,openai]"
	@touch $@

demo: $(STAMP)
	$(BIN)/lightemma demo --out demo-out

test: $(STAMP)
	$(BIN)/python -m pytest -m "not slow"

test-full: $(STAMP)
	$(BIN)/python -m pytest

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_imports.py

bench: $(STAMP)
	$(BIN)/python scripts/bench_scoring.py
	$(BIN)/python scripts/bench_tables.py

clean:
	rm -rf $(VENV) demo-out build dist .mypy_cache .ruff_cache .pytest_cache
