"""Writes tables with their rows as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightemma.evaluation.tables.base import TableSet
from lightemma.table_files import write_table


def write_tables(tables: TableSet[Any], folder: Path) -> list[Path]:
    """Writes every table three times: .csv (all columns, full precision), .md and .tex (rounded).

    Returns:
        The files written.

    Raises:
        UserError: if the folder cannot be written.
    """
    return [
        path
        for built in tables.tables.values()
        for path in write_table(
            folder,
            built.table.name,
            built.cells(),
            built.caption,
            columns=built.columns,
            page_columns=built.table.PAGE,
            page_rows=built.cells(page=True),
        )
    ]
