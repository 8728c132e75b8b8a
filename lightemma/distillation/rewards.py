"""The verifiable reward of an answer: how near its plan comes to the truth, its form, and whether it does what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from lightemma.distillation.cases import Candidate
from lightemma.distillation.form import StudentForm
from lightemma.distillation.ranking import distance
from lightemma.evaluation.reasoning.directions import DEFINITION, said_direction
from lightemma.evaluation.reasoning.rules import RuleReader
from lightemma.frame import FloatArray
from lightemma.label_rows import Pair

#: Metres beyond which a plan is not rewarded worse: a runaway plan must not drown all others.
FARTHEST: Final = 10.0
#: What an answer without a plan is worth: worse than any plan.
NO_PLAN: Final = -12.0
#: What words that contradict the plan cost, in metres.
CONTRADICTION: Final = 1.0
_READER = RuleReader()


def reward(text: str, form: StudentForm, truth: FloatArray, history: FloatArray) -> float:
    """The reward of an answer, in metres, at most 0.

        - min(L2, 10) - 1 if its words contradict its plan;  -12 without a plan

    Args:
        text: the answer.
        form: of the student.
        truth: (6, 2) metres, ego frame.
        history: (6, 2) pairs (m/s, 1/m), the last one now.
    """
    actions = form.read(text).actions
    away = None if actions is None else distance(Candidate("", actions), truth)
    if actions is None or away is None:
        return NO_PLAN
    contradicts = form.reasoning and contradicting(text.rpartition("[")[0], actions, float(history[-1, 0]))
    return -min(away, FARTHEST) - (CONTRADICTION if contradicts else 0.0)


def contradicting(words: str, actions: FloatArray, speed: float) -> bool:
    """Whether words say faster, as fast or slower, and the plan does another of these, as the table ``reasoning`` judges it.

    Args:
        words: before the plan.
        actions: (6, 2) pairs (m/s, 1/m).
        speed: m/s, now.
    """
    now = np.array([speed])
    said = said_direction([_READER.read_intent(words)], now)
    planned = DEFINITION.directions(np.array([actions[-1, 0] - speed]), now)
    return bool(~np.isnan(said[0]) and said[0] != planned[0])


class Reward:
    """The reward as TRL's GRPO calls it.

    Args:
        form: of the student.
    """

    __name__ = "plan"

    def __init__(self, form: StudentForm) -> None:
        self._form = form

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        truth: Sequence[Sequence[Pair]],
        history: Sequence[Sequence[Pair]],
        **others: Any,
    ) -> list[float]:
        """One number for each answer."""
        return [
            reward(_text(answer), self._form, np.array(own), np.array(past))
            for answer, own, past in zip(completions, truth, history, strict=True)
        ]


def _text(completion: Any) -> str:
    """The text of an answer: TRL gives it as a string or as chat messages."""
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
