"""Prints tables to the terminal."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from lightemma.cli.output import cell, console

if TYPE_CHECKING:
    from lightemma.evaluation.comparison import Comparison

#: Text columns by default; all other columns are numbers and are aligned right.
TEXT_COLUMNS = ("run", "inputs", "convention")

#: The mark of what the tables call significant, on terminal, page and figures.
SIGNIFICANT = "*"

#: Columns that fit on a terminal; the CSV has all.
_COLUMNS = ("run", "inputs", "frames", "ok_frames", "l2_1s", "l2_2s", "l2_3s", "l2_avg", "fde", "miss_rate_2m")


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
    show(rows, summary.caption + (f" {SIGNIFICANT} significant (Holm over all pairs of runs)." if marked else ""))


def show_notes(comparison: Comparison) -> None:
    """Prints the main result in a sentence, and warnings about the comparison."""
    from lightemma.evaluation.headline import headline

    screen = console()
    screen.print(f"[bold]{cell(headline(comparison).sentence)}[/bold]")
    for sentence in comparison.warnings:
        screen.print(f"Note: {cell(sentence)}")


def show(rows: Sequence[dict[str, Any]], title: str, text_columns: Collection[str] = TEXT_COLUMNS) -> None:
    """Prints rows as a table. Nothing is cut: a narrow terminal wraps the lines.

    Args:
        rows: column -> cell, all with the same columns.
        title: above the table.
        text_columns: columns that are aligned left.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from lightemma.table_files import rounded

    screen = Console(soft_wrap=True)
    table = Table(title=cell(title), box=box.SIMPLE_HEAD, title_justify="left", title_style="")
    columns = list(rows[0]) if rows else []
    for name in columns:
        table.add_column(cell(name), justify="left" if name in text_columns else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(cell(rounded(row[name], name)) for name in columns))
    screen.width = max(screen.width, 240)
    screen.print(table)


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
