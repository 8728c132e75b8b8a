"""opposite-words: the intent says the opposite."""

from __future__ import annotations

from typing import ClassVar

from lightemma.frame import Frame
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.run_folder.probe_entry import Law
from lightemma.run_folder.records import Stage

#: What the intent says -> what is said in its place, and the sign of the change of speed from the one to the other.
OPPOSITES = {
    "accelerate": ("The car should slow down markedly over the next three seconds and follow the lane.", -1.0),
    "decelerate": ("The car should speed up markedly over the next three seconds and follow the lane.", 1.0),
    "stay-stopped": ("The car should start now, speed up over the next three seconds and follow the lane.", 1.0),
}


class OppositeWords(Probe):
    """The intent is replaced by a plain sentence that says the opposite about speed; only the action stage is asked again.

    What the intent says is read by rules; where it says to keep the speed, or nothing clear, there is no opposite, and the
    frame is left out.
    """

    name: ClassVar[str] = "opposite-words"
    group: ClassVar[Group] = "words"
    keeps: ClassVar[tuple[Stage, ...]] = ("scene",)
    replaces: ClassVar[tuple[Stage, ...]] = ("intent",)
    needs: ClassVar[str] = "answers to a stage 'intent' that say to speed up or to slow down"
    law = Law(
        "The action follows the words: the final speed changes in their direction.", "follows-words", tolerance=0.5
    )

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Leaves the frame as it is; says which way the words were changed."""
        text = run.text(frame, "intent")
        opposite = None if text is None else OPPOSITES.get(run.speed_word(text))
        return None if opposite is None else Probed(frame, amount=opposite[1])

    def answer(self, stage: Stage, frame: Frame, run: Untouched) -> str | None:
        """The opposite."""
        return OPPOSITES[run.speed_word(run.text(frame, "intent") or "")][0]
