"""Tables as files: CSV with everything at full precision, Markdown and LaTeX rounded for people."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightemma.errors import UserError

#: The files of a table.
SUFFIXES = (".md", ".tex", ".csv")

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


def write_table(
    folder: Path,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    note: str,
    *,
    columns: Sequence[str],
    page_columns: Sequence[str] | None = None,
    page_rows: Sequence[Mapping[str, Any]] | None = None,
) -> list[Path]:
    """Writes one table as ``<name>.csv`` (all columns and rows, full precision), ``.md`` and ``.tex`` (rounded).

    Args:
        folder: made if missing.
        name: of the files.
        rows: column -> cell.
        note: one line that says what the numbers are.
        columns: of the CSV, in order.
        page_columns: those of a wide table that fit on a page; all if None.
        page_rows: the rows that fit on a page; all if None.

    Returns:
        The files written.

    Raises:
        UserError: if they cannot be written.
    """
    page = [column for column in columns if page_columns is None or column in page_columns]
    short = rows if page_rows is None else page_rows
    texts = {".md": markdown(short, page, note), ".tex": latex(short, page, note)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in texts.items():
            (folder / f"{name}{suffix}").write_text(text, encoding="utf-8")
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows({column: exact(value) for column, value in row.items()} for row in rows)
    except OSError as error:
        raise UserError(
            f"The tables cannot be written to '{folder}' ({error.strerror}); give another --out."
        ) from error
    return [folder / f"{name}{suffix}" for suffix in SUFFIXES]


def markdown(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], note: str = "") -> str:
    """A Markdown table with an optional line above it."""
    lines = [note, ""] if note else []
    lines += [_pipe(columns), _pipe("---" for _ in columns)]
    lines += [_pipe(rounded(row[name], name).replace("|", r"\|") for name in columns) for row in rows]
    return "\n".join(lines) + "\n"


def latex(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], note: str = "") -> str:
    """A booktabs tabular."""
    kinds = "".join("l" if rows and isinstance(rows[0][name], str) else "r" for name in columns)
    body = [" & ".join(rounded(row[name], name).translate(_LATEX) for name in columns) + r" \\" for row in rows]
    head = " & ".join(name.translate(_LATEX) for name in columns) + r" \\"
    lines = [f"% {note}", rf"\begin{{tabular}}{{{kinds}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}"]) + "\n"


def rounded(value: Any, column: str = "") -> str:
    """A value as people read it: four decimals for errors, one for token counts, two for seconds, empty for unknown."""
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


def exact(value: Any) -> Any:
    """A cell of a CSV: full precision, empty where unknown."""
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def _pipe(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
