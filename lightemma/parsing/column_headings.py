"""The line above the rows of a table, and which column it calls speed and curvature."""

from __future__ import annotations

import re

from lightemma.parsing.names import role_of
from lightemma.parsing.written_numbers import MARKS

#: A unit in brackets of its own.
EMPTY_RE = re.compile(rf"[(\[]\s*[{MARKS}]\s*[)\]]")


def column_headings(text: str, start: int, columns: int) -> list[str | None] | None:
    """The roles of a table's columns by its heading, if the line before the rows is one.

    Args:
        text: the normalised answer.
        start: where the first number of the first row is.
        columns: how many numbers a row has; the heading may name columns of words, too.
    """
    before = text[max(0, start - 2000) : start]
    lines = [line for line in before.split("\n") if re.search(r"[^\s|,;\"'*-]", line)]
    own_line = before.rsplit("\n", 1)[-1]
    if own_line.strip(" |\t([\"'-*") and lines:
        lines = lines[:-1]  # the first row's own beginning
    if not lines:
        return None
    heading, row = _cut_ends(lines[-1]), _cut_ends(own_line + text[start : start + 400].split("\n", 1)[0])
    for separator in (r"\|", r"\t", r"[,;]", r"\s{2,}", r"\s+"):
        names, cells = re.split(separator, heading), re.split(separator, row)
        if len(names) == len(cells) > columns:
            names = [name for name, cell in zip(names, cells, strict=True) if re.search(r"\d", cell)]
        if len(names) == columns + 1 and role_of(names[0]) is None:
            names = names[1:]  # the rows' names have a column of their own
        if len(names) != columns:
            continue
        roles: list[str | None] = [role_of(EMPTY_RE.sub("", name)) for name in names]
        if ("speed" in roles and "curvature" in roles) or ("other" in roles and None not in roles):
            return roles
    return None


def _cut_ends(line: str) -> str:
    return line.strip().strip("|").strip("()[] :")
