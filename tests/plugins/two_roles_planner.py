"""A planner with two models: one looks twice at the picture, the other turns what was seen into actions."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from lightemma.backends.base import Message, PicturePart, Request, TextPart
from lightemma.frame import Frame
from lightemma.parsing import parse_answer
from lightemma.planners.base import Calls, Needs, Plan, Planner, PlannerSettings, View
from lightemma.planners.call_record import text_outcome
from lightemma.run_folder.records import OK


class TwoRoles(Planner):
    """Asks one model twice what it sees, and another what to do."""

    name: ClassVar[str] = "two-roles"

    class Options(Planner.Options):
        """Settings of the questions."""

        look_for: list[str] = Field(default=["cars", "signs"], description="what is asked for, one call each")

    options: Options

    def __init__(self, settings: PlannerSettings) -> None:
        super().__init__(settings)
        self.parser = settings.parser

    def needs(self) -> Needs:
        """The picture, and two models."""
        return Needs(pictures=1, models=("main", "controller"))

    async def plan(self, frame: Frame, view: View, calls: Calls) -> Plan:
        """Two looks, one decision; the first call without an answer ends the frame."""
        seen = []
        for thing in self.options.look_for:
            parts = (PicturePart(view.picture), TextPart(f"Which {thing} do you see?"))
            look = await calls["main"](Request((Message("user", parts),), frame.sample_token, "look"))
            if look.completion is None or text_outcome(look) != OK:
                return Plan(None, text_outcome(look))
            seen.append(look.completion.text)
        question = f"You see: {' '.join(seen)} Your last six actions: {frame.history.actions.tolist()}. The next six?"
        message = Message("user", (TextPart(question),))
        decision = await calls["controller"](Request((message,), frame.sample_token, "decide"))
        if decision.completion is None or text_outcome(decision) != OK:
            return Plan(None, text_outcome(decision))
        parsed = parse_answer(decision.completion.text, self.parser)
        return Plan(parsed.actions, parsed.outcome, answer=len(seen))
