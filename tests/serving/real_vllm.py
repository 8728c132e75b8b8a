"""The real engine: vLLM's CPU build in an environment of its own, with tiny random weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lightemma.prompts.sets import load_prompts
from tests.serving import tiny_served

ENVIRONMENT = Path(
    os.environ.get("LIGHTEMMA_VLLM_ENV") or Path(__file__).resolve().parents[2] / ".vllm-venv"
).absolute()
needs_vllm = pytest.mark.skipif(
    not (ENVIRONMENT / "bin" / "python").exists(), reason=f"{ENVIRONMENT.name} is not there; `make vllm` makes it"
)


def save_model(folder: Path) -> Path:
    """Weights whose tokenizer has learned the text of the prompts."""
    pytest.importorskip("torch", reason="the tiny weights are made with torch: pip install 'lightemma[local]'")
    return tiny_served.save(folder, texts=tuple(load_prompts("three-stage").templates.values()))


def settings(model: Path, marker: str = "", **options: Any) -> dict[str, Any]:
    """A model's YAML, as values, that serves ``model`` on this machine's CPU with little memory.

    Args:
        model: folder of the weights.
        marker: is in the environment of all of the server's processes, for tests that look for them.
        options: over the others.
    """
    extra = ["--enforce-eager", "--max-num-seqs", "8", "--enable-prompt-tokens-details"]
    env = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "TEST_FOLDER": marker}
    return {
        "name": "tiny",
        "provider": "vllm",
        "model": str(model),
        "max_output_tokens": 16,
        "temperature": 0.0,
        "limits": {"timeout_s": 120},
        "options": {
            "python": str(ENVIRONMENT),
            "cpu": True,
            "dtype": "float32",
            "max_model_len": 2048,
            "startup_timeout_s": 400,
            "extra": extra,
            "env": env,
            **options,
        },
    }
