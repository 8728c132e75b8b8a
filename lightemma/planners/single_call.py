"""One prompt in place of three: some sentences and then the six pairs, or the pairs alone."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from lightemma.frame import Frame
from lightemma.parsing import answer_format, parse_answer
from lightemma.planners.base import Example, Planner
from lightemma.planners.one_call import OneCall
from lightemma.planners.samples import Answer
from lightemma.planners.shown import written_plan


class SingleCall(OneCall):
    """Asks one model once per frame for what it sees and six pairs, or for the pairs alone."""

    name: ClassVar[str] = "single-call"

    class Options(Planner.Options):
        """What the answer holds."""

        reasoning: bool = Field(default=True, description="a few sentences before the pairs; false: the pairs alone")

    options: Options

    @property
    def answer_tokens(self) -> int:
        """See ``OneCall``."""
        return 160 if self.options.reasoning else 60

    @property
    def suffix(self) -> tuple[str, ...]:
        """Parts of the run's name: ``direct`` without reasoning, and the style."""
        return (*(() if self.options.reasoning else ("direct",)), *self.style.suffix)

    @property
    def template(self) -> str:
        """See ``OneCall``."""
        return "single-call" if self.options.reasoning else "single-call-direct"

    def form(self, *, as_json: bool) -> str:
        """See ``OneCall``."""
        plain = "json" if as_json else "list"
        return {"json": "reasoned-json", "list": "reasoned"}[plain] if self.options.reasoning else plain

    def read(self, text: str, frame: Frame, *, cut: bool) -> Answer:
        """Six pairs, after the sentences where there are any."""
        parsed = parse_answer(text, self.parser, answer_format(self.prompts.answer_form), cut=cut)
        return Answer(parsed.outcome, parsed.actions)

    def recorded(self, example: Example) -> str:
        """The recorded drive as pairs: nobody wrote sentences for it."""
        return written_plan(example.actions, self.prompts.answer_form)
