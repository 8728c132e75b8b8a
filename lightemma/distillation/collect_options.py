"""How rows for a student are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from lightemma.distillation.form import StudentForm
from lightemma.distillation.partition import Partition
from lightemma.errors import UserError

Rank = Literal["l2", "rollout"]
#: Whose answer a student learns: the expert's valid label, or the best answer of the teachers that look.
Learn = Literal["expert", "best"]


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """How rows are made.

    Attributes:
        form: of the student.
        rank: what ``dpo`` rows are ranked by.
        margin: least difference of two answers, metres.
        pairs: most pairs of one frame.
        learn: whose answer ``sft`` rows have; ``best`` never learns from the expert of a world.
        critic: whether answers that contradict what is seen are rejected.
        every: every n-th frame of a scene.
        blind: pictures are shown grey, for a twin that learns without eyes.
        partition: how scenes are split.
        data: the data behind recorded runs, as ``--data``.
    """

    form: StudentForm = field(default_factory=StudentForm)
    rank: Rank = "l2"
    margin: float = 0.1
    pairs: int = 2
    learn: Learn = "expert"
    critic: bool = False
    every: int = 1
    blind: bool = False
    partition: Partition = field(default_factory=Partition)
    data: str | None = None


def chosen(text: str, known: Sequence[str], what: str) -> str:
    """A value of an option that has few.

    Raises:
        UserError: if it is none of them.
    """
    if text not in known:
        raise UserError(f"`{what}` is '{text}'; give {' or '.join(known)}.", what)
    return text
