"""What a table is: documented columns, a caption, and a function that makes its rows from a study."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from inspect import cleandoc
from typing import Any, ClassVar, Generic, TypeVar

from lightemma.evaluation.study import Study
from lightemma.paper_tables import PaperTable

S = TypeVar("S")
R = TypeVar("R")


class TableOf(ABC, Generic[S, R]):
    """A table made from a study of type ``S``; its rows are of type ``R``.

    The class's docstring is the table's description in the documentation, and the ``Attributes`` of ``Row`` describe its
    columns there and on the page.

    Attributes:
        name: of the table, and of its files: small letters, digits and underscores.
        Row: a frozen dataclass whose fields are the columns, in order.
        ALWAYS: whether any comparison gives it rows; False for tables about what only some runs have.
        PAGE: the columns that fit on a printed page (.md and .tex); all if None. The CSV always has all.
    """

    name: ClassVar[str]
    Row: ClassVar[type[Any]]
    ALWAYS: ClassVar[bool] = True
    PAGE: ClassVar[tuple[str, ...] | None] = None

    @abstractmethod
    def caption(self, study: S) -> str:
        """One line that says what the numbers are."""

    @abstractmethod
    def build(self, study: S) -> list[R]:
        """The rows."""

    def on_page(self, row: R) -> bool:
        """Whether a row fits on a printed page; the CSV always has all."""
        return True


class Table(TableOf[Study, R]):
    """A table of a comparison; ``lightemma.evaluation.tables`` lists them.

    A table of your own is a subclass in a module on the PYTHONPATH, named by ``--table module:Class`` or offered by the
    entry points ``lightemma.tables``.
    """


@dataclass(frozen=True)
class BuiltTable(Generic[R]):
    """A table with its rows.

    Attributes:
        table: what it is a table of.
        rows: instances of ``table.Row``.
        caption: one line that says what the numbers are.
    """

    table: TableOf[Any, R]
    rows: list[R]
    caption: str

    @property
    def columns(self) -> list[str]:
        """The columns, in order."""
        return columns_of(self.table.Row)

    def cells(self, *, page: bool = False) -> list[dict[str, Any]]:
        """The rows as dictionaries in column order; ``page`` leaves out the rows that only the CSV has."""
        columns = self.columns
        rows = [row for row in self.rows if self.table.on_page(row)] if page else self.rows
        return [{name: getattr(row, name) for name in columns} for row in rows]


@dataclass(frozen=True)
class TableSet(Generic[S]):
    """A study and its tables. The rows of each table are an attribute of the table's name, such as ``summary``.

    Attributes:
        study: what all numbers are made from.
        tables: table name to the table with its rows, in the order in which they are written.
    """

    study: S
    tables: Mapping[str, BuiltTable[Any]]

    def rows(self, table: type[TableOf[S, R]]) -> list[R]:
        """The rows of a table, typed; empty where there is no such table."""
        found = self.tables.get(table.name)
        return [] if found is None else found.rows

    def paper(self) -> PaperTable | None:
        """The table for a paper; None where there is none."""
        return None

    def __getattr__(self, name: str) -> list[Any]:
        tables = self.__dict__.get("tables", {})
        if name not in tables:
            raise AttributeError(f"there is no table '{name}'; there are {', '.join(tables)}")
        rows: list[Any] = tables[name].rows
        return rows

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.tables]


def build(table: TableOf[S, R], study: S) -> BuiltTable[R]:
    """The table of a study."""
    return BuiltTable(table, table.build(study), table.caption(study))


def columns_of(row_type: type[Any]) -> list[str]:
    """The columns of a type of rows, in order."""
    return [field.name for field in fields(row_type)] if is_dataclass(row_type) else []


_ATTRIBUTE = re.compile(r"^    (\w+): (.*)$")


def explanations(row_type: type[Any]) -> dict[str, str]:
    """What the docstring of a type of rows says about each column, in column order; those without one are left out.

    Read from the ``Attributes`` section, as ``name: text``, continued on lines that are further indented.
    """
    _, _, section = cleandoc(row_type.__doc__ or "").partition("\nAttributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        match = _ATTRIBUTE.match(line)
        if match:
            name = match[1]
            found[name] = match[2].strip()
        elif line.startswith("        ") and name:
            found[name] += f" {line.strip()}"
        elif line.strip():
            break
    return {column: found[column].rstrip(".") for column in columns_of(row_type) if column in found}


def description(table: TableOf[Any, Any]) -> str:
    """What the table's docstring says about it, one paragraph a line."""
    paragraphs = cleandoc(type(table).__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
