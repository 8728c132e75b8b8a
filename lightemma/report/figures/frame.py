"""Figure: one frame, as the camera saw it and from above, with every run's path and actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lightemma.evaluation.metrics.displacement import step_errors
from lightemma.frame import Camera, FloatArray
from lightemma.report.figures.birdseye import TRUTH_NAME, PlannedPath, draw_birdseye
from lightemma.report.figures.picture import Pixels, draw_picture
from lightemma.report.figures.scale import short
from lightemma.report.figures.style import RunStyle, new_figure, run_styles, shown, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class FrameView:
    """What is known of one frame, the same for every run.

    Attributes:
        scene: name of the scene.
        frame_index: place among the scene's frames.
        sample_token: the key frame's token.
        truth: (6, 2) metres, ego frame, where the recorded car went.
        history: (n, 2) metres, ego frame, where it came from, the last being the origin.
        now: (2,) current speed (m/s) and curvature (1/m).
        picture: (height, width, 3), or None where there is none.
        camera: the front camera, or None.
        boxes: (k, 4, 2) metres, ego frame, corners of other road users; None where unknown.
        truth_name: what the legend calls the truth.
    """

    scene: str
    frame_index: int
    sample_token: str
    truth: FloatArray
    history: FloatArray
    now: FloatArray
    picture: Pixels | None = None
    camera: Camera | None = None
    boxes: FloatArray | None = None
    truth_name: str = TRUTH_NAME


@styled()
def frame_figure(view: FrameView, plans: Sequence[PlannedPath], *, panels: bool = False) -> Figure:
    """One frame: the picture with all paths, the bird's-eye view, and a table of the six actions and the outcome.

    Args:
        view: the frame; without a picture or a camera the bird's-eye view is drawn alone.
        plans: one per run.
        panels: one picture per run below each other instead of one with all paths.
    """
    styles = run_styles([plan.name for plan in plans])
    table_height = 0.45 + 0.22 * (len(plans) + 1)
    has_picture = view.picture is not None and view.camera is not None
    groups = [[plan] for plan in plans] if panels and has_picture else [list(plans)]
    rows = -(-len(groups) // 2) if panels else 1
    body = max(4.3, 2.3 * rows)
    figure = new_figure(12.5 if has_picture else 8.6, body + table_height + 0.5)
    halves = figure.add_gridspec(2, 1, height_ratios=[body + 0.5, table_height])
    above, below = figure.add_subfigure(halves[0]), figure.add_subfigure(halves[1])
    if view.picture is not None and view.camera is not None:
        sides = above.add_gridspec(1, 2, width_ratios=[2.1, 1.0])
        left, right = above.add_subfigure(sides[0]), above.add_subfigure(sides[1])
        grid = left.subplots(rows, 2 if len(groups) > 1 else 1, squeeze=False).ravel()
        for axes, group in zip(grid, groups, strict=False):
            draw_picture(axes, view.picture, view.camera, view.truth, group, view.boxes, styles)
            if len(groups) > 1:
                axes.set_title(shown(group[0].name, 40), fontsize=8.5)
        for axes in grid[len(groups) :]:
            axes.set_axis_off()
    else:
        right = above
    axes = right.subplots()
    draw_birdseye(axes, view.truth, view.history, plans, view.boxes, styles, truth_name=view.truth_name)
    right.legend(loc="outside right upper" if right is above else "outside lower center", ncols=1)
    figure.suptitle(
        f"{shown(view.scene, 60)}, frame {view.frame_index} ({shown(view.sample_token, 60)}): "
        f"now {view.now[0]:.1f} m/s, curvature {view.now[1]:+.3f} 1/m",
        fontsize=10, x=0.01, ha="left",
    )  # fmt: skip
    _draw_table(below.subplots(), view, plans, styles)
    return figure


def _draw_table(axes: Axes, view: FrameView, plans: Sequence[PlannedPath], styles: dict[str, RunStyle]) -> None:
    axes.set_axis_off()
    head = ["run", *(f"{0.5 * step:.1f} s" for step in range(1, 7)), "avg L2 (m)", "outcome"]
    recorded = [
        view.truth_name,
        *("\u2013" if np.isnan(x) else f"{x:.1f}, {y:+.1f}".replace("-", "\u2212") for x, y in view.truth),
        "",
        "places x, y (m)",
    ]
    cells = [recorded] + [
        [shown(plan.name, 34), *_numbers(plan, view.truth), shown(plan.outcome, 26)] for plan in plans
    ]
    table = axes.table(
        cells, colLabels=head, cellLoc="center", loc="upper center",
        colWidths=[0.18, *[0.092] * 6, 0.075, 0.19], edges="horizontal",
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    for row in range(len(cells) + 1):
        table[row, 0].set_text_props(ha="left")
        for column in range(len(head)):
            table[row, column].set_edgecolor("#bbbbbb")
    for row, plan in enumerate(plans, start=2):
        table[row, 0].get_text().set_color(styles[plan.name].colour)
    axes.set_title("actions: speed (m/s), curvature (1/m); avg L2: convention lightemma", fontsize=8.5)


def _numbers(plan: PlannedPath, truth: FloatArray) -> list[str]:
    if plan.trajectory is None or plan.actions is None:
        return ["\u2013"] * 7
    error = float(np.mean(step_errors(plan.trajectory, truth)))
    known = "\u2013" if np.isnan(error) else short(error)
    return [*(f"{short(speed)}, {_curvature(curvature)}" for speed, curvature in plan.actions.tolist()), known]


def _curvature(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\u2212") if abs(value) < 10 else short(value, sign=True)
