"""Writes closed-loop results as CSV, Markdown and LaTeX."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from lightemma.closed_loop.results import (
    ClosedLoopResults,
    ClosedLoopRow,
    EpisodeRow,
    PairedEpisodesRow,
    ScenarioRow,
)
from lightemma.report.tables import write_table

#: Table name -> row type; the file names are these with .csv, .md and .tex.
TABLES: dict[str, type[Any]] = {
    "closed_loop": ClosedLoopRow,
    "closed_loop_scenarios": ScenarioRow,
    "closed_loop_paired": PairedEpisodesRow,
    "episodes": EpisodeRow,
}

#: Columns of the main table that fit on a page; the CSV has all.
PAGE_COLUMNS = (
    "run", "episodes", "driving_score", "ci_low", "ci_high", "success_rate", "progress", "collision_at_fault_rate",
    "off_road_rate", "red_light_rate", "wrong_side_rate", "stuck_rate", "answers_missing_rate", "latency_mean_s", "cost_usd",
)  # fmt: skip


def rows_of(results: ClosedLoopResults, table: str) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries in column order."""
    return [asdict(row) for row in getattr(results, table)]


def caption(results: ClosedLoopResults, table: str) -> str:
    """One line that says what a table's numbers are."""
    rules = results.closed_loop[0].rules if results.closed_loop else ""
    named = {
        "closed_loop": "Driving score 0 … 100, mean over episodes; 95 % intervals over scenarios.",
        "closed_loop_scenarios": "Driving score 0 … 100 by scenario and conditions.",
        "closed_loop_paired": "Driving score, run minus reference, on the same episodes; 95 % intervals over scenarios.",
        "episodes": "Every episode: how it ended, and the factors of its score.",
    }
    return f"Closed loop in a made-up city ({rules}). {named[table]}"


def write_tables(results: ClosedLoopResults, folder: Path) -> list[Path]:
    """Writes every table three times: .csv (all columns, full precision), .md and .tex (rounded).

    Returns:
        The files written.

    Raises:
        UserError: if the folder cannot be written.
    """
    return [
        path
        for table, row_type in TABLES.items()
        for path in write_table(
            folder,
            table,
            rows_of(results, table),
            caption(results, table),
            columns=[field.name for field in fields(row_type)],
            page_columns=PAGE_COLUMNS if table == "closed_loop" else None,
        )
    ]
