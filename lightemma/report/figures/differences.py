"""Figure: by how much each run is better or worse than constant-action, and how sure that is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.scores import BASELINE
from lightemma.evaluation.tables.summary import Summary, SummaryRow
from lightemma.report.figures.scale import reach, short
from lightemma.report.figures.style import new_figure, run_styles, shown, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def by_difference(comparison: Comparison) -> list[SummaryRow]:
    """The rows of all runs but the baseline, best difference first; unknown ones last."""
    rows = [row for row in comparison.rows(Summary) if row.planner != BASELINE]
    return sorted(rows, key=lambda row: (math.isnan(row.diff_vs_baseline), row.diff_vs_baseline))


@styled()
def difference_figure(comparison: Comparison) -> Figure:
    """One line per run: average L2 minus that of constant-action on the same frames, with its 95 % interval."""
    rows = by_difference(comparison)
    styles = run_styles([row.run for row in comparison.rows(Summary)])
    figure = new_figure(8.0, 1.8 + 0.32 * max(len(rows), 2))
    axes = figure.add_subplot()
    limit = max(1.15 * reach([_extent(row) for row in rows]), 1e-3)
    # Left of zero only what is needed, so that the intervals get the room.
    low = min((end for row in rows if _extent(row) <= limit for end in _ends(row)), default=0.0)
    axes.set_xlim(min(1.15 * low, -0.1 * limit), limit)
    axes.axvline(0.0, color="black", lw=1.0, linestyle="--")
    for place, row in enumerate(rows):
        _draw_row(axes, place, row, styles[row.run].colour, limit)
    axes.set_yticks(range(len(rows)), [shown(row.run, 40) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"average L2 minus that of constant-action (m), convention {comparison.convention}")
    axes.set_title(
        f"Against constant-action: {comparison.frames} frames of {comparison.scenes} scenes\n"
        "left is better; bars: 95 % over scenes; * significant (Holm); each run on its own ok frames"
    )
    return figure


def _extent(row: SummaryRow) -> float:
    return max((abs(end) for end in _ends(row)), default=math.nan)


def _ends(row: SummaryRow) -> list[float]:
    return [end for end in (row.diff_vs_baseline, row.ci_low, row.ci_high) if math.isfinite(end)]


def _draw_row(axes: Axes, place: int, row: SummaryRow, colour: str, limit: float) -> None:
    known = math.isfinite(row.ci_low) and math.isfinite(row.ci_high)
    interval = f" [{short(row.ci_low, sign=True)}, {short(row.ci_high, sign=True)}]" if known else " [one scene]"
    label = "no ok frame" if math.isnan(row.diff_vs_baseline) else short(row.diff_vs_baseline, sign=True) + interval
    label += " *" if row.significant else ""
    if abs(row.diff_vs_baseline) > limit:
        side = math.copysign(1.0, row.diff_vs_baseline)
        axes.plot([side * 0.985 * limit], [place], marker=">" if side > 0 else "<", color=colour, markersize=7)
        label = f"off the axis: {label}"
    elif not math.isnan(row.diff_vs_baseline):
        if known:
            axes.plot([row.ci_low, row.ci_high], [place, place], color=colour, lw=2.4, solid_capstyle="butt")
        axes.plot([row.diff_vs_baseline], [place], marker="o", color=colour, markersize=6)
    axes.annotate(
        label,
        (1.0, place),
        (6, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=8,
    )
