"""Has a model plan tasks for experts and choose among these: a plan, one request for repair, then the default plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from lightemma.backends.base import Call, Message, PicturePart, Request, TextPart
from lightemma.experts.base import Card, Expert
from lightemma.experts.selection import Chosen, by_rank, cards_in_words, choice_schema, line_of, read_choices
from lightemma.experts.task_plan import GIVEN, MOST_TASKS, BadPlan, Task, default_plan, plan_schema, read_plan
from lightemma.frame import Picture
from lightemma.planners.call_record import call_record, text_outcome
from lightemma.prompts.sets import PromptSet
from lightemma.run_folder.records import OK, CallRecord, is_call_error
from lightemma.run_folder.tool_records import PlanOrigin

#: Names of the calls.
ToolCall = Literal["tools-plan", "tools-repair", "tools-choose"]
PLAN: Final = "tools-plan"
REPAIR: Final = "tools-repair"
CHOOSE: Final = "tools-choose"
#: Calls that a frame may take: a plan, its repair, and one choice for all tasks with several candidates.
MOST_CALLS = 3

_RESOURCES = {
    "picture": "what the front camera sees now",
    "earlier-picture": "what it saw before",
    "motion": "how our own car has moved, in words",
}
#: What a frame's plan is about.
SITUATION = "The picture is what the front camera of a car sees at this moment."


@dataclass
class Deliberation:
    """What a model has decided about tools so far.

    Attributes:
        next: the call that is due; None once all is decided.
        tasks: the plan so far.
        chosen: task id -> its expert.
        origin: where the plan comes from.
        complaint: why the model's last plan was refused.
    """

    next: ToolCall | None = PLAN
    tasks: list[Task] = field(default_factory=list)
    chosen: dict[int, Chosen] = field(default_factory=dict)
    origin: PlanOrigin = "default"
    complaint: str = ""
    turns: tuple[Message, ...] = ()
    given: tuple[str, ...] = ()
    before: tuple[int, ...] = ()
    several: tuple[Task, ...] = ()


class CallFailed(Exception):  # noqa: N818 -- the name says what it is
    """The controlling model did not answer; the argument is the outcome."""


class ToolController:
    """Asks a model which experts should look.

    Args:
        experts: that there are.
        prompts: the wording.
        card_chars: characters of a card's description that are shown.
    """

    def __init__(self, experts: Sequence[Expert], prompts: PromptSet, card_chars: int) -> None:
        self.experts = experts
        self.cards = [one.card for one in experts]
        self._prompts, self._card_chars = prompts, card_chars

    def fixed(self, given: Sequence[str]) -> Deliberation:
        """The default plan, for which nobody is asked.

        Args:
            given: resources of the frame.
        """
        made = Deliberation(None, default_plan(self.cards, given), origin="fixed", given=tuple(given))
        made.chosen, _ = by_rank(made.tasks, self.experts)
        return made

    def plan_text(self, given: Sequence[str], before: Mapping[int, str], situation: str = SITUATION) -> str:
        """The question for a plan.

        Args:
            given: resources of the frame.
            before: results of the frame before: task id -> task.
            situation: what the plan is about.
        """
        resources = [f"<resource-{name}>: {GIVEN[name]}, {_RESOURCES[name]}" for name in given]
        resources += [
            f"<resource-before-{number}>: what {task} found half a second ago" for number, task in before.items()
        ]
        values = {
            "situation": situation,
            "tasks": "\n".join(f"- {line}" for line in tasks_in_words(self.cards, given, self._card_chars)),
            "resources": "\n".join(f"- {line}" for line in resources) or "- nothing",
            "most": str(MOST_TASKS),
        }
        return self._prompts.tool_prompt(PLAN, values)

    async def step(
        self,
        made: Deliberation,
        call: Call,
        picture: Picture | None,
        given: Sequence[str],
        before: Mapping[int, str],
        situation: str = SITUATION,
        *,
        guided: bool = True,
    ) -> CallRecord:
        """Makes the call that is due, and decides what follows from its answer.

        Args:
            made: what is decided so far; it is changed.
            call: of the model.
            picture: that the plan is about; None where the situation is told in words alone.
            given: resources of the frame.
            before: results of the frame before: task id -> task.
            situation: what the plan is about.
            guided: whether the schema of the answer goes with the request.

        Raises:
            CallFailed: if the model did not answer; nothing is decided then.
        """
        stage = made.next
        assert stage is not None, "asked while something is due"
        if stage == PLAN:
            made.given, made.before = tuple(given), tuple(before)
            text = self.plan_text(given, before, situation)
            message = Message("user", (*(() if picture is None else (PicturePart(picture),)), TextPart(text)))
            turns: tuple[Message, ...] = (message,)
            schema = plan_schema(self.cards)
        elif stage == REPAIR:
            text = self._prompts.tool_prompt(REPAIR, {"complaint": made.complaint})
            turns = (*made.turns, Message("user", (TextPart(text),)))
            schema = plan_schema(self.cards)
        else:
            shown = cards_in_words(made.several, self.experts, self._card_chars)
            text = self._prompts.tool_prompt(CHOOSE, {"candidates": shown})
            turns = (Message("user", (TextPart(text),)),)
            schema = choice_schema(made.several, self.experts)
        result = await call(Request(turns, "", stage, response_schema=schema if guided else None))
        record = call_record(stage, text, result)
        outcome = text_outcome(result)
        if result.completion is None or is_call_error(outcome):
            raise CallFailed(outcome, record)
        answer = result.completion.text
        if stage == CHOOSE:
            made.chosen = {**made.chosen, **read_choices(answer, made.several, self.experts)}
            made.next = None
            return record
        try:
            if outcome != OK:
                raise BadPlan("the answer is empty or was cut off")
            tasks = read_plan(answer, self.cards, made.given, made.before)
        except BadPlan as error:
            made.complaint = str(error)
            made.turns = (*turns, Message("assistant", (TextPart(answer or "[]"),)))
            self._decide(made, default_plan(self.cards, made.given), "default")
            made.next = REPAIR if stage == PLAN else None
            return record
        self._decide(made, tasks, "valid" if stage == PLAN else "repaired")
        made.next = CHOOSE if made.several else None
        return record

    def _decide(self, made: Deliberation, tasks: list[Task], origin: PlanOrigin) -> None:
        made.tasks, made.origin = tasks, origin
        made.chosen, several = by_rank(tasks, self.experts)
        made.several = tuple(several)


def tasks_in_words(cards: Sequence[Card], given: Sequence[str], most: int) -> list[str]:
    """Every task in one line: name, arguments, results, and what its first expert says of itself.

    Args:
        cards: of the experts there are.
        given: resources of the frame; tasks that need a picture are left out where there is none.
        most: characters of a description.
    """
    lines = []
    for name in dict.fromkeys(card.task for card in cards):
        card = min((one for one in cards if one.task == name), key=lambda one: (one.rank, one.cost, one.id))
        if "picture" in card.required and "picture" not in given:
            continue
        arguments = ", ".join(card.inputs) or "no argument"
        said = line_of(card, most).partition(": ")[2].rpartition(" (")[0]
        lines.append(f"{name} ({arguments}) gives {', '.join(dict.fromkeys(('words', *card.outputs)))}: {said}")
    return lines
