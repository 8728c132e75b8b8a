"""yaw: the camera is turned to the left or right."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from lightemma.frame import Frame, Pose
from lightemma.kinematics import to_ego_frame
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.probes.calibration import calibrated
from lightemma.probes.geometry import cropped_camera, turned, views, warped
from lightemma.run_folder.probe_entry import Law

#: Degrees to the left.
TURNS = {"left-3": 3.0, "right-3": -3.0, "left-6": 6.0, "right-6": -6.0}


class Yaw(Probe):
    """The picture that the camera would have taken if it, and the car, had been turned on the spot, from the calibration.

    Exact for any scene, since the camera turns about its own centre. All turns, and no other pixels, show the field that
    they have in common. The history stays as it is: the picture alone says that the car points elsewhere.
    """

    name: ClassVar[str] = "yaw"
    group: ClassVar[Group] = "geometry"
    variants: ClassVar[tuple[str, ...]] = tuple(TURNS)
    needs: ClassVar[str] = "pictures with the camera's calibration"
    law = Law(
        "The plan turns back by the angle that the camera was turned: gain -1; 0 is blind.", "turns", tolerance=0.5
    )

    @property
    def angle(self) -> float:
        """Radians to the left."""
        return math.radians(TURNS[self.variant])

    def settings(self) -> dict[str, Any]:
        """The turn."""
        return {"degrees": TURNS[self.variant]}

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Turns the car with its camera."""
        camera = calibrated(frame)
        if camera is None:
            return None
        seen = views(turned, camera, tuple(map(math.radians, TURNS.values())))
        warp = seen.warps[self.variants.index(self.variant)]
        pose = frame.pose
        return Probed(
            replace(
                frame,
                altered=partial(warped, warp=warp, window=seen.window),
                camera=cropped_camera(camera, seen.window),
                pose=Pose(pose.x, pose.y, pose.heading + self.angle),
                future=None if frame.future is None else to_ego_frame(frame.future, np.zeros(2), self.angle),
            ),
            amount=self.angle,
        )
