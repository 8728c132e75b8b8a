"""The base of planners that ask one question per frame: what they show, how often they ask, and how they are estimated."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from lightemma.backends.base import Constraint, Message, Request, TextPart
from lightemma.errors import UserError
from lightemma.frame import Frame
from lightemma.planners.base import CAMERAS, Calls, Example, Needs, Plan, Planner, PlannerSettings, TypicalCall, View
from lightemma.planners.samples import Answer, all_samples, plan_of
from lightemma.planners.shown import example_text, example_turns, picture_parts
from lightemma.planners.styled import style_inputs, style_needs
from lightemma.prompts.sets import DEFAULT_PROMPTS, PromptSet, load_prompts
from lightemma.run_folder.inputs import InputsEntry
from lightemma.run_folder.records import MAIN, STAGES

#: The stage of the only call, the same as of the last call of chain-of-thought.
STAGE = STAGES[-1]


class OneCall(Planner):
    """Asks one model once per frame.

    Subclasses name their template, say which form of answer it asks for, and read the answer.

    Attributes:
        rereadable: whether the actions are the answer's own text, which ``compare --parser`` may read again.
    """

    takes_style: ClassVar[bool] = True
    rereadable: ClassVar[bool] = True
    prompts: PromptSet

    def __init__(self, settings: PlannerSettings = PlannerSettings()) -> None:  # noqa: B008 -- frozen
        super().__init__(settings)
        self.style = settings.style
        self.parser = settings.parser
        if self.style.dialogue:
            raise UserError(f"The planner '{self.name}' asks one question; leave `dialogue` out.", "dialogue")
        prompts = settings.prompts or load_prompts(DEFAULT_PROMPTS)
        form = self.form(as_json=prompts.settings.answer == "json")
        self.prompts = prompts.alone(self.template, form).with_inputs(self.style.history_s, command=self.style.command)

    @property
    def answer_tokens(self) -> int:
        """Tokens of a typical answer, for estimates."""
        return 60

    @property
    @abstractmethod
    def template(self) -> str:
        """Name of the template in the prompt set's folder."""

    @abstractmethod
    def form(self, *, as_json: bool) -> str:
        """The form of answer that the template asks for, in a set that asks for JSON or for plain text."""

    @abstractmethod
    def read(self, text: str, frame: Frame, *, cut: bool) -> Answer:
        """What an answer says.

        Args:
            text: the answer.
            frame: that it was asked about.
            cut: whether the provider says that it was cut at the token limit.
        """

    @abstractmethod
    def recorded(self, example: Example) -> str:
        """The recorded drive of an example, as an answer."""

    def more(self, frame: Frame) -> dict[str, str]:
        """What else is filled into the template, by place."""
        return {}

    def constraints(self, frame: Frame) -> tuple[dict[str, Any] | None, str | None]:
        """JSON schema and regular expression of the answer, each or None."""
        return self.prompts.response_schema, self.prompts.response_regex

    def view_of(self, view: View, frame: Frame) -> View:
        """The pictures as they are sent; subclasses may draw on them."""
        return view

    def finished(self, plan: Plan, frame: Frame) -> Plan:
        """The plan with what a subclass adds to it."""
        return plan

    @property
    def suffix(self) -> tuple[str, ...]:
        """Parts of the run's name for options and a style other than the defaults."""
        return (*super().suffix, *self.style.suffix)

    def needs(self) -> Needs:
        """One model; its answer is constrained if the style says so."""
        form: Constraint = "json" if self.prompts.settings.answer == "json" else "regex"
        return style_needs(self.style, form)

    def inputs(self) -> InputsEntry:
        """As the style says."""
        return style_inputs(self.style)

    async def plan(self, frame: Frame, view: View, calls: Calls) -> Plan:
        """Asks once, or as often as samples are wanted, and reads the answers."""
        results = await all_samples(calls[MAIN], self.request(frame, self.view_of(view, frame)))

        def read(text: str, cut: bool) -> Answer:
            return self.read(text, frame, cut=cut)

        return self.finished(plan_of(results, self.style.samples, read, text=self.rereadable), frame)

    def request(self, frame: Frame, view: View) -> Request:
        """The question about a frame."""
        examples = example_turns(
            view, self.prompts, self.style, self.recorded, lambda one: "\n".join(self.more(one).values())
        )
        # Pictures first and the text, which differs, last: providers cache the longest common prefix.
        text = TextPart(self.prompts.prompt(STAGE, frame, self.more(frame)))
        message = Message("user", (*picture_parts(frame, view, self.style), text))
        schema, regex = self.constraints(frame)
        return Request(
            (*examples, message),
            frame.sample_token,
            STAGE,
            response_schema=schema,
            response_regex=regex if self.style.guided else None,
            samples=self.style.samples,
            temperature=self.style.temperature,
        )

    def settings(self) -> dict[str, Any]:
        """Parser, style and options."""
        return {"parser": self.parser, **self.style.settings(), **super().settings()}

    def typical_calls(self, frames: Sequence[Frame]) -> list[TypicalCall]:
        """The one call of a frame."""
        text = sum(len(self.prompts.prompt(STAGE, frame, self.more(frame))) for frame in frames) / len(frames)
        shown = example_text(frames[0], self.style, self.prompts, "\n".join(self.more(frames[0]).values()))
        answered = 4 * self.answer_tokens
        pictures = self.style.pictures + len(CAMERAS[self.style.cameras]) + self.style.few_shot
        return [
            TypicalCall(
                STAGE,
                text + self.style.few_shot * (len(shown) + answered),
                pictures,
                self.answer_tokens,
                samples=self.style.samples,
            )
        ]
