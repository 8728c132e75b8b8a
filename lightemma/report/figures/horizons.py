"""Figure: how the error grows with the horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.tables.horizons import HorizonRow, Horizons
from lightemma.report.figures.scale import reach, short
from lightemma.report.figures.style import new_figure, run_styles, shown, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled()
def horizon_figure(comparison: Comparison) -> Figure:
    """Mean displacement at 0.5, 1, … 3 s, each run on its own ok frames, with 95 % bands over scenes."""
    growth: dict[str, list[HorizonRow]] = {}
    for row in comparison.rows(Horizons):
        growth.setdefault(row.run, []).append(row)
    figure = new_figure(8.0, 4.6)
    axes = figure.add_subplot()
    styles = run_styles(growth)
    for name, steps in growth.items():
        style = styles[name]
        seconds = [step.horizon_s for step in steps]
        axes.plot(
            seconds, [step.error for step in steps],
            color=style.colour, linestyle=style.line, marker=style.marker, label=shown(name, 40),
        )  # fmt: skip
        axes.fill_between(
            seconds,
            [step.ci_low for step in steps],
            [step.ci_high for step in steps],
            color=style.colour,
            alpha=0.12,
            lw=0,
        )
    _fit(axes, growth)
    axes.set_xticks(sorted({row.horizon_s for row in comparison.rows(Horizons)}))
    axes.set_xlabel("horizon (s)")
    axes.set_ylabel("mean displacement at the step (m)")
    axes.set_title(
        "Error by horizon: step errors, before any L2 convention\n"
        f"{comparison.frames} frames of {comparison.scenes} scenes; each run on its own ok frames; bands: 95 % over scenes"
    )
    figure.legend(loc="outside right upper")
    return figure


def _fit(axes: Axes, growth: dict[str, list[HorizonRow]]) -> None:
    """Cuts the axis above the runs that belong together, and says who left it."""
    last = {name: steps[-1].error for name, steps in growth.items()}
    limit = reach(last.values())
    if not limit:
        return
    tops = [step.ci_high for name, steps in growth.items() if last[name] <= limit for step in steps]
    axes.set_ylim(0.0, 1.05 * max([limit, *(top for top in tops if np.isfinite(top) and top <= 2 * limit)]))
    far = [f"\u2191 {shown(name, 40)}: {short(mean)} m at the end" for name, mean in last.items() if mean > limit]
    if far:
        axes.text(0.015, 0.985, "\n".join(["off the axis:", *far]), transform=axes.transAxes, va="top", fontsize=8)
