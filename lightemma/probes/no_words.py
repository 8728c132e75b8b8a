"""no-words: the intent says nothing."""

from __future__ import annotations

from typing import Any, ClassVar

from lightemma.frame import Frame
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.run_folder.probe_entry import Law
from lightemma.run_folder.records import Stage

NOTHING = "(Nothing has been decided yet.)"


class NoWords(Probe):
    """The intent is replaced by a remark without content; only the action stage is asked again."""

    name: ClassVar[str] = "no-words"
    group: ClassVar[Group] = "words"
    keeps: ClassVar[tuple[Stage, ...]] = ("scene",)
    replaces: ClassVar[tuple[Stage, ...]] = ("intent",)
    needs: ClassVar[str] = "answers to a stage 'intent'"
    law = Law("Without the words the action changes.", "moves", tolerance=0.5)

    def settings(self) -> dict[str, Any]:
        """The remark."""
        return {"text": NOTHING}

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Leaves the frame as it is."""
        return None if run.text(frame, "intent") is None else Probed(frame)

    def answer(self, stage: Stage, frame: Frame, run: Untouched) -> str | None:
        """The remark."""
        return NOTHING
