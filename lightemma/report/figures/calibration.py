"""Figure: what the car really did, by the speed or curvature that a run had planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.tables.calibration import Calibration, CalibrationRow
from lightemma.evaluation.tables.summary import Summary
from lightemma.report.figures.style import FAINT, new_figure, run_styles, shown, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Bins with fewer frames say nothing.
LEAST_FRAMES = 10
HORIZON = 2.0  # seconds; the last for which the table has both quantities

_PANELS = (("speed", "m/s"), ("curvature", "1/m, positive = left"))


@styled()
def calibration_figure(comparison: Comparison) -> Figure:
    """Mean recorded against mean planned speed and curvature at 2 s, by bins of the planned value (10 frames or more)."""
    figure = new_figure(10.4, 4.7)
    styles = run_styles([row.run for row in comparison.rows(Summary)])
    for axes, (quantity, unit) in zip(figure.subplots(1, 2), _PANELS, strict=True):
        bins = calibration_bins(comparison, quantity)
        for name, rows in bins.items():
            style = styles[name]
            axes.plot(
                [row.planned_mean for row in rows], [row.recorded_mean for row in rows], lw=1.3,
                color=style.colour, linestyle=style.line, marker=style.marker,
                label=shown(name, 40) if quantity == "speed" else None,
            )  # fmt: skip
        _frame_it(axes, [row for rows in bins.values() for row in rows])
        axes.set_xlabel(f"planned {quantity} ({unit})")
        axes.set_ylabel(f"recorded {quantity} ({unit})")
    figure.suptitle(
        f"Calibration at {HORIZON:g} s: what the car did, by what the run had planned (means of bins)\n"
        f"{comparison.frames} frames of {comparison.scenes} scenes; each run on its own ok frames; grey: recorded = planned",
        fontsize=10, x=0.01, ha="left",
    )  # fmt: skip
    figure.legend(loc="outside right upper")
    return figure


def calibration_bins(comparison: Comparison, quantity: str) -> dict[str, list[CalibrationRow]]:
    """Run -> the bins that are drawn, in order of the planned value."""
    bins: dict[str, list[CalibrationRow]] = {row.run: [] for row in comparison.rows(Summary)}
    for row in comparison.rows(Calibration):
        if row.quantity == quantity and np.isclose(row.horizon_s, HORIZON) and row.frames >= LEAST_FRAMES:
            bins[row.run].append(row)
    return {name: sorted(rows, key=lambda row: row.planned_mean) for name, rows in bins.items()}


def _frame_it(axes: Axes, rows: list[CalibrationRow]) -> None:
    """Both axes over what was recorded and what was planned within the closed bins, with the line of perfect plans."""
    from matplotlib.ticker import MaxNLocator

    closed = [row for row in rows if np.isfinite(row.bin_low) and np.isfinite(row.bin_high)]
    seen = [row.recorded_mean for row in rows] + [row.planned_mean for row in closed]
    known = [value for value in seen if np.isfinite(value)] or [0.0, 1.0]
    room = 0.08 * max(max(known) - min(known), 1e-3)
    axes.set_xlim(min(known) - room, max(known) + room)
    recorded = [row.recorded_mean for row in rows if np.isfinite(row.recorded_mean)] or [0.0, 1.0]
    axes.set_ylim(min(recorded) - room, max(recorded) + room)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.axline((0.0, 0.0), slope=1.0, color=FAINT, lw=1.0, zorder=1)
