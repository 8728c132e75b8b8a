"""How well a model plans tasks: its plans against plans written by hand, as TaskBench scores them (Shen et al. 2023).

Nodes are the tasks of a plan by name, edges the pairs of tasks of which one waits for the other. Both are compared as
multisets; F1 = 2 m / (p + g) with m in common, p planned and g in the plan written by hand, and 1 where both are empty.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from lightemma.backends.base import Call
from lightemma.experts.base import Card, Expert
from lightemma.experts.task_plan import Task, read_plan
from lightemma.planners.tool_controller import CHOOSE, CallFailed, Deliberation, ToolController
from lightemma.prompts.sets import PromptSet
from lightemma.run_folder.records import CallRecord
from lightemma.run_folder.tool_records import PlanOrigin

T = TypeVar("T")

_FILE = Path(__file__).with_name("gold_plans.json")
#: Resources that the situations have.
GIVEN = ("picture", "earlier-picture", "motion")


@dataclass(frozen=True, slots=True)
class GoldPlan:
    """A plan written by hand.

    Attributes:
        situation: what is to be planned for, in words.
        tasks: the plan.
        text: the same as a model writes it.
    """

    situation: str
    tasks: tuple[Task, ...]
    text: str


@dataclass(frozen=True, slots=True)
class PlanScore:
    """One plan against the one written by hand.

    Attributes:
        node_f1: 0 to 1, of tasks.
        edge_f1: 0 to 1, of dependencies.
        origin: ``valid``, ``repaired`` or ``default``; a default plan is not the model's and scores 0. ``failed`` where the
            model did not answer.
        complaint: why the model's last plan was refused, or why it did not answer; empty where it is valid.
        calls: that were made, as recorded.
    """

    node_f1: float
    edge_f1: float
    origin: PlanOrigin | Literal["failed"]
    complaint: str = ""
    calls: tuple[CallRecord, ...] = ()


def gold_plans(cards: Sequence[Card]) -> list[GoldPlan]:
    """The plans written by hand.

    Args:
        cards: of all experts, those that cannot be used here included.

    Raises:
        BadPlan: if a plan names what there is not.
    """
    listed = json.loads(_FILE.read_text(encoding="utf-8"))
    return [
        GoldPlan(one["situation"], tuple(read_plan(json.dumps(one["tasks"]), cards, GIVEN)), json.dumps(one["tasks"]))
        for one in listed
    ]


def plan_f1(planned: Sequence[Task], gold: Sequence[Task]) -> tuple[float, float]:
    """F1 of nodes and of edges."""
    return (
        _f1(Counter(one.task for one in planned), Counter(one.task for one in gold)),
        _f1(_edges(planned), _edges(gold)),
    )


async def score_controller(
    call: Call, experts: Sequence[Expert], prompts: PromptSet, *, guided: bool = True, concurrency: int = 1
) -> list[PlanScore]:
    """Has a model plan for every situation, with one request for repair.

    Args:
        call: of the model.
        experts: that there are.
        prompts: the wording.
        guided: whether the schema of a plan goes with the requests.
        concurrency: situations that are planned for at the same time.
    """
    controller = ToolController(experts, prompts, 100)
    room = asyncio.Semaphore(concurrency)

    async def one(gold: GoldPlan) -> PlanScore:
        made = Deliberation()
        calls: list[CallRecord] = []
        async with room:
            try:
                while made.next is not None and made.next != CHOOSE:
                    calls.append(await controller.step(made, call, None, GIVEN, {}, gold.situation, guided=guided))
            except CallFailed as failed:
                outcome, record = failed.args
                return PlanScore(0.0, 0.0, "failed", record.error or outcome, (*calls, record))
        f1 = (0.0, 0.0) if made.origin == "default" else plan_f1(made.tasks, gold.tasks)
        return PlanScore(*f1, made.origin, made.complaint, tuple(calls))

    return await asyncio.gather(*map(one, gold_plans(controller.cards)))


def _edges(tasks: Sequence[Task]) -> Counter[tuple[str, str]]:
    names = {one.id: one.task for one in tasks}
    return Counter((names[before], one.task) for one in tasks for before in one.dep)


def _f1(planned: Counter[T], gold: Counter[T]) -> float:
    total = planned.total() + gold.total()
    return 2.0 * (planned & gold).total() / total if total else 1.0
