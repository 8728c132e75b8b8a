"""Tables from outside this package: finds and checks them; if one fails, all others are made all the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from lightemma.errors import UserError, near_names
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables import TABLES
from lightemma.evaluation.tables.base import BuiltTable, Table, build
from lightemma.plugins import describe, error_line, load_class, offered

ENTRY_POINTS = "lightemma.tables"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Names that a comparison and its DataFrames use for something else than a table.
TAKEN = frozenset(
    {
        "paper",
        "study",
        "tables",
        "warnings",
        "convention",
        "baseline",
        "frames",
        "scenes",
        "rows",
        "comparison",
        "write",
        "report",
    }
)


def outside_tables(names: Sequence[str] = ()) -> tuple[list[Table[Any]], list[str]]:
    """The tables that installed packages offer, and those that the user names.

    Args:
        names: ``package.module:Class``, or the name of one that an installed package offers.

    Returns:
        The tables, and sentences about offered ones that cannot be used.

    Raises:
        UserError: if a table that the user names cannot be used.
    """
    known = offered(ENTRY_POINTS, {})
    found: dict[str, Table[Any]] = {}
    notes = []
    for name, offer in known.items():
        try:
            _add(make_table(offer.place), found)
        except UserError as error:
            if name in names:
                raise
            notes.append(f"The table '{name}' of {offer.package} is left out: {error}")
    for name in names:
        if name in known:
            continue
        if ":" not in name:
            raise UserError(
                f"There is no table '{name}' to add; name yours as module:Class, or {near_names(name, known)}"
            )
        _add(make_table(name), found)
    return list(found.values()), notes


def make_table(place: str) -> Table[Any]:
    """The table of the class at ``package.module:Class``.

    Raises:
        UserError: if it cannot be imported, is no table, or lacks a name or a type of rows.
    """
    table_class: type[Table[Any]] = load_class(place, Table, "table")
    name = getattr(table_class, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(
            f'The {describe(table_class)} has the name {name!r}; give it `name = "..."` of small letters, digits and '
            "underscores, after which its files are named."
        )
    row = getattr(table_class, "Row", None)
    if not (isinstance(row, type) and is_dataclass(row) and fields(row)):
        raise UserError(
            f"The {describe(table_class)} does not say what its rows are; give it `Row = ...`, a dataclass."
        )
    try:
        return table_class()
    except Exception as error:
        raise UserError(f"The {describe(table_class)} cannot be made ({error_line(error)}).") from error


def build_safely(table: Table[Any], study: Study) -> BuiltTable[Any] | str:
    """The table of a study, or a sentence that says why there is none."""
    try:
        built = build(table, study)
        return BuiltTable(table, [_checked(row, table) for row in built.rows], " ".join(str(built.caption).split()))
    except (Exception, SystemExit) as error:
        reason = str(error) if isinstance(error, UserError) else error_line(error)
        return f"The table '{table.name}' is left out: the {describe(type(table))} failed ({reason})."


def _add(table: Table[Any], found: dict[str, Table[Any]]) -> None:
    if table.name in TAKEN or any(table.name == own.name for own in TABLES):
        raise UserError(
            f"The {describe(type(table))} is called '{table.name}', a name that lightemma uses itself; rename it."
        )
    other = found.get(table.name)
    if other is not None and type(other) is not type(table):
        raise UserError(f"Two tables are called '{table.name}': {describe(type(other))}, and {describe(type(table))}.")
    found[table.name] = table


def _checked(row: Any, table: Table[Any]) -> Any:
    """The row with cells that every file can hold: text, numbers, booleans or None."""
    if not isinstance(row, table.Row):
        raise UserError(f"`build` gave a {type(row).__name__} where it gives rows of type {table.Row.__name__}")
    given = {field.name: getattr(row, field.name) for field in fields(row)}
    cells = {name: _cell(value, name) for name, value in given.items()}
    return row if all(cells[name] is value for name, value in given.items()) else replace(row, **cells)


def _cell(value: Any, column: str) -> str | int | float | bool | None:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        # A lone surrogate cannot be written to any file.
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if value is None or isinstance(value, bool | int | float):
        return value
    raise UserError(f"column '{column}' holds a {type(value).__name__}; cells are text, numbers, booleans or None")
