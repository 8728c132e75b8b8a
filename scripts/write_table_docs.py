"""Writes what docs/ says about tables: descriptions and columns, from the tables' own docstrings; --check only compares.

Each page has the part between its two markers written; the rest is by hand.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import script_input

from lightemma.closed_loop.tables import TABLES as CLOSED_LOOP
from lightemma.closed_loop.tables import WORLDS
from lightemma.evaluation.tables import TABLES
from lightemma.evaluation.tables.base import TableOf, columns_of, description, explanations

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN = "<!-- Written by scripts/write_table_docs.py from the docstrings of the tables; change them there. -->"
END = "<!-- End of what scripts/write_table_docs.py writes. -->"
WIDTH = 160
#: Tables that a page of their own explains.
SAFETY = ("feasibility", "safety")
PROBES = ("probes",)
REASONING = ("reasoning", "reasoning_cells", "reasoning_sensitivity", "claims", "disagreement", "language")


def pages() -> dict[Path, list[TableOf[Any, Any]]]:
    """Page to the tables that it lists."""
    return {
        DOCS / "metrics.md": [table for table in TABLES if table.name not in SAFETY + PROBES + REASONING],
        DOCS / "safety.md": [table for table in TABLES if table.name in SAFETY],
        DOCS / "probes.md": [table for table in TABLES if table.name in PROBES],
        DOCS / "reasoning.md": [table for table in TABLES if table.name in REASONING],
        DOCS / "closed-loop.md": [*CLOSED_LOOP, WORLDS],
    }


def written(page: str, tables: Sequence[TableOf[Any, Any]]) -> str:
    """A page with the part between its markers written anew.

    Raises:
        ValueError: if the page does not have both markers.
    """
    before, begin, rest = page.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"{END}\n")
    if not begin or not end:
        raise ValueError("the page lacks one of the two markers")
    text = "\n".join(lines_of(tables))
    return f"{before}{begin}\n{text}\n\n{end}{after}"


def lines_of(tables: Sequence[TableOf[Any, Any]]) -> Iterator[str]:
    """The lines of a page about some tables."""
    seen: dict[type[Any], str] = {}
    for number, table in enumerate(tables):
        if number:
            yield ""
        yield f"### {table.name}"
        for paragraph in description(table).split("\n\n"):
            yield ""
            yield from textwrap.wrap(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)
        yield ""
        other = seen.setdefault(table.Row, table.name)
        if other != table.name:
            yield f"The columns are those of `{other}`."
            continue
        yield "| column | what |"
        yield "|---|---|"
        meaning = explanations(table.Row)
        for column in columns_of(table.Row):
            what = meaning.get(column, "").replace("|", r"\|")
            yield f"| `{column}` | {what} |"


def main() -> int:
    """Reads the command line; 0 if all pages are as they should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if a page is out of date")
    options = parser.parse_args()
    outdated = 0
    for path, tables in pages().items():
        page = path.read_text(encoding="utf-8")
        new = written(page, tables)
        if new == page:
            continue
        outdated += 1
        if options.check:
            print(f"{path.name} is out of date; run scripts/write_table_docs.py")
        else:
            path.write_text(new, encoding="utf-8")
            print(f"{path.name} is written")
    return outdated if options.check else 0


if __name__ == "__main__":
    script_input.ends(main)
