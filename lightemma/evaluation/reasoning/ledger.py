"""What one run said, next to what it planned and what happened: the arrays that the tables of words are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.reasoning.directions import (
    DEFINITION,
    Definition,
    driven_side,
    history_rule,
    planned_change,
    recorded_change,
    said_direction,
    said_side,
    speed_now,
    trend_change,
)  # fmt: skip
from lightemma.evaluation.reasoning.reader import Reader, checked_intent, checked_scene
from lightemma.evaluation.reasoning.readings import IntentReading, SceneReading
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray
from lightemma.run_folder.records import STAGES
from lightemma.run_folder.texts import stage_texts

SCENE, INTENT = STAGES[0], STAGES[1]
#: Words right or wrong, and followed or departed from.
CELLS = (("right", "followed"), ("right", "departed"), ("wrong", "followed"), ("wrong", "departed"))


@dataclass
class ReadTexts:
    """Readings of texts; a text that comes again, in any run, is read once.

    Attributes:
        reader: what reads them.
    """

    reader: Reader
    _intents: dict[str, IntentReading | None] = field(default_factory=dict)
    _scenes: dict[str, SceneReading | None] = field(default_factory=dict)

    def intent(self, text: str | None) -> IntentReading | None:
        """The reading of a statement; None without one."""
        if text is None or not text.strip():
            return None
        if text not in self._intents:
            self._intents[text] = checked_intent(self.reader, text)
        return self._intents[text]

    def scene(self, text: str | None) -> SceneReading | None:
        """The reading of a description; None without one."""
        if text is None or not text.strip():
            return None
        if text not in self._scenes:
            self._scenes[text] = checked_scene(self.reader, text)
        return self._scenes[text]


@dataclass(frozen=True, slots=True)
class Ledger:
    """One run's words next to its plans and to what happened, frame by frame, in the order of the study.

    Attributes:
        intents: what each frame's statement says; None where there is none.
        scenes: what each frame's description claims; None where there is none.
        speed: (n,) m/s now.
        said: (n,) direction that the words advise, see :mod:`~lightemma.evaluation.reasoning.directions`.
        planned: (n,) m/s, planned change of speed.
        recorded: (n,) m/s, recorded change of speed.
        rule: (n,) direction by the history rule.
        trend: (n,) m/s, change of speed by the trend rule.
        said_side: (n,) side that the words advise.
        planned_side: (n,) side that the plan leads to.
        recorded_side: (n,) side that the recorded car went to.
    """

    intents: Sequence[IntentReading | None]
    scenes: Sequence[SceneReading | None]
    speed: FloatArray
    said: FloatArray
    planned: FloatArray
    recorded: FloatArray
    rule: FloatArray
    trend: FloatArray
    said_side: FloatArray
    planned_side: FloatArray
    recorded_side: FloatArray

    @property
    def statements(self) -> int:
        """How many frames have a statement that was read."""
        return sum(one is not None for one in self.intents)

    @property
    def descriptions(self) -> int:
        """How many frames have a description that was read."""
        return sum(one is not None for one in self.scenes)

    def judged(self) -> npt.NDArray[np.bool_]:
        """(n,) True where the words are clear, and plan and recorded drive are known."""
        clear: npt.NDArray[np.bool_] = ~(np.isnan(self.said) | np.isnan(self.planned) | np.isnan(self.recorded))
        return clear

    def directions(self, definition: Definition = DEFINITION) -> tuple[FloatArray, FloatArray]:
        """(n,) planned and recorded directions."""
        return definition.directions(self.planned, self.speed), definition.directions(self.recorded, self.speed)

    def followed(self, definition: Definition = DEFINITION) -> FloatArray:
        """(n,) 1 where the plan does what the words say, 0 where not, NaN where not judged."""
        return self._same(self.said, self.directions(definition)[0])

    def right(self, definition: Definition = DEFINITION) -> FloatArray:
        """(n,) 1 where the words say what the recorded car did, 0 where not, NaN where not judged."""
        return self._same(self.said, self.directions(definition)[1])

    def rule_right(self, definition: Definition = DEFINITION) -> FloatArray:
        """(n,) 1 where the history rule says what the recorded car did, on the same frames."""
        return self._same(self.rule, self.directions(definition)[1])

    def trend_right(self, definition: Definition = DEFINITION) -> FloatArray:
        """(n,) 1 where the trend rule says what the recorded car did, on the same frames."""
        return self._same(definition.directions(self.trend, self.speed), self.directions(definition)[1])

    def cells(self) -> FloatArray:
        """(n,) place in ``CELLS`` of each judged frame, NaN where not judged."""
        place: FloatArray = 2 * (1 - self.right()) + (1 - self.followed())
        return place

    def _same(self, one: FloatArray, other: FloatArray) -> FloatArray:
        same: FloatArray = np.where(self.judged(), one == other, np.nan)
        return same


def read_ledger(run: RunScores, folder: Path | None, texts: ReadTexts) -> Ledger:
    """Reads a run's words and puts them next to its plans.

    Args:
        run: in the order of the study.
        folder: of the run; None where it is in memory only, and then there are no words.
        texts: reads them.

    Raises:
        UserError: if the folder's texts cannot be read.
    """
    said: Mapping[str, Mapping[str, str]] = {} if folder is None else stage_texts(folder, (SCENE, INTENT))
    of_frames = [said.get(token, {}) for token in run.tokens]
    intents = [texts.intent(found.get(INTENT)) for found in of_frames]
    scenes = [texts.scene(found.get(SCENE)) for found in of_frames]
    speed = speed_now(run)
    return Ledger(
        intents=intents,
        scenes=scenes,
        speed=speed,
        said=said_direction(intents, speed),
        planned=planned_change(run),
        recorded=recorded_change(run),
        rule=history_rule(run),
        trend=trend_change(run),
        said_side=said_side(intents),
        planned_side=driven_side(run.history, run.trajectory),
        recorded_side=driven_side(run.history, run.truth),
    )
