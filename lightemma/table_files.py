"""Tables as files: CSV with everything at full precision, Markdown and LaTeX rounded for people."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightemma.errors import UserError
from lightemma.files import draft_of, write_whole
from lightemma.outside_text import cleaned, one_line

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
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "`": r"\textasciigrave{}",
    }
)
#: What makes a spreadsheet read a cell as a formula, also in full width and after blanks.
_FORMULA = re.compile(r"[ \u00a0\u3000]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
#: Text that is a number and nothing else stays one.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?%?")
#: Signs of Markdown and HTML that would do something: escapes, code, pipes, tags, entities, links and pictures.
_MARKDOWN = re.compile(
    r"[`|]|\\(?=[!-/:-@\[-`{-~]|$)|<(?=[A-Za-z/!?])|&(?=#|[A-Za-z]+\d*;)|\[(?=[^\[\]]*\][(\[:])|(?<=\])[(\[]|^[#>](?=[# ])"
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
            write_whole(folder / f"{name}{suffix}", text.encode())
        with draft_of(folder / f"{name}.csv") as draft, draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writerow({column: exact(column) for column in columns})
            writer.writerows({column: exact(value) for column, value in row.items()} for row in rows)
    except OSError as error:
        raise UserError(
            f"The tables cannot be written to '{folder}' ({error.strerror}); give another --out."
        ) from error
    return [folder / f"{name}{suffix}" for suffix in SUFFIXES]


def markdown(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], note: str = "") -> str:
    """A Markdown table with an optional line above it."""
    lines = [markdown_text(note), ""] if note else []
    lines += [_pipe(markdown_text(name) for name in columns), _pipe("---" for _ in columns)]
    lines += [_pipe(markdown_text(rounded(row[name], name)) for name in columns) for row in rows]
    return "\n".join(lines) + "\n"


def latex(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], note: str = "") -> str:
    """A booktabs tabular."""
    kinds = "".join("l" if rows and isinstance(rows[0][name], str) else "r" for name in columns)
    body = [" & ".join(latex_text(rounded(row[name], name)) for name in columns) + r" \\" for row in rows]
    head = " & ".join(latex_text(name) for name in columns) + r" \\"
    lines = [
        f"% {one_line(note)}",
        rf"\begin{{tabular}}{{{kinds}}}",
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
    ]
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


def markdown_text(text: str) -> str:
    """Text in one line of which Markdown and HTML make nothing but text."""
    return _MARKDOWN.sub(lambda found: "\\" + found.group(), one_line(text))


def latex_text(text: str) -> str:
    """Text in one line of which LaTeX makes nothing but text.

    A bracket or star at its beginning stands in braces: after the ``\\\\`` of the row before it would be an argument.
    """
    text = one_line(text)
    start = f"{{{text[0]}}}" if text[:1] in ("[", "*") else ""
    return start + text[len(start) and 1 :].translate(_LATEX)


def exact(value: Any) -> Any:
    """A cell of a CSV: numbers at full precision, empty where unknown.

    Text that a spreadsheet would compute as a formula gets an apostrophe before it; text that is a number does not.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if not isinstance(value, str):
        return value
    text = cleaned(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _pipe(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
