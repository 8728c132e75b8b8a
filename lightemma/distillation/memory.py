"""The memory of corrections: what the critic held against teachers, told to them before they are asked again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from lightemma.distillation.cases import EXPERT
from lightemma.distillation.rows import CorrectionRow
from lightemma.errors import UserError
from lightemma.prompts.sets import PromptSet

_HEAD = "Plans of earlier drives were wrong in these ways; do not repeat them:"
#: The stages whose wording gets the memory: those that decide.
_STAGES = ("intent", "action")


def remembered(corrections: Iterable[CorrectionRow], most: int) -> list[str]:
    """The sentences to remember: of each kind of contradiction the first, the commonest kinds first.

    Args:
        corrections: of all parts; only those of the train part are remembered, since what was wrong on scenes of the test
            must not be told to anybody who is tested there; and none of the expert, whom no prompt asks.
        most: how many.
    """
    known = [one for one in corrections if one.part == "train" and one.teacher != EXPERT]
    first: dict[str, str] = {}
    for one in known:
        first.setdefault(one.kind, one.sentence)
    return [first[kind] for kind, _ in Counter(one.kind for one in known).most_common(most)]


def with_memory(prompts: PromptSet, sentences: list[str]) -> PromptSet:
    """A prompt set whose deciding stages begin with the sentences.

    Raises:
        UserError: if there are none.
    """
    if not sentences:
        raise UserError(
            "Nothing was held against a teacher on scenes of the train part, so there is nothing to remember."
        )
    told = "\n".join([_HEAD, *(f"- {sentence.replace('{', '(').replace('}', ')')}" for sentence in sentences)]) + "\n\n"

    def changed(texts: dict[str, str], names: Iterable[str]) -> dict[str, str]:
        return {name: told + text if name in names else text for name, text in texts.items()}

    return replace(
        prompts,
        templates=changed(prompts.templates, _STAGES),
        dialogue=changed(prompts.dialogue, _STAGES[1:]),
        single=changed(prompts.single, prompts.single),
    )
