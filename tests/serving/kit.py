"""A made-up engine on this machine: what the launcher starts in the tests, a process with a worker of its own."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightemma.backends.config import ModelConfig
from lightemma.serving.engines import Served
from lightemma.serving.launch import Launch
from lightemma.serving.options import ServerOptions
from lightemma.serving.processes import TOKEN_VARIABLE

ENGINE = Path(__file__).parent / "fake_engine"


def server_options(env: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """Options that start the made-up engine instead of vLLM."""
    return {
        "python": sys.executable,
        "cpu": True,
        "startup_timeout_s": 30,
        "grace_s": 3,
        "env": {"PYTHONPATH": str(ENGINE), **(env or {})},
        **more,
    }


def launch(env: dict[str, str] | None = None, **more: Any) -> Launch:
    return Launch("made-up", Served("made/up"), ServerOptions(**server_options(env, **more)))


def config(env: dict[str, str] | None = None, limits: dict[str, Any] | None = None, **more: Any) -> ModelConfig:
    options = server_options(env, **more.pop("options", {}))
    given = {"name": "m", "provider": "vllm", "model": "made/up", "limits": limits or {}, "options": options} | more
    return ModelConfig(**given)


def carrying(marker: str) -> list[int]:
    """Processes whose environment contains a text; all of a server's have ``LIGHTEMMA_SERVER_TOKEN=…``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environ = (entry / "environ").read_bytes()
                alive = (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
            except OSError:
                continue
            if alive and marker.encode() in environ and TOKEN_VARIABLE.encode() in environ:
                found.append(int(entry.name))
    return found


def wait_until(true: Callable[[], object], seconds: float = 20.0) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return bool(true())
