"""The lines of the live view: what is shown of runs in progress, and what of it fits into a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: A run's numbers, as ``live.snapshot`` makes them.
Numbers = Mapping[str, Any]

#: Characters of a bar, and of a name that is cut.
SHORTEST_BAR, LONGEST_BAR, SHORTEST_NAME = 5, 24, 12
#: Narrower terminals have one space between columns, others two.
ROOMY = 90


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers.

    Attributes:
        heading: above it.
        cell: its text in a run's line.
    """

    heading: str
    cell: Callable[[Numbers], str]


#: Always shown, in this order; dollars where any run has a price.
_ALWAYS = (
    Column("done", lambda one: f"{one['kept'] + one['done']}/{one['frames']}"),
    Column("failed", lambda one: str(one["failed"])),
    Column("left", lambda one: "" if _is_over(one) else duration(one["seconds_left"])),
    Column("rate", lambda one: "" if _is_over(one) else rate(one["done_per_second"])),
)
_DOLLARS = Column("spent", lambda one: dollars(one["dollars"]))
#: Shown where there is room, the first one first.
_MORE = (
    Column("off format", lambda one: f"{one['format_error_rate']:.1%}"),
    Column("calls/s", lambda one: f"{one['calls_per_second']:.1f}"),
    Column("concurrent", lambda one: f"{one['in_flight']}/{one['level']:.0f}"),
    Column("retrying", lambda one: str(one["retrying"])),
    Column("decisions", lambda one: str(one["plans"])),
    Column("tokens in, out", lambda one: f"{one['input_tokens'] / 1000:.0f}k, {one['output_tokens'] / 1000:.0f}k"),
)


def view_lines(runs: Sequence[Numbers], width: int, height: int = 1000) -> list[str]:
    """The live view of some runs.

    Args:
        runs: their numbers.
        width: columns of the terminal; from 60 on, every line has name, bar, done, failed, left, rate and dollars.
        height: lines of the terminal; finished runs are left out first.

    Returns:
        A heading and one line per run, none wider than ``width``.
    """
    if not runs:
        return []
    room = max(height - 3, 1)
    shown = list(runs)
    if len(shown) > room:
        shown = sorted(shown, key=_is_over)[:room]
    columns = [*_ALWAYS, *([_DOLLARS] if any(one["dollars"] is not None for one in runs) else [])]
    gap = 2 if width >= ROOMY else 1
    longest = max(_cells(one["run"]) for one in shown)
    rest = width - sum(gap + _width(column, shown) for column in columns)
    for column in _useful(runs):
        wider = rest - gap - _width(column, shown)
        if wider >= longest + gap + LONGEST_BAR // 2:
            columns.append(column)
            rest = wider
    name = max(min(longest, rest - gap - SHORTEST_BAR), min(longest, SHORTEST_NAME))
    length = max(min(rest - gap - name, LONGEST_BAR), 0)
    between = " " * gap
    heading = between.join([_padded("run", name), " " * length, *(f"{c.heading:>{_width(c, shown)}}" for c in columns)])
    lines = [heading[:width].rstrip()]
    for one in shown:
        numbers = [f"{column.cell(one):>{_width(column, shown)}}" for column in columns]
        lines.append(between.join([_padded(shortened(one["run"], name), name), bar_of(one, length), *numbers]).rstrip())
    if len(shown) < len(runs):
        lines.append(f"and {len(runs) - len(shown)} more")
    return lines


def _useful(runs: Sequence[Numbers]) -> list[Column]:
    asked = any(one["calls"] or one["cached"] or one["retrying"] for one in runs)
    episodes = any(one["unit"] == "episodes" for one in runs)
    return [column for column in _MORE if (episodes if column.heading == "decisions" else asked)]


def bar_of(numbers: Numbers, width: int) -> str:
    """How much of a run is done, as a bar."""
    return bar((numbers["kept"] + numbers["done"]) / max(numbers["frames"], 1), width)


def bar(share: float, width: int) -> str:
    """A share as a bar of ``width`` characters."""
    eighths = round(min(share, 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[part]).ljust(width, "·")


def shortened(name: str, width: int) -> str:
    """A name in at most ``width`` columns: its middle is left out, since beginning and end tell runs apart."""
    if _cells(name) <= width:
        return name
    head = _cut(name, width // 2)
    return f"{head}…{_cut(name[::-1], width - 1 - _cells(head))[::-1]}"


def _cut(text: str, width: int) -> str:
    while _cells(text) > width:
        text = text[:-1]
    return text


def rate(per_second: float) -> str:
    """A rate in the unit in which it is at least one, as far as there is one; nothing before the first is done."""
    if per_second <= 0.0:
        return ""
    for factor, unit in ((1.0, "s"), (60.0, "min"), (3600.0, "h")):
        value = per_second * factor
        if value >= 1.0 or unit == "h":
            return f"{value:.0f}/{unit}" if value >= 10 else f"{value:.1f}/{unit}"
    return ""


def dollars(amount: float | None) -> str:
    """An amount; nothing if it is unknown."""
    return "" if amount is None else f"${amount:.2f}" if amount >= 0.1 else f"${amount:.4f}"


def duration(seconds: float | None) -> str:
    """Minutes and seconds, or hours; nothing if it is unknown."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _is_over(numbers: Numbers) -> bool:
    return bool(numbers["kept"] + numbers["done"] >= numbers["frames"])


def _width(column: Column, runs: Sequence[Numbers]) -> int:
    return max(len(column.heading), *(len(column.cell(one)) for one in runs))


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _padded(text: str, width: int) -> str:
    return text + " " * max(width - _cells(text), 0)
