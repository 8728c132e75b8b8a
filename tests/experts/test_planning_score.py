"""Plans against plans written by hand."""

from __future__ import annotations

import asyncio

import pytest

from lightemma.backends.base import CallResult
from lightemma.backends.scripted import ScriptedBackend
from lightemma.experts.planning_score import GIVEN, gold_plans, plan_f1, score_controller
from lightemma.experts.registry import EXPERTS, make_expert
from lightemma.experts.task_plan import Task
from lightemma.prompts.sets import DEFAULT_PROMPTS, load_prompts

ALL = [one for one in (make_expert(name) for name in EXPERTS) if not one.card.privileged]
GOLD = gold_plans([one.card for one in ALL])


def scored(answers, **more):
    backend = ScriptedBackend.from_answers({"tools-plan": answers, **more}, repeat=True)

    async def call(request):
        return CallResult(await backend.generate(request))

    return asyncio.run(score_controller(call, ALL, load_prompts(DEFAULT_PROMPTS))), backend


def test_there_are_twelve_and_every_task_is_in_one():
    assert len(GOLD) == 12
    assert {task.task for plan in GOLD for task in plan.tasks} == {one.card.task for one in ALL}
    assert len({plan.situation for plan in GOLD}) == 12


def test_a_controller_that_writes_them_scores_exactly_one():
    scores, backend = scored([plan.text for plan in GOLD])
    assert {(one.node_f1, one.edge_f1, one.origin) for one in scores} == {(1.0, 1.0, "valid")}
    assert all(gold.situation in request.messages[0].text for gold, request in zip(GOLD, backend.requests, strict=True))
    assert "<resource-earlier-picture>" in backend.requests[0].messages[0].text
    assert GIVEN[1] == "earlier-picture"


def test_a_plan_that_had_to_be_replaced_scores_nothing_and_a_repaired_one_counts():
    scores, _ = scored(["no"], **{"tools-repair": ["still no"]})
    assert {(one.node_f1, one.edge_f1, one.origin) for one in scores} == {(0.0, 0.0, "default")}
    scores, _ = scored(["no"], **{"tools-repair": [plan.text for plan in GOLD]})
    assert {(one.node_f1, one.origin) for one in scores} == {(1.0, "repaired")}


@pytest.mark.parametrize(
    ("planned", "gold", "f1"),
    [
        ([], [], (1.0, 1.0)),
        ([], [Task(1, "a")], (0.0, 1.0)),
        ([Task(1, "a")], [Task(1, "a"), Task(2, "b", (1,))], (2 / 3, 0.0)),
        ([Task(7, "a"), Task(8, "b", (7,))], [Task(1, "a"), Task(2, "b", (1,))], (1.0, 1.0)),
        ([Task(1, "a"), Task(2, "a")], [Task(1, "a")], (2 / 3, 1.0)),
        (
            [Task(1, "a"), Task(2, "b"), Task(3, "c", (1,))],
            [Task(1, "a"), Task(2, "b"), Task(3, "c", (2, 1))],
            (1.0, 2 / 3),
        ),
    ],
)
def test_f1_by_hand(planned, gold, f1):
    assert plan_f1(planned, gold) == pytest.approx(f1)
