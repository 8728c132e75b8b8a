"""The live view of a session's runs: a table on a terminal, otherwise plain lines or JSON."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from lightemma.cli.output import cell, echo
from lightemma.outside_text import one_line

if TYPE_CHECKING:
    from rich.table import Table

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
        from rich.live import Live

        with Live(self._rows(), refresh_per_second=1 / TABLE_S, transient=True) as live:
            while not self._end.wait(TABLE_S):
                live.update(self._rows())

    def _lines(self) -> None:
        shown: dict[str, int] = {}
        while True:
            last = self._end.wait(LINES_S)
            for monitor in list(self._monitors):
                numbers = snapshot(monitor)
                # A run that ends before its first line needs no line: its result is printed anyway.
                news = monitor.name in shown if last else numbers["done"] != shown.get(monitor.name)
                if news or (last and self._style == "json"):
                    shown[monitor.name] = numbers["done"]
                    echo(json.dumps(numbers) if self._style == "json" else one_line(line(numbers)), err=True)
            if last:
                return

    def _rows(self) -> Table:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD)
        for name in (
            "run",
            "done",
            "failed",
            "retrying",
            "calls/s",
            "concurrent",
            "tokens",
            "dollars",
            "format errors",
            "left",
        ):
            table.add_column(name, justify="left" if name == "run" else "right", no_wrap=True)
        for monitor in list(self._monitors):
            numbers = snapshot(monitor)
            table.add_row(
                cell(monitor.name),
                f"{numbers['kept'] + numbers['done']}/{numbers['frames']}",
                str(numbers["failed"]),
                str(numbers["retrying"]),
                f"{numbers['calls_per_second']:.1f}",
                f"{numbers['in_flight']}/{numbers['level']:.0f}",
                f"{numbers['input_tokens'] / 1000:.0f}k in, {numbers['output_tokens'] / 1000:.0f}k out",
                _dollars(numbers["dollars"]),
                f"{numbers['format_error_rate']:.1%}",
                _duration(numbers["seconds_left"]),
            )
        return table


def choose_style(*, quiet: bool, json_log: bool) -> Style:
    """The style for the given options and output."""
    if quiet:
        return "quiet"
    if json_log:
        return "json"
    return "table" if sys.stderr.isatty() and sys.stdout.isatty() else "lines"


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
    """A snapshot as a plain line."""
    parts = [
        f"{numbers['run']}: {numbers['kept'] + numbers['done']}/{numbers['frames']} {numbers['unit']}",
        f"{numbers['failed']} failed",
        f"{numbers['retrying']} retrying",
        f"{numbers['calls_per_second']:.1f} calls/s, {numbers['in_flight']} of {numbers['level']:.0f} concurrent",
        f"{numbers['input_tokens']} + {numbers['output_tokens']} tokens",
        f"{numbers['format_error_rate']:.1%} format errors",
    ]
    if numbers["dollars"] is not None:
        parts.append(_dollars(numbers["dollars"]))
    if numbers["seconds_left"]:
        parts.append(f"{_duration(numbers['seconds_left'])} left")
    return ", ".join(parts)


def _dollars(dollars: float | None) -> str:
    return "" if dollars is None else f"${dollars:.2f}" if dollars >= 0.1 else f"${dollars:.4f}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
