"""One frame with all that teachers said about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lightemma.frame import FloatArray, Frame
from lightemma.observed_facts import ObservedFacts
from lightemma.simulation.dataset.split import Part

#: Teacher of the expert's own labels.
EXPERT = "expert"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A teacher's answer.

    Attributes:
        teacher: name of the run or expert.
        actions: (6, 2) pairs (m/s, 1/m); None where the answer has no plan.
        words: what the teacher said of the scene and of its intent.
        text: the answer as received, where it has no plan.
        points: (6, 2) metres, where the teacher planned points.
        knows: whether it is the expert's label, which knows what no camera shows.
    """

    teacher: str
    actions: FloatArray | None
    words: str = ""
    text: str = ""
    points: FloatArray | None = None
    knows: bool = False


@dataclass(slots=True)
class Case:
    """A frame, what is true of it, and what teachers answered.

    Attributes:
        frame: what a student is shown, with its command.
        group: what must never be in two parts.
        part: train, validation or test.
        truth: (6, 2) metres, ego frame; None where there is none.
        label: the expert's valid plan, where there is an expert.
        facts: what the camera sees, for the critic.
        place: of the frame's data, for pictures that rows of several data sets share.
        candidates: what teachers answered.
        costs: what each candidate is worth by true roll-outs, if these were made; the less the better.
        town: digest of the town's houses of a simulated scene.
    """

    frame: Frame
    group: str
    part: Part
    truth: FloatArray | None
    label: Candidate | None = None
    facts: ObservedFacts | None = None
    place: Path | None = None
    candidates: list[Candidate] = field(default_factory=list)
    costs: list[float | None] | None = None
    town: str = ""

    @property
    def answers(self) -> list[Candidate]:
        """All candidates, the expert's label first."""
        return [*([self.label] if self.label else []), *self.candidates]
