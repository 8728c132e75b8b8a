"""Tables of plain words, written as ``rich`` writes them: its import and layout take as long as all else of a short list."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from lightemma.cli.width import GAP, wrapped

#: Characters below this take one place each, if they can be printed.
_NARROW = 0x300
#: A pipe is taken for at least so wide.
_PIPE_WIDTH = 240
#: With one of these ``rich`` may take a pipe for a terminal, or the other way round.
_ODD = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "JUPYTER_COLUMNS", "DATABRICKS_RUNTIME_VERSION")


@dataclass(frozen=True, slots=True)
class Layout:
    """A table that fits.

    Attributes:
        cells: column -> its cells, without its heading.
        widths: column -> its widest cell, the heading among them.
        left: columns that are aligned left; the others are aligned right.
    """

    cells: Mapping[str, Sequence[str]]
    widths: Mapping[str, int]
    left: Set[str]

    def padded(self, name: str, text: str) -> str:
        """A cell as wide as its column."""
        return text.ljust(self.widths[name]) if name in self.left else text.rjust(self.widths[name])


def plain_table(layout: Layout, title: str, width: int | None) -> str | None:
    """The text of a table with its title; None where ``rich`` has to make it.

    Args:
        layout: the table.
        title: above it.
        width: columns of the terminal, into which the table fits; None for a pipe or file.
    """
    texts = [title, *layout.cells, *(text for column in layout.cells.values() for text in column)]
    usual = os.name != "nt" and "IPython" not in sys.modules and not any(name in os.environ for name in _ODD)
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    if not layout.cells or not usual or not utf8 or not all(map(_is_narrow, texts)):
        return None
    return _in_pipe(layout, title) if width is None else _on_terminal(layout, title, width)


def _is_narrow(text: str) -> bool:
    return text.isprintable() and (text.isascii() or max(map(ord, text)) < _NARROW) and "\xad" not in text


def _rows(layout: Layout) -> list[list[str]]:
    """The padded cells, row by row."""
    columns = [[layout.padded(name, text) for text in column] for name, column in layout.cells.items()]
    return [list(row) for row in zip(*columns, strict=True)]


def _in_pipe(layout: Layout, title: str) -> str | None:
    whole = sum(layout.widths.values()) + 3 * len(layout.widths) + 1
    if whole > _PIPE_WIDTH or not title or len(title) > whole:
        return None
    lines = [title, " " * whole]
    head = [layout.padded(name, name) for name in layout.cells]
    for number, row in enumerate([head, *_rows(layout)]):
        lines.append(f"  {'   '.join(row)}  ")
        if number == 0:
            lines.append(f" {'─' * (whole - 2)} ")
    return "\n".join([*lines, " " * whole]) + "\n"


def _on_terminal(layout: Layout, title: str, width: int) -> str:
    bold, end = ("", "") if os.environ.get("TERM", "").lower() in ("dumb", "unknown") else ("\x1b[1m", "\x1b[0m")
    pad = " " * (GAP - 1)
    head = f"{bold}{pad}{end} ".join(f"{bold}{layout.padded(name, name)}{end}" for name in layout.cells)
    rule = "─" * (sum(layout.widths.values()) + GAP * (len(layout.widths) - 1))
    rows = [(" " * GAP).join(row) for row in _rows(layout)]
    return "\n".join([wrapped(title, width), head, rule, *rows]) + "\n"
