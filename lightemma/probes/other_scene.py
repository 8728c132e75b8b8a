"""other-scene: the description of a frame of another scene."""

from __future__ import annotations

from typing import ClassVar

from lightemma.frame import Frame
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.run_folder.probe_entry import Law
from lightemma.run_folder.records import Stage


class OtherScene(Probe):
    """The description is replaced by that of a frame of another scene; picture and intent stay, and only the action is asked.

    A planner that takes the road from its own first answer, and not from the picture that it is sent again, is found here.
    """

    name: ClassVar[str] = "other-scene"
    group: ClassVar[Group] = "words"
    replaces: ClassVar[tuple[Stage, ...]] = ("scene", "intent")
    needs: ClassVar[str] = "answers to the stages 'scene' and 'intent' in at least two scenes"
    law = Law("The picture itself shows the road, so the plan stays the same.", "stays", tolerance=0.05)

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Leaves the frame as it is."""
        said = [self.answer(stage, frame, run) for stage in self.replaces]
        return None if None in said or said[0] == run.text(frame, "scene") else Probed(frame)

    def answer(self, stage: Stage, frame: Frame, run: Untouched) -> str | None:
        """The other frame's description, and the frame's own intent."""
        if stage == "intent":
            return run.text(frame, "intent")
        other = run.elsewhere(frame, self.name)
        return None if other is None else run.text(other, "scene")
