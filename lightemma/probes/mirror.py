"""mirror: left becomes right."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from lightemma.frame import Camera, EgoHistory, FloatArray, Frame, PixelArray, Pose
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.probes.calibration import calibrated
from lightemma.run_folder.probe_entry import Law


class Mirror(Probe):
    """The picture is flipped, with its calibration, and curvatures and places to the left change their sign.

    The traffic side is flipped too: cars that kept to the right now keep to the left. A planner that knows the side from
    habit, and not from the picture, breaks the law there; the table has a row of its own for straight roads.
    """

    name: ClassVar[str] = "mirror"
    group: ClassVar[Group] = "geometry"
    law = Law("In the mirror the plan is the mirror image.", "mirrors", tolerance=0.05)

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Mirrors the whole frame, what happens next included."""
        history = EgoHistory(mirrored(frame.history.positions), mirrored(frame.history.actions), frame.history.known)
        camera = calibrated(frame) or frame.camera  # with the picture's size, where that can be known
        return Probed(
            replace(
                frame,
                altered=_flipped,
                camera=None if camera is None else mirrored_camera(camera),
                history=history,
                pose=Pose(frame.pose.x, -frame.pose.y + 0.0, -frame.pose.heading + 0.0),
                future=None if frame.future is None else mirrored(frame.future),
            )
        )


def mirrored(pairs: FloatArray) -> FloatArray:
    """Places or actions with left and right exchanged: (..., 2) with the second of each pair negated."""
    # Adding 0.0 turns -0.0 into 0.0, so that a prompt never reads "-0.0".
    return pairs * np.array([1.0, -1.0]) + 0.0


def mirrored_camera(camera: Camera) -> Camera:
    """The camera that sees the mirrored world as the mirrored picture.

    With S = diag(1, -1, 1) in the ego frame and C = diag(-1, 1, 1) in camera axes, the rotation R becomes S R C; its
    quaternion is that of R with w and z, and x and y, exchanged. The principal point moves to the other side of the
    middle: from column c to width - 1 - c.
    """
    intrinsic = np.array(camera.intrinsic, dtype=np.float64)
    if camera.size is not None:
        intrinsic[0, 2] = camera.size[0] - 1 - intrinsic[0, 2]
    intrinsic[0, 1] = -intrinsic[0, 1] + 0.0
    w, x, y, z = camera.rotation.tolist()
    return replace(
        camera,
        intrinsic=intrinsic,
        rotation=np.array([z, y, x, w]) * (-1.0 if z < 0 else 1.0),
        translation=camera.translation * np.array([1.0, -1.0, 1.0]) + 0.0,
    )


def _flipped(pixels: PixelArray) -> PixelArray:
    return np.ascontiguousarray(pixels[:, ::-1])
