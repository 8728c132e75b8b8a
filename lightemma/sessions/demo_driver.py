"""The demo's scripted driver: answers made from each frame's history, with some deliberate errors. It is not a model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lightemma.backends.base import CallError, Completion
from lightemma.backends.config import ModelConfig
from lightemma.backends.replay import Recorded, ReplayBackend
from lightemma.frame import FloatArray, Frame
from lightemma.kinematics import hold_last_action
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.records import Usage

NAME = "scripted-driver"

#: Frames between two answers without commas, and between two failed calls: the demo's tables show such errors.
COMMAS_MISSING_EVERY = 15
CALL_FAILS_EVERY = 40

_SCENE = "This answer was written in advance; nobody has looked at the picture."


def scripted_driver(frames: Iterable[Frame]) -> ReplayBackend:
    """A backend with an answer to every call of ``frames``."""
    recording: dict[str, list[Recorded]] = {}
    for number, frame in enumerate(frames, start=1):
        actions = _plan(frame.history.actions)
        text = "[" + ", ".join(f"({v:.3f}, {c:.3f})" for v, c in actions) + "]"
        if number % COMMAS_MISSING_EVERY == 0:
            text = text.replace("), (", ") (")
        failed = number % CALL_FAILS_EVERY == 0
        intent = _completion(_intent(frame.history.actions))
        recording[frame.sample_token] = [
            Recorded("scene", _completion(_SCENE)),
            Recorded("intent", CallError("overloaded", "a failure written in advance") if failed else intent),
            Recorded("action", _completion(text)),
        ]
    return ReplayBackend(ModelConfig(name=NAME, provider="scripted", model=NAME), recording)


def _plan(history: FloatArray) -> FloatArray:
    """Continues with half of the mean acceleration of the last second, and slowly straightens the wheel."""
    actions = hold_last_action(history)
    acceleration = (history[-1, 0] - history[-3, 0]) / (2 * LIGHTEMMA.dt)
    ahead = LIGHTEMMA.dt * np.arange(1, LIGHTEMMA.plan_steps + 1)
    actions[:, 0] = np.maximum(actions[:, 0] + 0.5 * acceleration * ahead, 0.0)
    actions[:, 1] *= 0.9 ** np.arange(LIGHTEMMA.plan_steps)
    return actions


def _intent(history: FloatArray) -> str:
    change = history[-1, 0] - history[0, 0]
    if abs(change) < 0.5:
        moved, advice = "held its speed", "it should keep this speed and its lane."
    elif change > 0:
        moved, advice = f"gained {change:.1f} m/s", "it should go on accelerating, but less."
    else:
        moved, advice = f"lost {-change:.1f} m/s", "it should slow down, a bit more gently."
    return f"Over the past three seconds the car {moved}; {advice}"


def _completion(text: str) -> Completion:
    return Completion(text, usage=Usage(input=0, output=max(1, len(text) // 4), source="estimate"))
