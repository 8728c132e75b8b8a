# Two commands for a fresh machine with Python 3.11 or newer: make demo, make test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TESTS := $(VENV)/.installed-tests
VLLM_ENV ?= .vllm-venv
LATEST_ENV ?= .venv-latest
LOWEST_ENV ?= .venv-lowest
NUSCENES_ENV ?= .venv-nuscenes

# The tests drive the real SDKs, video, both renderers, Ray and local models, so they need all of these; make test EXTRAS= TORCH=
# goes without, and the tests that miss something say what. TORCH names the release of torch, which is locked like everything else.
EXTRAS ?= openai,anthropic,google,argoverse2,video,sim,ray,tiny,experts,distill
TORCH ?= torch==2.13.0
comma := ,
WITH := dev,docs$(addprefix $(comma),$(EXTRAS))$(if $(TORCH),$(comma)local)

# The versions that everything below is installed with, for Python 3.11 to 3.13 on Linux and macOS; make lock renews them.
LOCK := constraints.txt
LOCKED = $(BIN)/python -m pip install --quiet --constraint $(LOCK) --build-constraint $(LOCK)

.PHONY: install demo test test-quick test-latest test-lowest test-nuscenes test-full check docs lock dist bench vllm clean

install: $(STAMP)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml $(LOCK) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint $(LOCK) pip
	$(LOCKED) --editable ".[tiny]"
	@touch $@

$(TESTS): $(STAMP)
	$(LOCKED) $(TORCH) --editable ".[$(WITH)]"
	@touch $@

demo: $(STAMP)
	$(BIN)/lightemma demo --out demo-out

# A process for each core, eight at most, since each comes to hold about two gigabytes. The tests of a file stay together and in
# order. make test PARALLEL= runs all of them in one process.
PARALLEL ?= --numprocesses auto --maxprocesses 8 --dist loadfile

# Eleven minutes of CPU, so six on two cores. What is marked `slow` runs in test-full.
test: $(TESTS)
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

# Without what draws the city: for a change that pictures cannot feel.
test-quick: $(TESTS)
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow and not pictures"

# The newest of everything; torch too with make test-latest TORCH=torch.
test-latest:
	$(PYTHON) -m venv $(LATEST_ENV)
	$(LATEST_ENV)/bin/python -m pip install --quiet --upgrade pip
	$(LATEST_ENV)/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager $(TORCH) --editable ".[$(WITH)]"
	$(LATEST_ENV)/bin/python -m pytest $(PARALLEL) -m "not slow"

# The oldest that pyproject.toml allows, of what it names; what those need is the newest that fits.
test-lowest:
	$(PYTHON) -m venv --clear $(LOWEST_ENV)
	$(LOWEST_ENV)/bin/python -m pip install --quiet --constraint $(LOCK) uv
	$(LOWEST_ENV)/bin/uv pip install --quiet --python $(LOWEST_ENV)/bin/python --resolution lowest-direct --editable ".[$(WITH)]"
	$(LOWEST_ENV)/bin/python -m pytest $(PARALLEL) -m "not slow"

# nuscenes-devkit holds numpy below 2 and is free for non-commercial use only, so it lives apart, by its own bounds.
$(NUSCENES_ENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(NUSCENES_ENV)
	$(NUSCENES_ENV)/bin/python -m pip install --quiet --upgrade pip
	$(NUSCENES_ENV)/bin/python -m pip install --quiet --editable ".[dev,sim,nuscenes]"
	@touch $@

test-nuscenes: $(NUSCENES_ENV)/.installed
	$(NUSCENES_ENV)/bin/python -m pytest -m nuscenes

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
	$(MAKE) --no-print-directory docs

# The site in site/. A link that leads nowhere, to a page or to a heading, is an error.
docs: $(TESTS)
	$(BIN)/python scripts/write_reference.py docs/reference
	$(BIN)/zensical build --clean --strict

# The newest versions that go together on every Python from 3.11 on, one of each, and torch as named above. Local builds stay out.
lock: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade uv
	printf '%s\n' $(TORCH) | env -u UV_FIND_LINKS $(BIN)/uv pip compile --quiet --upgrade --universal --fork-strategy fewest \
		--python-version 3.11 --custom-compile-command "make lock" --no-emit-index-url --no-emit-find-links \
		--extra all --extra atari --extra dev --extra docs --group lock --constraint - --output-file $(LOCK) pyproject.toml

# What is released: the sources, and the wheel built from them.
dist: | $(BIN)/python
	rm -rf dist
	$(LOCKED) uv
	$(BIN)/uv build --quiet --build-constraints $(LOCK) --out-dir dist

bench: $(TESTS) $(NUSCENES_ENV)/.installed
	$(BIN)/python scripts/bench_scoring.py
	$(NUSCENES_ENV)/bin/python scripts/bench_tables.py
	$(BIN)/python scripts/bench_engine.py
	$(BIN)/python scripts/bench_local.py
	$(BIN)/python scripts/bench_report.py
	$(BIN)/python scripts/bench_world.py
	$(BIN)/python scripts/bench_render.py
	$(BIN)/python scripts/bench_closed_loop.py
	$(BIN)/python scripts/bench_ray.py

clean:
	rm -rf $(VENV) $(VLLM_ENV) $(LATEST_ENV) $(LOWEST_ENV) $(NUSCENES_ENV) demo-out build dist site docs/reference .cache .mypy_cache .ruff_cache .pytest_cache
