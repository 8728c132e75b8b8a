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
        batch_delay: seconds until a batch is finished.

    Attributes:
        address: where Anthropic's and Google's formats are spoken.
        base_url: where OpenAI's are.
    """

    def __init__(
        self, latency: float, jitter: float = 0.0, capacity: int | None = None, batch_delay: float = 0.0
    ) -> None:
        arguments = ["--latency", str(latency), "--jitter", str(jitter), "--keep", "0"]
        arguments += ["--batch-delay", str(batch_delay)]
        if capacity is not None:
            arguments += ["--capacity", str(capacity)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fake_providers", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        said = json.loads(self._process.stdout.readline())
        self.base_url: str = said["openai_address"]
        self.address: str = said["address"]

    def log(self) -> list[dict[str, Any]]:
        """Every call so far: hash of the request, status, and when it started and finished (seconds since the epoch)."""
        with urllib.request.urlopen(f"{self.address}/_timeline", timeout=60) as answer:
            calls: list[dict[str, Any]] = json.load(answer)
        return calls

    def served(self) -> dict[str, int]:
        """How often each call was answered, by the request's hash, alone or in a batch."""
        # A list of batches works off those whose time has come, fetched or not.
        for path, key in (
            ("v1/batches", "authorization"),
            ("v1/messages/batches", "x-api-key"),
            ("v1/batches", "x-goog-api-key"),
        ):
            urllib.request.urlopen(
                urllib.request.Request(f"{self.address}/{path}", headers={key: "any"}), timeout=60
            ).close()
        with urllib.request.urlopen(f"{self.address}/_stats", timeout=60) as answer:
            served: dict[str, int] = json.load(answer)["served"]
        return served

    def control(self, **changes: Any) -> None:
        """Changes settings while the server runs; ``reset=True`` forgets what happened."""
        asked = urllib.request.Request(f"{self.address}/_control", json.dumps(changes).encode(), method="POST")
        urllib.request.urlopen(asked, timeout=60).close()

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
