"""Figure: the whole distribution of errors, which a mean hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.metrics.displacement import Convention, l2
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray
from lightemma.report.figures.style import new_figure, plain_numbers, run_styles, shown, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The axis: no run is closer than a centimetre, and beyond 100 m all plans are equally wrong.
_LOW, _HIGH = 0.01, 100.0

#: Shares at which the curves are drawn, so that a curve of 6,000 frames is no larger than one of 60.
SHARES = np.linspace(0.0, 1.0, 401)


def quantiles(run: RunScores, convention: Convention) -> FloatArray:
    """The average L2 (metres) below which each share of a run's ok frames is. (401,), at ``SHARES``; NaN without frames."""
    values = l2(run.errors[run.ok], convention)[:, 3]
    if not values.size:
        return np.full(SHARES.shape, np.nan)
    found: FloatArray = np.quantile(values, SHARES, method="inverted_cdf")
    return found


@styled()
def ecdf_figure(comparison: Comparison) -> Figure:
    """The share of frames (own ok frames) with an average L2 below x, x logarithmic."""
    runs, convention = comparison.study.runs, comparison.convention
    figure = new_figure(8.0, 4.6)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    styles = run_styles([run.name for run in runs])
    for run in runs:
        style = styles[run.name]
        values = np.maximum(quantiles(run, convention), 1e-4)
        axes.plot(
            values, 100.0 * SHARES, color=style.colour, linestyle=style.line, marker=style.marker, markevery=(20, 40),
            markersize=4, lw=1.3, label=shown(run.name, 40),
        )  # fmt: skip
    axes.set_xlim(_LOW, _HIGH)
    axes.set_ylim(0.0, 101.0)
    plain_numbers(axes, "x")
    axes.set_xlabel(f"average L2 (m, log scale), convention {convention}")
    axes.set_ylabel("share of ok frames at or below (%)")
    axes.set_title(f"Distribution of errors: {comparison.study.over}; each run on its own ok frames")
    figure.legend(loc="outside right upper")
    return figure
