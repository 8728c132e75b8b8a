"""Prints tables to the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightemma.evaluation.comparison import Comparison

#: What fits beside each other on a terminal; the CSV has the rest.
_WORDS = ("run", "provider", "model", "base_url", "convention")
_COLUMNS = ("run", "frames", "ok_frames", "l2_1s", "l2_2s", "l2_3s", "l2_avg", "fde", "miss_rate_2m")


def show_summary(comparison: Comparison) -> None:
    """Prints the summary with each run's difference to the baseline and its interval."""
    from lightemma.report.tables import caption, rows_of

    rows = []
    for row in rows_of(comparison, "summary"):
        failed = row["format_error_rate"] + row["call_error_rate"]
        shown = {name: row[name] for name in _COLUMNS}
        rows.append({**shown, "not_ok": f"{failed:.2%}", "vs constant-action [95 %]": _difference(row)})
    show(rows, caption(comparison, "summary"))


def show(rows: Sequence[dict[str, Any]], title: str) -> None:
    """Prints rows as a table; where output is piped the columns stay apart by blanks and nothing is cut."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from lightemma.report.tables import rounded

    console = Console(soft_wrap=True)
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left", title_style="")
    columns = list(rows[0]) if rows else []
    for name in columns:
        numeric = not isinstance(rows[0][name], str) or name not in _WORDS
        table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(escape(rounded(row[name], name)) for name in columns))
    if not console.is_terminal:
        console.width = max(console.width, 240)
    console.print(table)


def _difference(row: dict[str, Any]) -> str:
    if row["run"] == "constant-action":
        return "reference"
    low, high = row["ci_low"], row["ci_high"]
    if math.isnan(low):
        return f"{row['diff_vs_baseline']:+.3f} [one scene]"
    sure = "" if low > 0 or high < 0 else " n.s."
    return f"{row['diff_vs_baseline']:+.3f} [{low:+.3f}, {high:+.3f}]{sure}"
