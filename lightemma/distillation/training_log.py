"""The log of a training: one line of ``log.jsonl`` for what trainers report and for each validation."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from lightemma.files import write_whole

LOG = "log.jsonl"


class TrainingLog:
    """Appends lines; those after the step that a training goes on from are dropped, since they come again.

    Args:
        folder: of the stage.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG

    def lines(self) -> list[dict[str, Any]]:
        """All lines; one that was not written to its end is left out."""
        if not self.path.is_file():
            return []
        found = []
        for line in self.path.read_bytes().split(b"\n")[:-1]:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                found.append(value)
        return found

    def resume_from(self, step: int) -> None:
        """Drops what comes after a step."""
        if self.path.is_file():
            kept = [line for line in self.lines() if line.get("step", 0) <= step]
            write_whole(self.path, b"".join(_line(one) for one in kept))

    def add(self, step: int, values: dict[str, Any]) -> None:
        """Adds a line of what are numbers; times are left out, so that two trainings can be compared."""
        shown = {name: _rounded(value) for name, value in values.items() if isinstance(value, int | float)}
        with self.path.open("ab") as file:
            file.write(_line({"step": step, **shown}))

    def column(self, name: str) -> list[tuple[int, float]]:
        """(step, value) of every line that has it."""
        return [(int(line["step"]), float(line[name])) for line in self.lines() if line.get(name) is not None]


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _rounded(value: float) -> float | None:
    if not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.6g}")
