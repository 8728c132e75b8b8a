"""The bird's-eye view: the car at the origin, its history, what was driven, and what was planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lightemma.frame import FloatArray
from lightemma.report.figures.style import FAINT, INK, RunStyle, outlined, run_styles, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Metres behind and ahead, and right and left (negative is behind, and right).
ViewLimits = tuple[tuple[float, float], tuple[float, float]]

TRUTH_NAME = "recorded"
#: The car's outline about its pose, metres (nuScenes' Renault Zoe; the pose is at the rear axle).
CAR = np.array([[3.34, 0.87], [3.34, -0.87], [-0.74, -0.87], [-0.74, 0.87]])
_LEAST_VIEW = 12.0  # metres ahead
_MOST_VIEW = 120.0


@dataclass(frozen=True)
class PlannedPath:
    """What one run planned in one frame.

    Attributes:
        name: of the run.
        trajectory: (6, 2) metres, ego frame; None where there is no plan.
        actions: (6, 2) pairs of speed (m/s) and curvature (1/m); None where there is no plan.
        outcome: how the frame ended.
    """

    name: str
    trajectory: FloatArray | None
    actions: FloatArray | None = None
    outcome: str = "ok"


def draw_birdseye(
    axes: Axes,
    truth: FloatArray,
    history: FloatArray,
    plans: Sequence[PlannedPath],
    boxes: FloatArray | None = None,
    styles: dict[str, RunStyle] | None = None,
    truth_name: str = TRUTH_NAME,
    limits: ViewLimits | None = None,
) -> None:
    """Draws the bird's-eye view: x ahead is up, y left is left, the same scale both ways.

    Args:
        axes: where to.
        truth: (6, 2) metres, ego frame, where the recorded car went.
        history: (n, 2) metres, ego frame, where it came from, the last being the origin.
        plans: what was planned; runs without a plan are named in the legend only.
        boxes: (k, 4, 2) metres, ego frame, corners of other road users.
        styles: of the runs; by their order if None.
        truth_name: what the legend calls the truth.
        limits: how far to look; as far as this frame needs if None.
    """
    styles = styles or run_styles([plan.name for plan in plans])
    limits = limits or view_limits(truth, history, plans)
    for box in boxes if boxes is not None else ():
        axes.fill(box[:, 1], box[:, 0], facecolor="#d9d9d9", edgecolor=FAINT, lw=0.8, zorder=1)
    axes.fill(CAR[:, 1], CAR[:, 0], facecolor="#bdbdbd", edgecolor=INK, lw=0.8, zorder=2)
    axes.plot(history[:, 1], history[:, 0], color=FAINT, lw=1.4, marker=".", zorder=3, label="history")
    _draw_path(axes, truth, RunStyle("white", "-", "o"), truth_name, True, 4)
    for order, plan in enumerate(plans):
        label = plan_label(plan, limits)
        path = plan.trajectory if plan.trajectory is not None else np.full((6, 2), np.nan)
        _draw_path(axes, path, styles[plan.name], label, False, 5 + order)
    (behind, ahead), (right, left) = limits
    axes.set_xlim(left, right)  # the wrong way round, since y grows to the left
    axes.set_ylim(behind, ahead)
    axes.set_aspect("equal")
    axes.set_xlabel("y, left (m)")
    axes.set_ylabel("x, ahead (m)")


def view_limits(truth: FloatArray, history: FloatArray, plans: Sequence[PlannedPath]) -> ViewLimits:
    """How far to look: all that was driven, and plans as far as twice that.

    Returns:
        Metres behind and ahead, and right and left.
    """
    truth = truth[np.isfinite(truth).all(axis=1)]  # a world may have none
    driven = float(np.abs(truth).max(initial=0.0))
    farthest = min(max(2.0 * driven, _LEAST_VIEW), _MOST_VIEW)
    paths = [truth, history, CAR]
    for plan in plans:
        if plan.trajectory is not None:
            near = np.abs(plan.trajectory).max(axis=1) <= farthest
            paths.append(plan.trajectory[near])
    points = np.concatenate(paths)
    ahead = max(float(points[:, 0].max()), _LEAST_VIEW)
    # The past is cut short: it is there to tell where the car came from, not how far.
    behind = max(float(points[:, 0].min()), -0.4 * ahead)
    room = 0.06 * (ahead - behind)
    wide = max(0.3 * (ahead - behind), float(np.abs(points[:, 1]).max())) + room
    return (behind - room, ahead + room), (-wide, wide)


def plan_label(plan: PlannedPath, limits: ViewLimits) -> str:
    """The run's name, and how the frame ended or that the plan leaves the view."""
    name = shown(plan.name, 32)
    if plan.trajectory is None:
        return f"{name} ({shown(plan.outcome, 40)})"
    (behind, ahead), (right, left) = limits
    x, y = plan.trajectory[:, 0], plan.trajectory[:, 1]
    inside = (x >= behind) & (x <= ahead) & (y >= right) & (y <= left)
    return name if inside.all() else f"{name} (leaves the view)"


def _draw_path(axes: Axes, path: FloatArray, style: RunStyle, label: str, rim: bool, order: int) -> None:
    whole = np.vstack([np.zeros((1, 2)), path])
    # Matplotlib cannot draw numbers as large as models can write.
    whole = np.where(np.abs(whole) <= 1e6, whole, np.sign(whole) * 1e6)
    ring = "black" if rim else style.colour
    axes.plot(
        whole[:, 1], whole[:, 0], color=style.colour, linestyle=style.line, lw=1.5, marker=style.marker, markersize=3.5,
        markeredgecolor=ring, markeredgewidth=0.7, label=label, zorder=order, markevery=slice(1, None),
        path_effects=outlined("black", 2.7) if rim else None,
    )  # fmt: skip
