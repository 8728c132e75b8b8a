"""Writes a comparison as CSV, Markdown and LaTeX tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from lightemma.errors import UserError
from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.feasibility import FeasibilityRow
from lightemma.evaluation.frame_scores import frame_columns
from lightemma.evaluation.rows import (
    CalibrationRow,
    ConventionRow,
    CopyRow,
    ErrorRow,
    HorizonRow,
    ImputedRow,
    InfluenceRow,
    PairedRow,
    PowerRow,
    RankRow,
    ReferenceRow,
    RemovedRow,
    StratumRow,
    SummaryRow,
)
from lightemma.evaluation.safety import SafetyRow
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.strata import SCENE_FAMILY

#: Table name -> row type; the file names are these with .csv, .md and .tex.
TABLES: dict[str, type[Any]] = {
    "summary": SummaryRow,
    "common": SummaryRow,
    "common_removed": RemovedRow,
    "conventions": ConventionRow,
    "errors": ErrorRow,
    "paired": PairedRow,
    "strata": StratumRow,
    "ranks": RankRow,
    "influence": InfluenceRow,
    "power": PowerRow,
    "imputed": ImputedRow,
    "references": ReferenceRow,
    "copies": CopyRow,
    "horizons": HorizonRow,
    "calibration": CalibrationRow,
    "feasibility": FeasibilityRow,
    "safety": SafetyRow,
}

#: Columns of the wide tables that fit on a page; the CSV has all.
PAGE_COLUMNS = (
    "run", "frames", "ok_frames", "format_error_rate", "call_error_rate", "l2_1s", "l2_2s", "l2_3s", "l2_avg", "fde",
    "miss_rate_2m", "latency_mean_s", "input_tokens", "output_tokens", "cost_usd", "diff_vs_baseline", "ci_low", "ci_high",
)  # fmt: skip

_LATEX = str.maketrans(
    {
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
    }
)


def columns_of(table: str) -> list[str]:
    """The columns of a table, in order."""
    return [field.name for field in fields(TABLES[table])]


def rows_of(comparison: Comparison, table: str) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries in column order."""
    columns = columns_of(table)
    return [{name: getattr(row, name) for name in columns} for row in getattr(comparison, table)]


def page_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that fit on a page: not the strata of single scenes, which only the CSV has."""
    return [row for row in rows if not str(row.get("stratum", "")).startswith(f"{SCENE_FAMILY}: ")]


def write_tables(comparison: Comparison, folder: Path) -> list[Path]:
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
            rows_of(comparison, table),
            caption(comparison, table),
            columns=columns_of(table),
            page_columns=PAGE_COLUMNS if row_type is SummaryRow else None,
        )
    ]


def write_table(
    folder: Path,
    name: str,
    rows: Sequence[dict[str, Any]],
    note: str,
    *,
    columns: Sequence[str],
    page_columns: Collection[str] | None = None,
) -> list[Path]:
    """Writes one table as ``<name>.csv`` (all columns, full precision), ``.md`` and ``.tex`` (rounded).

    Args:
        folder: made if missing.
        name: of the files.
        rows: column -> cell.
        note: one line that says what the numbers are.
        columns: of the CSV, in order.
        page_columns: those of a wide table that fit on a page; all if None.

    Returns:
        The files written.

    Raises:
        UserError: if they cannot be written.
    """
    page = [column for column in columns if page_columns is None or column in page_columns]
    short = page_rows(rows)
    texts = {".md": markdown(short, page, note), ".tex": latex(short, page, note)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in texts.items():
            (folder / f"{name}{suffix}").write_text(text, encoding="utf-8")
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows({column: _exact(value) for column, value in row.items()} for row in rows)
    except OSError as error:
        raise UserError(
            f"The tables cannot be written to '{folder}' ({error.strerror}); give another --out."
        ) from error
    return [folder / f"{name}{suffix}" for suffix in (*texts, ".csv")]


def write_frame_scores(run: RunScores, folder: Path) -> Path:
    """Writes scores.csv, one line per frame (see ``evaluation.frame_scores``).

    Returns:
        The file written.

    Raises:
        UserError: if it cannot be written.
    """
    path = folder / "scores.csv"
    columns = frame_columns(run)
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([_exact(cell) for cell in row] for row in zip(*columns.values(), strict=True))
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror}); copy the run to a folder of yours.") from error
    return path


def caption(comparison: Comparison, table: str) -> str:
    """One line that says what a table's numbers are."""
    over = f"{comparison.frames} frames of {comparison.scenes} scenes"
    l2 = f"L2 convention: {comparison.convention}."
    named = {
        "summary": f"Each run on its own ok frames, {over}. {l2}",
        "common": f"All runs on the frames that are ok in every run, of {over}. {l2}",
        "common_removed": "Frames each run takes out of the common set, and those that only it takes out.",
        "conventions": f"The same plans by every L2 convention, {over}. Numbers of different conventions do not compare.",
        "errors": f"How the frames ended, {over}.",
        "paired": f"Average L2, run minus reference; 95 % intervals over scenes, p by Holm over all rows. {l2}",
        "strata": f"Average L2 by stratum, against {comparison.baseline} on the same frames, p by Holm over all rows; "
        f"single scenes are in the CSV. {l2}",
        "ranks": f"Places by average L2 on the frames that are ok in every ranked run, 95 % over scene draws. {l2}",
        "influence": f"The scenes whose absence shifts a run's difference to {comparison.baseline} most. {l2}",
        "power": f"Differences of average L2 that these scenes can show with 80 % power. {l2}",
        "imputed": f"All frames; where a run has no plan it holds the last action, {over}. {l2}",
        "references": f"Made from the plans of all models: their median, and the best of them per frame. {l2}",
        "copies": "Plans that repeat the current action six times.",
        "horizons": f"Mean distance to the recorded place at each step, own ok frames, {over}.",
        "feasibility": "How comfortable and how drivable the plans themselves are, beside the recorded drive.",
        "safety": "Collisions along the plans by three conventions, time to collision, and leaving road or lane. "
        f"{comparison.safety[0].note}".strip(),
        "calibration": "Recorded speeds (m/s) and curvatures (1/m) where a run planned so much.",
    }
    return named[table]


def markdown(rows: Sequence[dict[str, Any]], columns: Sequence[str], note: str = "") -> str:
    """A Markdown table with an optional line above it."""
    lines = [note, ""] if note else []
    lines += [_pipe(columns), _pipe("---" for _ in columns)]
    lines += [_pipe(rounded(row[name], name).replace("|", r"\|") for name in columns) for row in rows]
    return "\n".join(lines) + "\n"


def latex(rows: Sequence[dict[str, Any]], columns: Sequence[str], note: str = "") -> str:
    """A booktabs tabular."""
    kinds = "".join("l" if rows and isinstance(rows[0][name], str) else "r" for name in columns)
    body = [" & ".join(rounded(row[name], name).translate(_LATEX) for name in columns) + r" \\" for row in rows]
    head = " & ".join(name.translate(_LATEX) for name in columns) + r" \\"
    lines = [f"% {note}", rf"\begin{{tabular}}{{{kinds}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}"]) + "\n"


def rounded(value: Any, column: str = "") -> str:
    """A value as people read it: four significant decimals for errors, none for token counts, empty for unknown."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    if column.endswith("_tokens"):
        return f"{value:.1f}"
    if column.startswith("latency"):
        return f"{value:.2f}"
    return f"{value:.4f}"


def _exact(value: Any) -> Any:
    """Full precision; empty where unknown."""
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def _pipe(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
