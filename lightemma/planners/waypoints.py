"""Six points in place of six actions, as most driving models of the literature plan."""

from __future__ import annotations

from typing import ClassVar

from lightemma.frame import Frame
from lightemma.parsing import answer_format, parse_answer
from lightemma.planners.base import Example
from lightemma.planners.one_call import OneCall
from lightemma.planners.samples import Answer
from lightemma.planners.shown import written_plan


class Waypoints(OneCall):
    """Asks one model once per frame for six points, x ahead and y to the left, which are scored as they are."""

    name: ClassVar[str] = "waypoints"

    @property
    def template(self) -> str:
        """See ``OneCall``."""
        return "waypoints"

    def form(self, *, as_json: bool) -> str:
        """See ``OneCall``."""
        return "points-json" if as_json else "points"

    def read(self, text: str, frame: Frame, *, cut: bool) -> Answer:
        """Six points, and the actions that lead along them."""
        parsed = parse_answer(text, self.parser, answer_format(self.prompts.answer_form), cut=cut)
        return Answer(parsed.outcome, parsed.actions, parsed.trajectory)

    def recorded(self, example: Example) -> str:
        """The recorded points, to the centimetre."""
        return written_plan(example.trajectory.round(2), self.prompts.answer_form)
