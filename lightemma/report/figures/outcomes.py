"""Figure: how the frames ended that did not end well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.tables.errors import Errors
from lightemma.evaluation.tables.summary import Summary
from lightemma.report.figures.style import COLOURS, new_figure, shown, styled
from lightemma.run_folder.records import OK, is_call_error, is_format_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HATCHES = ("", "////", "....", "xxxx")


@styled()
def outcome_figure(comparison: Comparison) -> Figure:
    """One bar per run: the share of frames by kind of failure, plans beyond physics (scored all the same) among them."""
    runs = [row.run for row in comparison.rows(Summary)]
    shares = {(row.run, row.outcome): row.share for row in comparison.rows(Errors) if row.outcome != OK}
    # Answers outside the format first, then failed calls, then scored but implausible plans; each by name.
    kinds = sorted({kind for _, kind in shares}, key=_place)
    figure = new_figure(8.4, 1.7 + 0.32 * max(len(runs), 3))
    axes = figure.add_subplot()
    left = np.zeros(len(runs))
    for index, kind in enumerate(kinds):
        widths = np.array([100.0 * shares.get((run, kind), 0.0) for run in runs])
        axes.barh(
            np.arange(len(runs)), widths, left=left, height=0.68, label=_label(kind), color=COLOURS[index % len(COLOURS)],
            hatch=_HATCHES[index // len(COLOURS) % len(_HATCHES)], edgecolor="white", linewidth=0.4,
        )  # fmt: skip
        left += widths
    for place, (row, end) in enumerate(zip(comparison.rows(Summary), left.tolist(), strict=True)):
        axes.text(end, place, f" {_percent(row.format_error_rate + row.call_error_rate)}", va="center", fontsize=8)
    axes.set_yticks(range(len(runs)), [shown(run, 40) for run in runs])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0.0, max(1.12 * float(left.max(initial=0.0)), 1.0))
    axes.set_xlabel("share of frames (%)")
    axes.set_title(
        f"Frames without a scored plan (number): {comparison.frames} frames of {comparison.scenes} scenes\n"
        "and scored plans beyond physics"
    )
    if kinds:
        figure.legend(loc="outside right upper")
    return figure


def _place(kind: str) -> tuple[bool, bool, str]:
    return not is_format_error(kind), not is_call_error(kind), kind


def _percent(share: float) -> str:
    return "<0.1 %" if 0 < share < 5e-4 else f"{100 * share:.1f} %"


def _label(kind: str) -> str:
    family, _, name = shown(kind, 40).partition(":")
    names = {"format": "format", "call": "no answer", "ok": "scored"}
    return f"{names.get(family, family)}: {name.replace('_', ' ')}"
