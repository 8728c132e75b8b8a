"""The files about a server in the folders of its runs: its log, and one line for each start."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

#: The output of the server itself.
LOG = "server.log"
#: One line per start: moment, seconds until the first answer, command, counters, how it ended.
STARTS = "server.jsonl"


@dataclass
class Start:
    """One start of a server.

    Attributes:
        engine: vllm, sglang or transformers.
        version: of the engine, as the engine reports it.
        command: the arguments of its command.
        started: moment, UTC.
        ready_after_s: seconds from starting it to its first answer; None if none came.
        ended: moment, UTC.
        how: stopped, died, hangs, did not start.
        counted: tokens and requests by the server's own counters, without the first (warm-up) request; None if unknown, such
            as after it died.
    """

    engine: str
    command: list[str]
    started: str
    version: str | None = None
    ready_after_s: float | None = None
    ended: str | None = None
    how: str | None = None
    counted: dict[str, int] | None = None


class StartLog:
    """Writes one line about each start of a server.

    Attributes:
        folders: of the runs that it serves; the log is written into the first and appears in all.
    """

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self._start: Start | None = None
        self._before: dict[str, int] | None = None

    def join(self, folder: Path) -> None:
        """Adds a run that uses the server."""
        if folder not in self.folders:
            folder.mkdir(parents=True, exist_ok=True)
            self.folders.append(folder)
            self._share_log()

    def begin(self, engine: str, command: list[str]) -> None:
        """The server is being started."""
        self._start, self._before = Start(engine, command, _now()), None
        self._share_log()

    def ready(self, seconds: float, version: str | None, counted: dict[str, int] | None) -> None:
        """The server has answered its first (warm-up) request.

        Args:
            seconds: from starting it until then.
            version: the engine's.
            counted: so far; subtracted from later counters.
        """
        if self._start:
            self._start.ready_after_s, self._start.version = round(seconds, 1), version
            self._before = counted

    def count(self, counted: dict[str, int] | None) -> None:
        """Notes the server's counters shortly before it ends."""
        if self._start and counted is not None and self._before is not None:
            self._start.counted = {name: value - self._before.get(name, 0) for name, value in counted.items()}

    def ended(self, how: str) -> None:
        """The server has ended; writes its line."""
        start, self._start = self._start, None
        if start is None:
            return
        start.ended, start.how = _now(), how
        for folder in self.folders:
            with suppress(OSError), (folder / STARTS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(start)) + "\n")

    def _share_log(self) -> None:
        """Makes the one log appear in every run's folder; the log of an earlier session is kept."""
        if not self.folders or not (first := self.folders[0] / LOG).exists():
            return
        for folder in self.folders[1:]:
            other = folder / LOG
            with suppress(OSError):
                if other.exists() and not other.samefile(first):
                    other.replace(folder / f"server-{datetime.now(UTC):%Y%m%dT%H%M%S}.log")
                if not other.exists():
                    os.link(first, other)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
