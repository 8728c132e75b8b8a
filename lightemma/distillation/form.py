"""The form of a student: what it is shown of a frame, and what its answer looks like."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lightemma.backends.base import TextPart
from lightemma.config_files import reason_of
from lightemma.errors import UserError
from lightemma.frame import FloatArray, Frame
from lightemma.outside_text import one_line
from lightemma.parsing import Parsed, answer_format, parse_answer
from lightemma.planners.base import PlannerSettings, View
from lightemma.planners.prompt_style import PromptStyle
from lightemma.planners.single_call import SingleCall
from lightemma.prompts.inputs import HISTORY_S, check_history
from lightemma.prompts.sets import DEFAULT_PROMPTS, load_prompts
from lightemma.protocol import LIGHTEMMA

#: Longest reasoning of an answer, in characters: words cost tokens, and so seconds.
LONGEST_WORDS = 500
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class StudentForm(BaseModel):
    """What a student is shown and answers; the same for its training and for its drives, where ``single-call`` asks it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reasoning: bool = Field(default=False, description="a few sentences before the six pairs")
    command: bool = Field(default=False, description="the question says where the drive goes next")
    pictures: int = Field(
        default=1, ge=1, le=LIGHTEMMA.history_positions, description="pictures per frame, its own and those before it"
    )
    history: int = Field(default=HISTORY_S, description="seconds of the car's own motion that are shown: 0, 1 or 3")
    prompts: str = Field(
        default=DEFAULT_PROMPTS, description="prompt set with the wording of its question, or a folder"
    )

    @field_validator("history")
    @classmethod
    def _known(cls, value: int) -> int:
        return check_history(value)

    @cached_property
    def planner(self) -> SingleCall:
        """The planner that asks a student of this form."""
        style = PromptStyle(pictures=self.pictures, history_s=self.history, command=self.command)
        return SingleCall(PlannerSettings(load_prompts(self.prompts), style=style, options=self.planner_options))

    @property
    def planner_options(self) -> dict[str, Any]:
        """The options of ``single-call``."""
        return {"reasoning": self.reasoning}

    @property
    def options(self) -> list[str]:
        """The options of ``lightemma run`` and ``drive`` by which a student of this form is asked."""
        given = ["--planner", "single-call"]
        given += [] if self.reasoning else ["--planner-option", "reasoning=false"]
        given += ["--command"] if self.command else []
        given += ["--prompts", self.prompts] if self.prompts != DEFAULT_PROMPTS else []
        given += ["--pictures", str(self.pictures)] if self.pictures != 1 else []
        return given + (["--history", str(self.history)] if self.history != HISTORY_S else [])

    def question(self, frame: Frame) -> list[str | None]:
        """The parts of the question about a frame, in order: a text, or None where a picture is.

        It is made by the planner itself, which is given the frame alone: no label, no facts, nothing that a teacher knew.
        """
        request = self.planner.request(frame, View())
        return [
            part.text if isinstance(part, TextPart) else None for message in request.messages for part in message.parts
        ]

    def answer(self, actions: FloatArray, words: str = "") -> str:
        """An answer as a student should write it: speeds with one digit after the point, curvatures with three.

        Args:
            actions: (6, 2) pairs (m/s, 1/m).
            words: the sentences before the pairs; left out by a student that gives none.
        """
        pairs = ", ".join(f"({_number(speed, 1)}, {_number(curvature, 3)})" for speed, curvature in actions.tolist())
        return f"{plain_words(words)}\n[{pairs}]" if self.reasoning else f"[{pairs}]"

    def unreadable(self, text: str, words: str = "") -> str:
        """An answer without a plan, as a student would write it.

        Args:
            text: of the answer.
            words: the sentences before it.
        """
        shown = text.strip()[:LONGEST_WORDS]
        return f"{plain_words(words)}\n{shown}" if self.reasoning and words else shown

    def read(self, text: str, *, cut: bool = False) -> Parsed:
        """What an answer says, as the planner reads it."""
        return parse_answer(text, self.planner.parser, answer_format(self.planner.prompts.answer_form), cut=cut)


def student_form(**values: Any) -> StudentForm:
    """A form from the values of options.

    Raises:
        UserError: if one is wrong.
    """
    try:
        form = StudentForm(**values)
        if form.planner.prompts.settings.answer == "json":
            raise UserError(
                f"The prompt set '{form.prompts}' asks for JSON; a student writes a list, so give a set of that form.",
                "prompts",
            )
        return form
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"`{where}` is wrong: {reason_of(dict(first))} (it is {first['input']!r}).", where) from error


def plain_words(text: str) -> str:
    """Sentences in one paragraph without square brackets, cut after the last whole sentence that has room."""
    flat = one_line(text).replace("[", "(").replace("]", ")").replace("*", "").strip()
    kept = ""
    for sentence in _SENTENCE.split(flat):
        longer = f"{kept} {sentence}".strip()
        if len(longer) > LONGEST_WORDS:
            break
        kept = longer
    return kept or flat[:LONGEST_WORDS]


def _number(value: float, digits: int) -> str:
    # Adding 0 turns -0.0 into 0.0.
    return f"{round(value, digits) + 0.0:.{digits}f}"
