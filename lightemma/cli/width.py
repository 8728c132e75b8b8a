"""How wide the terminal is, and what of a table fits into it."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

#: Narrower terminals are taken for this wide.
NARROWEST = 40
#: Characters between two columns.
GAP = 2


def terminal_width() -> int | None:
    """Columns of the terminal that standard output is; None for a pipe or file, into which everything is written whole."""
    if not sys.stdout.isatty():
        return None
    return max(size_of(sys.stdout)[0], NARROWEST)


def size_of(stream: TextIO) -> tuple[int, int]:
    """Columns and lines of the terminal that a stream is, whatever the other streams are; 80 and 24 where it does not say."""
    try:
        found = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError, AttributeError):
        found = os.terminal_size((0, 0))
    try:
        columns = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        columns = 0
    return columns if columns > 0 else found.columns or 80, found.lines or 24


def is_live() -> bool:
    """Whether standard error is a terminal on which a line can be written over."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def wrapped(text: str, width: int | None = None) -> str:
    """A paragraph broken between words where it is for a terminal; paths and long words stay whole.

    Args:
        text: one paragraph.
        width: columns; those of the terminal if None.
    """
    width = width or terminal_width()
    if width is None or len(text) <= width:
        return text
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def fitting(widths: Mapping[str, int], dropped: Sequence[str], width: int) -> tuple[list[str], int]:
    """Which columns of a table fit into a terminal.

    >>> fitting({"run": 10, "l2": 6, "fde": 6}, ["fde"], 20)
    (['run', 'l2'], 10)

    Args:
        widths: column -> its widest cell, the heading among them. The first column is never dropped.
        dropped: columns that may be left out, the first one first; all others stay.
        width: columns of the terminal.

    Returns:
        The columns that stay, in their order, and the width of the first one: its own, or less if all that may be dropped is
        not enough.
    """
    names = list(widths)
    may_go = [name for name in dropped if name in widths and name != names[0]]
    while may_go and total(widths, names) > width:
        names.remove(may_go.pop(0))
    over = total(widths, names) - width
    first = widths[names[0]] if names else 0
    return names, max(first - max(over, 0), min(first, 12))


def total(widths: Mapping[str, int], names: Iterable[str]) -> int:
    """Columns that a table takes."""
    taken = [widths[name] for name in names]
    return sum(taken) + GAP * (len(taken) - 1)
