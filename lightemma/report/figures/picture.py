"""The front camera's picture with paths on the road."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lightemma.frame import Camera, FloatArray
from lightemma.report.camera_view import boxes_in_picture, paths_in_picture, points_in_picture
from lightemma.report.figures.birdseye import TRUTH_NAME, PlannedPath
from lightemma.report.figures.style import RunStyle, outlined, run_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Pixels = npt.NDArray[np.uint8]


def draw_picture(
    axes: Axes,
    picture: Pixels,
    camera: Camera,
    truth: FloatArray,
    plans: Sequence[PlannedPath],
    boxes: FloatArray | None = None,
    styles: dict[str, RunStyle] | None = None,
) -> None:
    """Draws a picture with the recorded path (white with a black rim) and planned ones, as if painted on a flat road.

    Args:
        axes: where to.
        picture: (height, width, 3).
        camera: the front camera.
        truth: (6, 2) metres, ego frame.
        plans: what was planned.
        boxes: (k, 4, 2) metres, ego frame, corners of other road users on the ground.
        styles: of the runs; by their order if None.
    """
    styles = styles or run_styles([plan.name for plan in plans])
    height, width = picture.shape[:2]
    size = (width, height)
    axes.imshow(picture, interpolation="lanczos" if width < 800 else "antialiased", zorder=0)
    for piece in boxes_in_picture(camera, boxes, size) if boxes is not None else ():
        axes.plot(piece[:, 0], piece[:, 1], color="#bdbdbd", lw=1.0, zorder=1)
    # Trajectories by place, not by name: a run may be called like the recorded path.
    drawn = [(truth, RunStyle("white", "-", "o"), TRUTH_NAME, "black")]
    drawn += [(plan.trajectory, styles[plan.name], plan.name, "white") for plan in plans if plan.trajectory is not None]
    pieces = paths_in_picture(camera, {str(index): path for index, (path, *_) in enumerate(drawn)}, size)
    for index, (path, style, _, rim) in enumerate(drawn):
        for piece in pieces[str(index)]:
            axes.plot(
                piece[:, 0], piece[:, 1], color=style.colour, linestyle=style.line, lw=2.2, zorder=2 + index,
                path_effects=outlined(rim, 3.6), solid_capstyle="round",
            )  # fmt: skip
        points = points_in_picture(camera, path, size)
        axes.plot(
            points[:, 0], points[:, 1], color=style.colour, linestyle="none", marker=style.marker, markersize=5,
            markeredgecolor="black" if rim == "black" else "white", markeredgewidth=0.6, zorder=2 + index,
        )  # fmt: skip
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_axis_off()
