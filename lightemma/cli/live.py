"""The live view of a session's runs: a table on a terminal; plain lines on a dumb one and in a pipe, or JSON."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from lightemma.cli.live_layout import dollars, duration, rate, view_lines
from lightemma.cli.output import echo, plain
from lightemma.cli.width import is_live, size_of
from lightemma.outside_text import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from lightemma.calls.monitor import Monitor

Style = Literal["table", "lines", "json", "quiet"]

#: Seconds between two updates.
TABLE_S = 0.25
LINES_S = 10.0


class LiveView:
    """Shows the monitors of runs in progress; reads them in a separate thread and never delays a run.

    Args:
        style: table, lines, json or quiet.
    """

    def __init__(self, style: Style) -> None:
        self._style = style
        self._monitors: list[Monitor] = []
        self._end = threading.Event()

    def add(self, monitor: Monitor) -> None:
        """Adds a run."""
        self._monitors.append(monitor)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Shows progress while the context lasts, and the final state at its end."""
        if self._style == "quiet":
            yield
            return
        thread = threading.Thread(target=self._show, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()

    def _show(self) -> None:
        if self._style == "table":
            self._table()
        else:
            self._lines()

    def _table(self) -> None:
        from rich.console import Console
        from rich.live import Live

        screen = Console(stderr=True, highlight=False)
        with Live(self._view(screen), console=screen, auto_refresh=False, transient=True) as live:
            while not self._end.wait(TABLE_S):
                live.update(self._view(screen), refresh=True)

    def _lines(self) -> None:
        ended: set[str] = set()
        while True:
            last = self._end.wait(LINES_S)
            for monitor in list(self._monitors):
                if monitor.name in ended:
                    continue
                numbers = snapshot(monitor)
                # A run that ends before its first line needs no line: its result is printed anyway.
                if not last or self._style == "json":
                    echo(json.dumps(numbers) if self._style == "json" else one_line(line(numbers)), err=True)
                if numbers["kept"] + numbers["done"] >= numbers["frames"]:
                    ended.add(monitor.name)
            if last:
                return

    def _view(self, screen: Console) -> Text:
        from rich.text import Text

        width, height = size_of(sys.stderr)
        screen.size = (width, height)  # of standard error, which rich does not ask
        runs = [{**numbers, "run": plain(numbers["run"])} for numbers in map(snapshot, list(self._monitors))]
        return Text("\n".join(view_lines(runs, width, height)), no_wrap=True, overflow="crop")


def choose_style(*, quiet: bool, json_log: bool) -> Style:
    """The style for the given options and output."""
    if quiet:
        return "quiet"
    if json_log:
        return "json"
    return "table" if is_live() else "lines"


def snapshot(monitor: Monitor) -> dict[str, Any]:
    """The present numbers of a monitor."""
    left = monitor.seconds_left
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "run": monitor.name,
        "unit": monitor.unit,
        "frames": monitor.frames,
        "kept": monitor.kept,
        "done": monitor.done,
        "failed": monitor.failed,
        "retrying": monitor.retrying,
        "retries": monitor.retries,
        "refused": monitor.refused,
        "calls": monitor.calls,
        "cached": monitor.cached,
        "plans": monitor.plans,
        "misformed": monitor.misformed,
        "done_per_second": round(monitor.done_per_second, 4),
        "calls_per_second": round(monitor.calls_per_second, 2),
        "in_flight": monitor.in_flight,
        "level": round(monitor.level, 1),
        "input_tokens": monitor.input_tokens,
        "output_tokens": monitor.output_tokens,
        "dollars": None if monitor.dollars is None else round(monitor.dollars, 6),
        "format_error_rate": round(monitor.format_error_rate, 4),
        "seconds_left": None if left is None else round(left, 1),
    }


def line(numbers: dict[str, Any]) -> str:
    """A snapshot as a plain line, what matters most first."""
    parts = [
        f"{numbers['run']}: {numbers['kept'] + numbers['done']}/{numbers['frames']} {numbers['unit']}",
        f"{numbers['failed']} failed",
    ]
    if numbers["kept"] + numbers["done"] < numbers["frames"] and numbers["seconds_left"] is not None:
        parts.append(f"{duration(numbers['seconds_left'])} left")
    parts += [speed] if (speed := rate(numbers["done_per_second"])) else []
    if numbers["dollars"] is not None:
        parts.append(dollars(numbers["dollars"]))
    if numbers["unit"] == "episodes":
        parts.append(f"{numbers['plans']} decisions")
    if numbers["calls"] or numbers["retrying"]:
        parts += [
            f"{numbers['format_error_rate']:.1%} outside the format",
            f"{numbers['calls_per_second']:.1f} calls/s, {numbers['in_flight']} of {numbers['level']:.0f} concurrent",
            f"{numbers['retrying']} retrying",
            f"{numbers['input_tokens']} + {numbers['output_tokens']} tokens",
        ]
    return ", ".join(parts)
