"""What one run said, next to what it planned and what happened: the arrays that the tables of words are made from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

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
from lightemma.evaluation.reasoning.kept_readings import Kept
from lightemma.evaluation.reasoning.reader import Reader, checked_intent, checked_scene
from lightemma.evaluation.reasoning.readings import IntentReading, SceneReading
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray
from lightemma.run_folder.records import STAGES
from lightemma.run_folder.texts import stage_texts

_R = TypeVar("_R")

SCENE, INTENT, ACTION = STAGES
#: Fewer words before a plan say nothing ("Here are the pairs:").
FEWEST_WORDS = 5
_LIST = re.compile(r"\[|\(\s*[-\d]")
_WORD = re.compile(r"[^\W\d_]{2,}")
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

    def read(
        self, intents: Sequence[str | None], scenes: Sequence[str | None], folder: Path | None = None
    ) -> tuple[list[IntentReading | None], list[SceneReading | None]]:
        """The readings of a run's statements and descriptions; None of frames without any.

        Args:
            intents: of each frame.
            scenes: of each frame.
            folder: of the run, where readings are kept for the next time if the reader has a version.
        """
        version = self.reader.version
        kept = None if folder is None or version is None else Kept(folder, f"{self.reader.name} {version}")
        read_intents = [self._intent(text, kept) for text in intents]
        read_scenes = [self._scene(text, kept) for text in scenes]
        if kept is not None:
            kept.keep(_of(self._intents, intents), _of(self._scenes, scenes))
        return read_intents, read_scenes

    def _intent(self, text: str | None, kept: Kept | None) -> IntentReading | None:
        if text is None or not text.strip():
            return None
        if text not in self._intents:
            found = None if kept is None else kept.intent(text)
            self._intents[text] = checked_intent(self.reader, text) if found is None else found
        return self._intents[text]

    def _scene(self, text: str | None, kept: Kept | None) -> SceneReading | None:
        if text is None or not text.strip():
            return None
        if text not in self._scenes:
            found = None if kept is None else kept.scene(text)
            self._scenes[text] = checked_scene(self.reader, text) if found is None else found
        return self._scenes[text]


def _of(readings: Mapping[str, _R], texts: Sequence[str | None]) -> dict[str, _R]:
    return {text: readings[text] for text in texts if text is not None and text in readings}


@dataclass(frozen=True, slots=True)
class Ledger:
    """One run's words next to its plans and to what happened, frame by frame, in the order of the study.

    Attributes:
        intents: what each frame's statement says; None where there is none.
        scenes: what each frame's description claims; None where there is none.
        stage: whose answers were read as statements: ``intent``, or ``action`` where one call holds words and plan.
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
    stage: str
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


def _said(folder: Path) -> tuple[Mapping[str, Mapping[str, str]], str]:
    """Sample token -> stage -> words, and the stage that the statements are of.

    A planner of one call says everything in it: what stands before the plan is statement and description.
    """
    said = stage_texts(folder, (SCENE, INTENT))
    if any(said.values()):
        return said, INTENT
    answers = stage_texts(folder, (ACTION,))
    words = {token: before_the_plan(found.get(ACTION, "")) for token, found in answers.items()}
    return {token: {SCENE: text, INTENT: text} for token, text in words.items() if text}, ACTION


def before_the_plan(answer: str) -> str:
    """The words of an answer that stand before its list of pairs; empty where there are next to none."""
    words = _LIST.split(answer, maxsplit=1)[0]
    return words if len(_WORD.findall(words)) >= FEWEST_WORDS else ""


def read_ledger(run: RunScores, folder: Path | None, texts: ReadTexts) -> Ledger:
    """Reads a run's words and puts them next to its plans.

    Args:
        run: in the order of the study.
        folder: of the run; None where it is in memory only, and then there are no words.
        texts: reads them.

    Raises:
        UserError: if the folder's texts cannot be read.
    """
    said, stage = ({}, INTENT) if folder is None else _said(folder)
    of_frames = [said.get(token, {}) for token in run.tokens]
    intents, scenes = texts.read(
        [found.get(INTENT) for found in of_frames], [found.get(SCENE) for found in of_frames], folder
    )
    speed = speed_now(run)
    return Ledger(
        intents=intents,
        scenes=scenes,
        stage=stage,
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
