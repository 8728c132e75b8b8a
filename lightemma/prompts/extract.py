"""Recovers the template behind recorded prompts: a run can use a paper's exact wording, of which this package has no copy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lightemma.errors import UserError
from lightemma.prompts.sets import ALLOWED_PLACES, PromptSet, PromptSettings
from lightemma.prompts.template import fill, fold
from lightemma.run_folder.records import STAGES, Stage

#: How many frames to try as the one a template is cut from before giving up.
TRIES = 200


@dataclass(frozen=True, slots=True)
class RecordedPrompts:
    """The three prompts of one frame and what was filled into them, white space folded.

    Attributes:
        where: scene and frame, for messages.
        prompts: text per stage.
        values: ``scene``, ``intent``, ``speeds``, ``curvatures`` as they are written in the prompts.
    """

    where: str
    prompts: Mapping[Stage, str]
    values: Mapping[str, str]


def extract_prompts(name: str, recorded: Sequence[RecordedPrompts]) -> PromptSet:
    """The one prompt set that reproduces every recorded prompt (white space folded).

    A template is cut from a frame in which every value is found exactly once, then checked against all frames.

    Raises:
        UserError: if there is no such template, naming the first prompt that does not fit.
    """
    if not recorded:
        raise UserError(f"'{name}' has no frames, so no prompts to extract.")
    templates = {stage: _cut_template(stage, recorded) for stage in STAGES}
    for frame in recorded:
        for stage in STAGES:
            if fold(fill(templates[stage], frame.values)) != frame.prompts[stage]:
                raise UserError(
                    f"The prompts of '{name}' do not come from one template: the {stage} prompt of {frame.where} differs."
                )
    description = f"The wording recorded in {name}, white space folded."
    return PromptSet(name, templates, PromptSettings(description=description, answer="list"))


def _cut_template(stage: Stage, recorded: Iterable[RecordedPrompts]) -> str:
    first = None
    for tried, frame in enumerate(recorded):
        if tried >= TRIES:
            break
        first = first or frame
        text = frame.prompts[stage]
        values = {place: frame.values[place] for place in ALLOWED_PLACES[stage]}
        if all(value and text.count(value) == 1 for value in values.values()) and not _overlap(text, values):
            # From the right, so that what is already a place is neither moved nor searched.
            for place, value in sorted(values.items(), key=lambda item: -frame.prompts[stage].index(item[1])):
                start = frame.prompts[stage].index(value)
                text = text[:start] + "{{" + place + "}}" + text[start + len(value) :]
            return text
    where = first.where if first else "no frame"
    raise UserError(
        f"No template could be cut for the {stage} stage: the recorded values are not found once each in the prompts "
        f"(first looked at: {where})."
    )


def _overlap(text: str, values: Mapping[str, str]) -> bool:
    spans = sorted((text.index(value), text.index(value) + len(value)) for value in values.values())
    return any(second[0] < first[1] for first, second in pairwise(spans))
