"""Shows how far a command is: one line that is written over on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lightemma.cli.live_layout import SHORTEST_BAR, bar, duration
from lightemma.cli.output import plain, write_live
from lightemma.cli.width import is_live, size_of
from lightemma.steps import Step, listening

#: Seconds of work before anything is shown, between two updates on a terminal, and between two lines elsewhere.
QUIET_S, UPDATE_S, LINES_S = 0.5, 0.1, 10.0
_LONGEST_BAR = 24


@contextmanager
def showing_steps() -> Iterator[None]:
    """Shows the steps of the work in this context on standard error, and leaves no line behind on a terminal."""
    shown = _Shown(is_live())
    try:
        with listening(shown.tell):
            yield
    finally:
        shown.clear()


class _Shown:
    def __init__(self, live: bool) -> None:
        self._live = live
        self._began = self._last = time.monotonic()
        self._what = ("", "")
        self._since = self._began
        self._dirty = False

    def tell(self, step: Step) -> None:
        now = time.monotonic()
        if (step.what, step.unit) != self._what:
            self._what, self._since = (step.what, step.unit), now
        every = (UPDATE_S if self._dirty else QUIET_S) if self._live else LINES_S
        if now - self._last < every:
            return
        self._last = now
        if self._live:
            write_live(f"\r{step_line(step, now - self._since, size_of(sys.stderr)[0] - 1)}\x1b[K")
            self._dirty = True
        else:
            write_live(f"{step_words(step, now - self._since)}\n")

    def clear(self) -> None:
        if self._dirty:
            write_live("\r\x1b[K")
            self._dirty = False


def step_words(step: Step, seconds: float) -> str:
    """A step in words.

    Args:
        step: how far the work is.
        seconds: since it began.
    """
    of = f"{step.done:,} {step.unit}" if step.total is None else f"{step.done:,} of {step.total:,} {step.unit}"
    left = ""
    if step.total and 0 < step.done < step.total and seconds >= 1.0:
        left = f", {duration(seconds / step.done * (step.total - step.done))} left"
    return f"{plain(step.what)}: {of}{left}"


def step_line(step: Step, seconds: float, width: int) -> str:
    """A step as one line of at most ``width`` characters, with a bar where it fits.

    Args:
        step: how far the work is.
        seconds: since it began.
        width: columns.
    """
    words = step_words(step, seconds)
    room = min(width - len(words) - 1, _LONGEST_BAR)
    if step.total and room >= SHORTEST_BAR:
        return f"{words} {bar(step.done / step.total, room)}"
    return words if len(words) <= width else words[: max(width - 1, 0)] + "…"
