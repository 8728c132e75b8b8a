"""Figure: where runs are better and worse than constant-action, stratum by stratum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.scores import BASELINE
from lightemma.evaluation.strata import SCENE_FAMILY
from lightemma.evaluation.tables.strata import Strata, StratumRow
from lightemma.evaluation.tables.summary import Summary
from lightemma.report.figures.scale import reach, short
from lightemma.report.figures.style import INK, new_figure, shown, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled()
def strata_figure(comparison: Comparison) -> Figure:
    """Runs by strata (but for single scenes): the difference of average L2 to constant-action on the same frames.

    An asterisk marks differences that are significant after the correction for the whole table.
    """
    baseline = {row.run for row in comparison.rows(Summary) if row.planner == BASELINE}
    chosen = [row for row in comparison.rows(Strata) if _family(row.stratum) != SCENE_FAMILY]
    names = list(dict.fromkeys(row.stratum for row in chosen))
    runs = [row.run for row in comparison.rows(Summary) if row.run not in baseline]
    sizes = {row.stratum: row.frames for row in chosen if row.run in baseline}
    cells = {(row.run, row.stratum): row for row in chosen if row.run not in baseline}
    values = np.full((len(runs), len(names)), np.nan)
    for (run, stratum), row in cells.items():
        values[runs.index(run), names.index(stratum)] = row.diff_vs_baseline
    figure = new_figure(3.0 + 0.52 * max(len(names), 6), 2.6 + 0.3 * max(len(runs), 2))
    axes = figure.add_subplot()
    # By runs, not by cells: one run far off must not bleach the others.
    worst = np.where(np.isnan(values), 0.0, np.abs(values)).max(axis=1, initial=0.0)
    limit = max(reach(worst), 1e-3)
    image = axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto") if values.size else None
    for (run, stratum), row in cells.items():
        axes.text(
            names.index(stratum), runs.index(run), cell_text(row), ha="center", va="center", fontsize=7,
            color="white" if abs(row.diff_vs_baseline) > 0.6 * limit else "black",
        )  # fmt: skip
    axes.set_xticks(range(len(names)), [_label(name, sizes.get(name)) for name in names], rotation=40, ha="right")
    axes.set_yticks(range(len(runs)), [shown(run, 40) for run in runs])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    _head_families(axes, names)
    if image is not None:
        bar = figure.colorbar(image, ax=axes, extend="both" if worst.max() > limit else "neither", pad=0.01)
        bar.set_label("difference (m); red is worse")
    axes.set_title(
        f"Average L2 minus that of constant-action (m), convention {comparison.convention}\n"
        "* significant at 5 % after Holm's correction for the whole table",
        pad=22,
    )
    return figure


def cell_text(row: StratumRow) -> str:
    """The difference, an asterisk after it if it is significant; nothing where it is unknown."""
    if math.isnan(row.diff_vs_baseline):
        return ""
    return short(row.diff_vs_baseline, sign=True) + ("*" if row.significant else "")


def _family(stratum: str) -> str:
    return stratum.split(":", 1)[0]


def _head_families(axes: Axes, names: Sequence[str]) -> None:
    """Writes each family's name over its columns and draws a line between families."""
    for index, name in enumerate(names):
        if index and _family(names[index - 1]) == _family(name):
            continue
        if index:
            axes.axvline(index - 0.5, color=INK, lw=1.5)
        axes.annotate(
            shown(_family(name), 20), (index - 0.45, 1.0), (0, 4), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=8.5, color=INK,
        )  # fmt: skip


def _label(stratum: str, frames: int | None) -> str:
    name = shown(stratum.split(": ", 1)[-1], 40)
    return name if frames is None else f"{name} ({frames})"
