"""Runs that say something: each frame with what was said, planned and recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightemma.evaluation.reasoning.reader import Reader
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import load_scores
from lightemma.evaluation.study import Study, make_study
from lightemma.frame import FloatArray, Frame
from lightemma.run_folder.records import CallRecord
from tests.conftest import make_frame, make_manifest, make_record, plan_text, steady, write_run

SAYS = {
    "faster": "The ego should accelerate.",
    "same": "The ego should maintain its speed.",
    "slower": "The ego should slow down.",
    "nothing": "The ego should follow the lane.",
}


@dataclass(frozen=True)
class Word:
    """One frame: words, and the changes of speed (m/s) that were planned, recorded and last in the history."""

    said: str = "same"
    planned: float | None = 0.0
    recorded: float = 0.0
    before: float = 0.0
    scene: str = "A quiet road."
    now: float = 6.0


def rising(word: Word, change: float) -> FloatArray:
    """(6, 2) actions that reach ``change`` in six equal steps."""
    return np.column_stack([word.now + change * np.arange(1, 7) / 6, np.zeros(6)])


def frames_of(scenes: Mapping[str, Sequence[Word]]) -> list[tuple[Frame, Word]]:
    found = []
    for scene, words in scenes.items():
        for index, word in enumerate(words):
            history = steady(word.now)
            history[:5, 0] -= word.before
            found.append((make_frame(scene, index, history=history, driven=rising(word, word.recorded)), word))
    return found


def word_run(results: Path, name: str, scenes: Mapping[str, Sequence[Word]]) -> Path:
    """A run with these words in its folder."""
    made = frames_of(scenes)
    records = []
    for frame, word in made:
        plan = None if word.planned is None else rising(word, word.planned)
        answer = "no" if plan is None else plan_text(plan)
        texts = {"scene": word.scene, "intent": SAYS.get(word.said, word.said), "action": answer}
        calls = [CallRecord(stage, "?", text, "ok") for stage, text in texts.items()]
        records.append(make_record(frame, plan, "ok" if plan is not None else "format:prose", calls))
    return write_run(results, make_manifest(name, [frame for frame, _ in made]), records)


def word_study(folders: Sequence[Path], context: SceneContext | None = None, reader: Reader | None = None) -> Study:
    """The study of such runs."""
    runs = [load_scores(folder) for folder in folders]
    named = {run.name: folder for run, folder in zip(runs, folders, strict=True)}
    return make_study(runs, folders=named, context=context, reader=reader, resamples=100)
