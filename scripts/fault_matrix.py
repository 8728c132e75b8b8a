"""Prints what every kind of server fault ends in, with the real packages of the three families; status 1 if one is not right.

    python scripts/fault_matrix.py                     # everything: about a minute
    python scripts/fault_matrix.py --kinds "too much"  # kinds whose group or name holds these words

Each fault is served on this machine and asked for through the backends, the retries and the response cache of lightemma. A cell
says how the last question ended, how many requests the server got, and whether the answer was kept in the cache.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import script_input

from tests.fake_providers.fault_kinds import FAMILIES, Kind, kinds
from tests.fake_providers.matrix import Row, matrix


def chosen(words: list[str]) -> list[Kind]:
    """The kinds whose group or name holds one of the words; all if there are none."""
    return [
        kind
        for kind in kinds()
        if not words or any(word.lower() in f"{kind.group}: {kind.name}".lower() for word in words)
    ]


def lines(rows: list[Row]) -> list[str]:
    """The table, with statuses in a row that ended alike in one line."""
    table = [
        "| kind | " + " | ".join(FAMILIES) + " | expected | |",
        "|---|" + "---|" * (len(FAMILIES) + 2),
    ]
    for (group, cells, right, good), alike in groupby(rows, _shown):
        names = [row.kind.name for row in alike]
        spans = [names] if group == "status" else [[name] for name in names]
        for span in spans:
            name = span[0] if len(span) == 1 else f"{span[0]} to {span[-1].removeprefix('HTTP ')}"
            table.append(f"| {group}: {name} | {' | '.join(cells)} | {right} | {'ok' if good else 'NOT'} |")
    return table


def _shown(row: Row) -> tuple[str, tuple[str, ...], str, bool]:
    cells = tuple(str(row.ended[name]) if name in row.ended else "–" for name in FAMILIES)
    differs = "".join(f"; {name}: {right}" for name, right in row.kind.differs.items())
    return row.kind.group, cells, row.kind.right + differs, row.right


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", action="append", default=[], metavar="WORDS", help="only these; repeatable")
    said = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(matrix(chosen(said.kinds), Path(folder)))
    wrong = sum(not row.right for row in rows)
    tried = sum(len(row.ended) for row in rows)
    print("\n".join(lines(rows)))
    print(f"\n{len(rows)} kinds, {tried} tried, {wrong} not as expected, {time.monotonic() - started:.0f} s.")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    script_input.ends(main)
