# Two commands for a fresh machine with Python 3.11: make demo, make test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TESTS := $(VENV)/.installed-tests
TORCH ?= torch==2.13.0
VLLM_ENV ?= .vllm-venv

.PHONY: install demo test test-full check bench vllm clean

install: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# The tests drive the real SDKs, both table readers and local models, so they need all extras. TORCH names the build of torch;
# make test TORCH= goes without, and the tests of local models say that they were skipped.
$(TESTS): $(STAMP) pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[dev,nuscenes,openai,anthropic,google,video,sim,ray]"
	$(if $(TORCH),$(BIN)/python -m pip install --quiet $(TORCH) --editable ".[local]")
	@touch $@

demo: $(STAMP)
	$(BIN)/lightemma demo --out demo-out

test: $(TESTS)
	$(BIN)/python -m pytest -m "not slow"

# vLLM's CPU build in an environment of its own, since its pins conflict with ours; minutes, and only for the slow tests.
vllm: $(TESTS)
	$(BIN)/python scripts/make_vllm_env.py $(VLLM_ENV)

test-full: $(TESTS) vllm
	$(BIN)/python -m pytest

check: $(TESTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_imports.py

bench: $(TESTS)
	$(BIN)/python scripts/bench_scoring.py
	$(BIN)/python scripts/bench_tables.py
	$(BIN)/python scripts/bench_engine.py
	$(BIN)/python scripts/bench_local.py
	$(BIN)/python scripts/bench_report.py
	$(BIN)/python scripts/bench_world.py
	$(BIN)/python scripts/bench_render.py
	$(BIN)/python scripts/bench_closed_loop.py
	$(BIN)/python scripts/bench_ray.py

clean:
	rm -rf $(VENV) $(VLLM_ENV) demo-out build dist .mypy_cache .ruff_cache .pytest_cache
