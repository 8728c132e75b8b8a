"""What a notebook shows of a run and of a comparison. Names and sentences come from outside: everything is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.headline import headline
from lightemma.evaluation.metrics.displacement import CONVENTIONS, l2
from lightemma.evaluation.scores import RunScores
from lightemma.outside_text import one_line
from lightemma.paper_tables import PaperCell, PaperTable, decimal


def run_html(scores: RunScores) -> str:
    """A stored run: what was driven by whom, how its frames ended, and its L2 by every convention."""
    manifest = scores.manifest
    ok, frames = int(scores.ok.sum()), len(scores.tokens)
    rows = [("planner", scores.planner)]
    if manifest is not None:
        version = f"@{manifest.data.version}" if manifest.data.version else ""
        data = f"{manifest.data.source}:{manifest.data.name}{version}"
        rows += [("model", manifest.model_name or "–"), ("data", data), ("told", manifest.known_inputs.words)]
    rows.append(("frames with a plan", f"{ok} of {frames}, {len(set(scores.scenes))} scenes"))
    for convention in CONVENTIONS:
        found = l2(scores.errors[scores.ok], convention).mean(axis=0) if ok else np.full(4, np.nan)
        one, two, three, average = map(decimal, found.tolist())
        rows.append((f"L2 {convention}", f"{one} / {two} / {three} m at 1 / 2 / 3 s, average {average} m"))
    body = "".join(
        f"<tr><th style='text-align:left'>{text(name)}</th><td>{text(value)}</td></tr>" for name, value in rows
    )
    return f"<table><caption><b>{text(scores.name)}</b></caption><tbody>{body}</tbody></table>"


def comparison_html(comparison: Comparison) -> str:
    """A comparison: its answer, the table for a paper, and the names of all tables."""
    filled = [name for name, built in comparison.tables.items() if built.rows]
    names = ", ".join(f"<code>{text(name)}</code>" for name in filled)
    return (
        f"<p><b>{text(headline(comparison).sentence)}</b></p>{paper_html(comparison.paper())}"
        f"<p>Tables with rows: {names}.</p>"
    )


def paper_html(table: PaperTable) -> str:
    """The table for a paper as HTML."""
    best = table.best()
    head = "".join(f"<th>{text(column.whole)}</th>" for column in table.columns)
    groups = "".join(
        f"<tbody>{''.join(_row(row.cells, best if row.ranked else [set() for _ in best]) for row in rows)}</tbody>"
        for rows in table.groups
        if rows
    )
    notes = " ".join(f"{text(mark)} {text(words)}" for mark, words in table.explained)
    return (
        f"<table><caption>{text(table.caption)}</caption><thead><tr>{head}</tr></thead>{groups}</table>"
        f"<p><small>{notes}</small></p>"
    )


def text(value: str) -> str:
    """Text of which HTML makes nothing but text, in one line."""
    return escape(one_line(value))


def _row(cells: Sequence[PaperCell], best: Iterable[set[str]]) -> str:
    shown = (
        f"<td>{'<b>' if cell.text in top else ''}{text(cell.text)}{'</b>' if cell.text in top else ''}{text(cell.marks)}</td>"
        for cell, top in zip(cells, best, strict=True)
    )
    return f"<tr>{''.join(shown)}</tr>"
