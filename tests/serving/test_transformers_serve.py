"""``transformers serve`` by the same launcher: the engine is real, and takes seconds to start."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.util import find_spec

import pytest

from lightemma.backends.base import Message, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.backends.transformers_serve import TransformersServeBackend
from lightemma.serving.pool import ServerPool
from tests.backends import tiny_models
from tests.serving.kit import carrying

NEEDS = ("torch", "transformers", "accelerate", "fastapi", "uvicorn")
ABSENT = [name for name in NEEDS if find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(ABSENT),
        reason=f"{', '.join(ABSENT)} not installed: pip install 'lightemma[local]' 'transformers[serving]'",
    ),
]


def test_a_picture_is_answered_and_nothing_is_left(tmp_path):
    weights = tiny_models.save("idefics3", tmp_path / "idefics3")
    # The harness's own import path is not passed on unless it is named.
    env = {"HF_HUB_OFFLINE": "1", "TEST_FOLDER": str(tmp_path), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    config = ModelConfig(
        name="tiny",
        provider="transformers-serve",
        model=str(weights),
        max_output_tokens=16,
        options={"python": sys.executable, "cpu": True, "dtype": "float32", "startup_timeout_s": 200, "env": env},
    )

    async def scenario():
        backend = TransformersServeBackend(config)
        backend.prepare_run(tmp_path / "run", ServerPool(tmp_path))
        try:
            question = Message("user", (PicturePart(tiny_models.picture(1)), TextPart("What is ahead?")))
            return await backend.generate(Request((question,), "token", "scene"))
        finally:
            await backend.aclose()

    completion = asyncio.run(scenario())
    assert completion.usage is not None
    assert completion.usage.input > 0
    assert carrying(f"TEST_FOLDER={tmp_path}") == []
    assert '"how": "stopped"' in (tmp_path / "run" / "server.jsonl").read_text()
