"""Writes tables with their rows as files, the table for a paper, and an index of them all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lightemma.errors import UserError
from lightemma.evaluation.tables.base import BuiltTable, TableSet, description
from lightemma.files import write_whole
from lightemma.paper_tables import PaperTable, write_paper
from lightemma.table_files import markdown_text, write_table

#: The file that lists the others.
INDEX = "tables.md"


def write_tables(tables: TableSet[Any], folder: Path) -> list[Path]:
    """Writes every table three times: .csv (all columns, full precision), .md and .tex (rounded).

    Beside them the table for a paper, where there is one, as ``paper.md`` and ``paper.tex``, and the index ``tables.md``.

    Returns:
        The files written.

    Raises:
        UserError: if the folder cannot be written.
    """
    paper = tables.paper()
    written = [] if paper is None else write_paper(paper, folder)
    for built in tables.tables.values():
        written += write_table(
            folder,
            built.table.name,
            built.cells(),
            built.caption,
            columns=built.columns,
            page_columns=built.table.PAGE,
            page_rows=built.cells(page=True),
        )
    index = folder / INDEX
    try:
        write_whole(index, index_of(list(tables.tables.values()), paper).encode())
    except OSError as error:
        raise UserError(
            f"The tables cannot be written to '{folder}' ({error.strerror}); give another --out."
        ) from error
    return [*written, index]


def index_of(tables: list[BuiltTable[Any]], paper: PaperTable | None) -> str:
    """One line per table: its name, its files, how many rows it has and what it is; those without rows last."""
    lines = ["| table | rows | files | what |", "|---|---:|---|---|"]
    if paper is not None:
        rows = sum(map(len, paper.groups))
        lines.append(f"| paper | {rows} | [md](paper.md) [tex](paper.tex) | The main numbers on one printed page. |")
    for built in sorted(tables, key=lambda built: not built.rows):
        name = built.table.name
        what = markdown_text(first_sentence(description(built.table)))
        lines.append(f"| {name} | {len(built.rows)} | [md]({name}.md) [tex]({name}.tex) [csv]({name}.csv) | {what} |")
    return "\n".join(lines) + "\n"


def first_sentence(text: str) -> str:
    """The first sentence of a description, without the signs of Markdown."""
    found = re.match(r"(.*?[.?!])(?= |$)", re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", text.partition("\n\n")[0]))
    return found[1] if found else text.partition("\n")[0]
