"""Prints tables to the terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lightemma.cli.output import cell, console, plain
from lightemma.cli.plain_table import Layout, plain_table
from lightemma.cli.width import GAP, fitting, terminal_width, total, wrapped

if TYPE_CHECKING:
    from lightemma.evaluation.comparison import Comparison

#: Text columns by default; all other columns are numbers and are aligned right.
TEXT_COLUMNS = ("run", "inputs", "convention")

#: The mark of what the tables call significant, on terminal, page and figures.
SIGNIFICANT = "*"

#: Columns of the summary that are shown; the CSV has all.
_COLUMNS = ("run", "inputs", "frames", "ok_frames", "l2_1s", "l2_2s", "l2_3s", "l2_avg", "fde", "miss_rate_2m")

#: What a narrow terminal leaves out of the summary, the first one first; never the run's name and its average L2.
_DROPPED = (
    "fde",
    "miss_rate_2m",
    "frames",
    "inputs",
    "ok_frames",
    "l2_1s",
    "l2_2s",
    "not_ok",
    "l2_3s",
    "vs constant-action [95 %]",
)


def show_summary(comparison: Comparison) -> None:
    """Prints the summary with each run's difference to the baseline and its interval, and the reference rows below it."""
    summary = comparison.tables["summary"]
    rows = []
    for row in summary.cells():
        failed = row["format_error_rate"] + row["call_error_rate"]
        shown = {name: row[name] for name in _COLUMNS}
        rows.append({**shown, "not_ok": f"{failed:.2%}", "vs constant-action [95 %]": _difference(row)})
    for row in comparison.tables["references"].cells():
        shown = {name: row.get(name) for name in _COLUMNS} | {"ok_frames": row["frames"], "not_ok": ""}
        rows.append({**shown, "vs constant-action [95 %]": _difference({**row, "significant": ""})})
    marked = any(row["significant"] for row in summary.cells())
    show(
        rows,
        summary.caption + (f" {SIGNIFICANT} significant (Holm over all pairs of runs)." if marked else ""),
        dropped=_DROPPED,
    )


def show_notes(comparison: Comparison) -> None:
    """Prints the main result in a sentence, and warnings about the comparison."""
    from rich.text import Text

    from lightemma.evaluation.headline import headline

    screen = console()
    screen.print(Text(wrapped(plain(headline(comparison).sentence)), style="bold"))
    for sentence in comparison.warnings:
        screen.print(Text(wrapped(f"Note: {plain(sentence)}")))


def show(
    rows: Sequence[dict[str, Any]],
    title: str,
    text_columns: Collection[str] = TEXT_COLUMNS,
    dropped: Sequence[str] | None = None,
) -> None:
    """Prints rows as a table. On a terminal it fits the width: columns are left out and named; into a pipe goes all of it.

    Args:
        rows: column -> cell, all with the same columns.
        title: above the table.
        text_columns: columns that are aligned left.
        dropped: columns that a narrow terminal leaves out, the first one first; all but the first two, from the right, if None.
    """
    from lightemma.table_files import rounded

    columns = list(rows[0]) if rows else []
    cells = {name: [plain(rounded(row[name], name)) for row in rows] for name in columns}
    widths = {name: max(map(len, [plain(name), *cells[name]])) for name in columns}
    width = terminal_width()
    if width is None or total(widths, columns) <= width:
        layout = Layout(cells, widths, set(text_columns))
        text = plain_table(layout, plain(title), width)
        if text is not None:
            sys.stdout.write(text)
            return
    _show_by_rich(cells, title, text_columns, columns[:1:-1] if dropped is None else dropped, width)


def _show_by_rich(
    cells: Mapping[str, Sequence[str]],
    title: str,
    text_columns: Collection[str],
    dropped: Sequence[str],
    width: int | None,
) -> None:
    """Prints a table of cells in one line each, whatever is in them."""
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = list(cells)
    widths = {name: max(map(cell_len, [plain(name), *cells[name]])) for name in columns}
    screen = Console(soft_wrap=True, highlight=False)
    if width is None:
        screen.width = max(screen.width, 240)
        table = Table(title=cell(title), box=box.SIMPLE_HEAD, title_justify="left", title_style="")
        kept, first = columns, 0
    else:
        screen.size = (width, 25)  # a dumb terminal has a width too, which rich does not believe
        screen.print(Text(wrapped(plain(title), width)))
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
        kept, first = fitting(widths, dropped, width)
    for name in kept:
        narrow = bool(first) and name == columns[0] and first < widths[name]
        table.add_column(
            cell(name),
            justify="left" if name in text_columns else "right",
            no_wrap=not narrow,
            overflow="fold",
            width=first if narrow else None,
        )
    for row in zip(*(cells[name] for name in kept), strict=True):
        table.add_row(*map(Text, row))
    screen.print(table)
    if len(kept) < len(columns):
        left_out = ", ".join(name for name in columns if name not in kept)
        screen.print(Text(wrapped(f"Left out at {width} columns: {plain(left_out)}.", width), style="dim"))


def _difference(row: dict[str, Any]) -> str:
    if row["run"] == "constant-action":
        return "reference"
    low, high = row["ci_low"], row["ci_high"]
    if math.isnan(row["diff_vs_baseline"]):
        return "no ok frame"  # as in the figures
    if math.isnan(low):
        return f"{row['diff_vs_baseline']:+.3f} [one scene]"
    mark = f" {SIGNIFICANT}" if row["significant"] else "  "
    return f"{row['diff_vs_baseline']:+.3f} [{low:+.3f}, {high:+.3f}]{mark}"
