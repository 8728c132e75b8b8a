"""mirror: left becomes right."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np

from lightemma.frame import EgoHistory, FloatArray, Frame, PixelArray, Pose
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.probes.calibration import calibrated
from lightemma.probes.geometry import Warp, Window, mirror_image, outside, warped
from lightemma.run_folder.probe_entry import Law


class Mirror(Probe):
    """The picture is mirrored, with its calibration, and curvatures and places to the left change their sign.

    The same camera sees the mirrored world, so that one which looks a little aside does not look to the other side; the few
    columns at one edge that it then has no picture of are those of the plain flipped picture. The traffic side is mirrored
    too: cars that kept to the right now keep to the left. A planner that knows the side from habit, and not from the picture,
    breaks the law there; the table has a row of its own for straight roads, and one for each traffic side.
    """

    name: ClassVar[str] = "mirror"
    group: ClassVar[Group] = "geometry"
    law = Law("In the mirror the plan is the mirror image.", "mirrors", tolerance=0.05)

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Mirrors the whole frame, what happens next included."""
        history = EgoHistory(mirrored(frame.history.positions), mirrored(frame.history.actions), frame.history.known)
        camera = calibrated(frame)
        altered = flipped if camera is None else partial(_mirrored_picture, warp=mirror_image(camera))
        return Probed(
            replace(
                frame,
                altered=altered,
                history=history,
                pose=Pose(frame.pose.x, -frame.pose.y + 0.0, -frame.pose.heading + 0.0),
                future=None if frame.future is None else mirrored(frame.future),
            )
        )


def mirrored(pairs: FloatArray) -> FloatArray:
    """Places or actions with left and right exchanged: (..., 2) with the second of each pair negated."""
    # Adding 0.0 turns -0.0 into 0.0, so that a prompt never reads "-0.0".
    exchanged: FloatArray = pairs * np.array([1.0, -1.0]) + 0.0
    return exchanged


def flipped(pixels: PixelArray) -> PixelArray:
    """The picture with its columns in reverse order."""
    return np.ascontiguousarray(pixels[:, ::-1])


def _mirrored_picture(pixels: PixelArray, warp: Warp) -> PixelArray:
    height, width = pixels.shape[:2]
    missing = outside(warp, (width, height))
    return np.where(missing[:, :, None], flipped(pixels), warped(pixels, warp, Window(0, 0, (width, height))))
