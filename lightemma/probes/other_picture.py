"""other-picture: the picture of another scene."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from lightemma.frame import EarlierPicture, Frame
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.run_folder.probe_entry import Law


class OtherPicture(Probe):
    """The picture, and the earlier ones, of a frame of another scene; the history stays the frame's own.

    Which scene and which of its frames is drawn by the frame's token, so that it is always the same.
    """

    name: ClassVar[str] = "other-picture"
    group: ClassVar[Group] = "picture"
    needs: ClassVar[str] = "pictures of at least two scenes"
    law = Law("With the picture of another scene the plan changes.", "moves", tolerance=0.5)

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Takes another frame's pictures."""
        other = run.elsewhere(frame, self.name)
        if other is None or other.image_path is None or frame.image_path is None:
            return None
        return Probed(
            replace(
                frame,
                image=other.image,
                image_path=other.image_path,
                camera=other.camera,
                earlier=_earlier(frame, other),
            )
        )


def _earlier(frame: Frame, other: Frame) -> tuple[EarlierPicture, ...]:
    """The other frame's earlier pictures, as old as they were."""
    later = frame.timestamp - other.timestamp
    return tuple(replace(one, timestamp=one.timestamp + later) for one in other.earlier)
