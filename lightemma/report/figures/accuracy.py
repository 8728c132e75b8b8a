"""Figures: what accuracy costs, in dollars and in seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.tables.summary import Summary, SummaryRow
from lightemma.report.figures.scale import reach, short
from lightemma.report.figures.style import FAINT, new_figure, plain_numbers, run_styles, shown, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Spent:
    """One run's price and accuracy.

    Attributes:
        run: its name.
        price: dollars or seconds per frame.
        error: average L2, metres.
    """

    run: str
    price: float
    error: float


def cost_figure(comparison: Comparison) -> Figure:
    """Average L2 against dollars per frame (logarithmic), with the Pareto front; runs of unknown cost are left out."""
    return _figure(comparison, "cost_usd_per_frame", "cost per frame (US$, log scale)", "cost")


def latency_figure(comparison: Comparison) -> Figure:
    """Average L2 against mean seconds per frame (logarithmic), with the Pareto front; unknown ones are left out."""
    return _figure(comparison, "latency_mean_s", "mean latency per frame, all stages (s, log scale)", "latency")


def spent(rows: Sequence[SummaryRow], column: str) -> list[Spent]:
    """The runs whose price (a column of the summary) and error are known; a price of 0 has no place on a log axis."""
    found = [Spent(row.run, float(getattr(row, column)), row.l2_avg) for row in rows]
    return [one for one in found if math.isfinite(one.price) and one.price > 0 and math.isfinite(one.error)]


def pareto_front(runs: Sequence[Spent]) -> list[Spent]:
    """The runs that no other run beats in both price and error, cheapest first."""
    front: list[Spent] = []
    for one in sorted(runs, key=lambda run: (run.price, run.error)):
        if not front or one.error < front[-1].error:
            front.append(one)
    return front


@styled()
def _figure(comparison: Comparison, column: str, label: str, price: str) -> Figure:
    runs = spent(comparison.rows(Summary), column)
    figure = new_figure(7.6, 4.4)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    limit = 1.12 * reach([row.l2_avg for row in comparison.rows(Summary)])
    front = pareto_front(runs)
    axes.plot(
        [one.price for one in front], [one.error for one in front],
        color=FAINT, lw=1.2, drawstyle="steps-post", zorder=1, label="Pareto front",
    )  # fmt: skip
    styles = run_styles([row.run for row in comparison.rows(Summary)])
    for one in runs:
        _draw_run(axes, one, styles[one.run].colour, styles[one.run].marker, limit)
    for row in comparison.rows(Summary):
        if row.run not in {one.run for one in runs} and row.planner == "constant-action":
            axes.axhline(row.l2_avg, color="black", linestyle="--", lw=1.0, label=f"{shown(row.run, 40)} (no model)")
    if limit:
        axes.set_ylim(0.0, limit)
    axes.margins(x=0.12)
    plain_numbers(axes, "x")
    axes.set_xlabel(label)
    axes.set_ylabel(f"average L2 (m), convention {comparison.convention}")
    axes.set_title(
        f"Accuracy and {price}: {comparison.frames} frames of {comparison.scenes} scenes\nlower left is better"
    )
    if not runs:
        axes.text(0.5, 0.5, f"no run has a known {price}", transform=axes.transAxes, ha="center", color=FAINT)
    figure.legend(loc="outside right upper")
    return figure


def _draw_run(axes: Axes, one: Spent, colour: str, marker: str, limit: float) -> None:
    off = one.error > limit
    height = 0.97 * limit if off else one.error
    axes.plot(
        [one.price], [height], color=colour, marker=marker, markersize=8, linestyle="none", label=shown(one.run, 40)
    )
    if off:
        axes.annotate(
            f"\u2191 {short(one.error)} m", (one.price, height), (0, -8), textcoords="offset points",
            ha="center", va="top", fontsize=8,
        )  # fmt: skip
