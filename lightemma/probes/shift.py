"""shift: the camera is moved to the left or right."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from lightemma.frame import Frame
from lightemma.kinematics import to_ego_frame
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.probes.calibration import calibrated
from lightemma.probes.geometry import cropped_camera, shifted, views, warped
from lightemma.run_folder.probe_entry import Law

#: Metres to the left.
SHIFTS = {"left-0.5": 0.5, "right-0.5": -0.5}


class Shift(Probe):
    """The picture that the camera would have taken half a metre aside, if the world were level ground and far sky.

    An approximation: what stands on the road leans, and what it would have hidden or shown stays as it was.
    """

    name: ClassVar[str] = "shift"
    group: ClassVar[Group] = "geometry"
    variants: ClassVar[tuple[str, ...]] = tuple(SHIFTS)
    needs: ClassVar[str] = "pictures with the camera's calibration"
    law = Law(
        "The plan goes back by the distance that the camera was moved: gain -1; 0 is blind.",
        "shifts",
        tolerance=0.5,
        approximate=True,
    )

    def settings(self) -> dict[str, Any]:
        """The shift."""
        return {"metres": SHIFTS[self.variant]}

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Moves the car with its camera."""
        camera = calibrated(frame)
        if camera is None or camera.translation[2] <= 0:
            return None
        left = SHIFTS[self.variant]
        seen = views(shifted, camera, tuple(SHIFTS.values()))
        warp = seen.warps[self.variants.index(self.variant)]
        moved = np.array([0.0, left])
        return Probed(
            replace(
                frame,
                altered=partial(warped, warp=warp, window=seen.window),
                camera=cropped_camera(camera, seen.window),
                future=None if frame.future is None else to_ego_frame(frame.future, moved, 0.0),
            ),
            amount=left,
        )
