"""Writes the tables of docs/adding-a-model.md that come from code: the fields of ``Facts``, and what follows from failures.

python scripts/provider_tables.py          # writes them
python scripts/provider_tables.py --check  # says whether they are up to date
"""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from pathlib import Path

from lightemma.backends.facts import Facts
from lightemma.failures import FAILURES

PAGE = Path(__file__).resolve().parents[1] / "docs" / "adding-a-model.md"


def facts_table() -> str:
    """The fields of ``Facts`` with their documentation."""
    described = re.findall(
        r"^        (\w+): (.*?)(?=^        \w+: |^    \"\"\"|\Z)", Facts.__doc__ or "", re.MULTILINE | re.DOTALL
    )
    text = {name: " ".join(meaning.split()).replace("``", "`") for name, meaning in described}
    rows = [f"| `{field.name}` | {text[field.name]} |" for field in fields(Facts)]
    return "\n".join(["| fact | meaning |", "|---|---|", *rows])


def failures_table() -> str:
    """What follows from each kind of failure."""
    head = (
        "| kind | meaning | tried again | outage waited for | ends the run | fewer calls | server checked | process replaced "
        "| may be charged |"
    )
    rows = []
    for kind, follows in FAILURES.items():
        flags = (
            follows.retried,
            follows.outage,
            follows.fatal,
            follows.slows_down,
            follows.server_suspect,
            follows.process_suspect,
            follows.may_be_charged,
        )
        rows.append(f"| `{kind}` | {follows.sentence} | {' | '.join('yes' if flag else '' for flag in flags)} |")
    return "\n".join([head, "|---|---|---|---|---|---|---|---|---|", *rows])


def page(text: str) -> str:
    """The page with its tables as they should be."""
    for name, table in (("facts", facts_table()), ("failures", failures_table())):
        start, end = f"<!-- table: {name} -->\n", "\n<!-- end -->"
        before, _, rest = text.partition(start)
        text = before + start + table + end + rest.partition(end)[2]
    return text


def main() -> int:
    """Writes or checks; the exit status is 1 if a check finds a difference."""
    text = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        return int(page(text) != text)
    PAGE.write_text(page(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
