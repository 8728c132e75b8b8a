"""A made-up provider for benchmarks: a local server in a process of its own, and a model that answers in this process."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from lightemma.backends.base import Backend, Completion, Request
from lightemma.run_folder.records import Usage

ROOT = Path(__file__).resolve().parents[1]


class FakeProvider:
    """``python -m tests.fake_providers`` while a ``with`` block lasts.

    Args:
        latency: mean seconds that an answer takes.
        jitter: how far one may be off, as a share of the mean.
        capacity: most concurrent calls; one more gets 429.
    """

    def __init__(self, latency: float, jitter: float = 0.0, capacity: int | None = None) -> None:
        arguments = ["--latency", str(latency), "--jitter", str(jitter), "--keep", "0"]
        if capacity is not None:
            arguments += ["--capacity", str(capacity)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fake_providers", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        said = json.loads(self._process.stdout.readline())
        self.base_url: str = said["openai_address"]
        self._address: str = said["address"]

    def log(self) -> list[dict[str, Any]]:
        """Every call so far: hash of the request, status, and when it started and finished (seconds since the epoch)."""
        with urllib.request.urlopen(f"{self._address}/_timeline", timeout=60) as answer:
            calls: list[dict[str, Any]] = json.load(answer)
        return calls

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)


def model_yaml(path: Path, base_url: str, concurrency: int | None = None) -> Path:
    """Writes the YAML of a model behind the server."""
    limits: dict[str, Any] = {"timeout_s": 60}
    if concurrency is not None:
        limits["concurrency"] = concurrency
    model = {
        "name": "stand-in",
        "provider": "openai-compatible",
        "model": "stand-in",
        "base_url": base_url,
        "limits": limits,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(model), encoding="utf-8")
    return path


class Prompt(Backend):
    """Answers immediately, in this process."""

    async def generate(self, request: Request) -> Completion:
        """Six steady pairs, or a paragraph."""
        text = "[" + ", ".join(["(5.0, 0.001)"] * 6) + "]" if request.stage == "action" else "A clear road ahead. " * 20
        return Completion(text, Usage(1500, 0, len(text) // 4))
