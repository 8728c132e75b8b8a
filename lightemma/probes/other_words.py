"""other-words: the intent of a frame of another scene."""

from __future__ import annotations

from typing import ClassVar

from lightemma.frame import Frame
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.run_folder.probe_entry import Law
from lightemma.run_folder.records import Stage


class OtherWords(Probe):
    """The intent is replaced by what the model said of a frame of another scene; only the action stage is asked again."""

    name: ClassVar[str] = "other-words"
    group: ClassVar[Group] = "words"
    keeps: ClassVar[tuple[Stage, ...]] = ("scene",)
    replaces: ClassVar[tuple[Stage, ...]] = ("intent",)
    needs: ClassVar[str] = "answers to a stage 'intent' in at least two scenes"
    law = Law("With the words of another scene the action changes.", "moves", tolerance=0.5)

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Leaves the frame as it is."""
        said = self.answer("intent", frame, run)
        return None if said is None or said == run.text(frame, "intent") else Probed(frame)

    def answer(self, stage: Stage, frame: Frame, run: Untouched) -> str | None:
        """The other frame's intent."""
        if run.text(frame, "intent") is None:
            return None
        other = run.elsewhere(frame, self.name)
        return None if other is None else run.text(other, "intent")
