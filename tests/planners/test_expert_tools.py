"""Tools before the plan: what a model plans, who chooses, what enters the prompts, how many calls it takes, the controls."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
import pytest

from lightemma.agents import Agents, Surroundings
from lightemma.backends.base import CallError
from lightemma.backends.scripted import ScriptedBackend
from lightemma.errors import UserError
from lightemma.experts.base import Card, Expert, Found, Question
from lightemma.experts.context import driving_context
from lightemma.experts.executor import Done
from lightemma.experts.lies import ALARMS, planted_alarm
from lightemma.experts.places import Places
from lightemma.experts.task_plan import Task
from lightemma.frame import Pose
from lightemma.planners.base import PlannerSettings, View
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.planners.expert_tools import ExpertTools
from lightemma.planners.planning import Planned, RecordedCalls, check_plan
from lightemma.planners.prompt_style import PromptStyle
from tests.conftest import STEADY_TEXT, make_frame
from tests.experts.test_every_expert import picture

HERE = __name__
STAGED = {"scene": ["A road."], "intent": ["Go on."], "action": [STEADY_TEXT]}
MOTION = '[{"task": "motion-words", "id": 1}]'
COUNT = '[{"task": "counting", "id": 1, "args": {"picture": "<resource-picture>"}}]'
CHOICE = '{"choices": [{"task": 1, "id": "slow-counter", "reason": "it is careful"}]}'


class Counter(Expert):
    """Counts what is there."""

    card = Card(
        "counter",
        "counting",
        "Counts quickly. " * 20,
        ("picture",),
        ("words", "numbers"),
        rank=1,
        usual={"picture": "picture"},
    )

    def look(self, question: Question) -> Found:
        return Found(f"{self.card.id} sees 3 cars.", numbers={"cars": 3.0})


class SlowCounter(Counter):
    """Counts what is there, too."""

    card = Card(
        "slow-counter",
        "counting",
        "Counts slowly.",
        ("picture",),
        ("words", "numbers"),
        rank=2,
        usual={"picture": "picture"},
    )


class Fails(Counter):
    """Never counts."""

    card = Card("fails", "failing", "Fails.", (), ("words",))

    def look(self, question: Question) -> Found:
        raise ValueError("no weights")


def options(*experts, **more):
    return {"experts": [name if "-" in name else f"{HERE}:{name}" for name in experts] or ["motion-words"], **more}


@dataclass
class Asked:
    """A planner with a scripted model, and what the model was asked."""

    planner: ExpertTools
    backend: ScriptedBackend
    calls: dict = field(default_factory=dict)

    def plan(self, frame=None, view=None):
        frame = frame or make_frame()
        return asyncio.run(self.planned(frame, view or View((picture(),))))

    async def planned(self, frame, view):
        recorded = RecordedCalls(frame.sample_token, {"main": _call(self.backend)})
        plan = await self.planner.plan(frame, view, recorded)
        return check_plan(plan, recorded.records)

    def prompts(self, stage):
        return [one.messages[-1].text for one in self.backend.requests if one.stage == stage]

    @property
    def stages(self):
        return [one.stage for one in self.backend.requests]


def _call(backend):
    from lightemma.backends.base import CallResult

    async def call(request):
        try:
            return CallResult(await backend.generate(request))
        except CallError as error:
            return CallResult(None, error.kind, error.message)

    return call


def asked(given, style=PromptStyle(), **answers):  # noqa: B008 -- frozen
    backend = ScriptedBackend.from_answers(
        {**STAGED, **{k.replace("_", "-"): v for k, v in answers.items()}}, repeat=True
    )
    return Asked(ExpertTools(PlannerSettings(style=style, options=given)), backend)


def test_what_the_tools_found_enters_scene_and_intent_and_no_other_prompt():
    made = asked(options(), tools_plan=[MOTION])
    plan = made.plan()
    words = "Our car drives at 5.0 m/s, as it did 2.5 s ago. Its path is straight."
    assert (plan.outcome, plan.answer) == ("ok", 3)
    assert [words in text for text in made.prompts("scene") + made.prompts("intent") + made.prompts("action")] == [
        True,
        True,
        False,
    ]
    (task,) = plan.tools.tasks
    assert (plan.tools.plan, plan.tools.asked, task.outcome, task.words, task.chosen_by) == (
        "valid",
        1,
        "ok",
        words,
        "only",
    )
    assert plan.tools.context == len(made.prompts("scene")[0].partition("\n\n")[0])


def test_in_a_dialogue_it_is_said_once():
    made = asked(options(), PromptStyle(dialogue=True), tools_plan=[MOTION])
    made.plan()
    said = made.backend.requests[-1].messages
    assert sum("What tools report" in message.text for message in said) == 1
    assert "What tools report" in said[0].text


def test_without_tools_the_questions_are_those_of_chain_of_thought():
    made, plain = asked(options(tools="none")), ScriptedBackend.from_answers(STAGED, repeat=True)
    plan = made.plan()
    other = asyncio.run(ChainOfThought().plan(make_frame(), View((picture(),)), {"main": _call(plain)}))
    assert [one.messages for one in made.backend.requests] == [one.messages for one in plain.requests]
    assert (plan.tools, plan.actions.tolist()) == (None, other.actions.tolist())


@pytest.mark.parametrize(
    ("answers", "stages", "origin", "expert"),
    [
        ({"tools_plan": [COUNT], "tools_choose": [CHOICE]}, ["plan", "choose"], "valid", ("slow-counter", "model")),
        ({"tools_plan": [COUNT], "tools_choose": ["the fast one"]}, ["plan", "choose"], "valid", ("counter", "rank")),
        (
            {"tools_plan": [COUNT], "tools_choose": [CHOICE.replace("slow-counter", "best-counter")]},
            ["plan", "choose"],
            "valid",
            ("counter", "rank"),
        ),
        (
            {"tools_plan": ["I would count."], "tools_repair": [COUNT], "tools_choose": [CHOICE]},
            ["plan", "repair", "choose"],
            "repaired",
            ("slow-counter", "model"),
        ),
        (
            {"tools_plan": ["I would count."], "tools_repair": ["No."]},
            ["plan", "repair"],
            "default",
            ("counter", "rank"),
        ),
        (
            {"tools_plan": [COUNT.replace("counting", "flying")], "tools_repair": [""]},
            ["plan", "repair"],
            "default",
            ("counter", "rank"),
        ),
    ],
)
def test_a_plan_its_repair_and_one_choice_are_at_most_three_calls(answers, stages, origin, expert):
    made = asked(options("Counter", "SlowCounter"), **answers)
    plan = made.plan()
    assert made.stages == [*(f"tools-{name}" for name in stages), "scene", "intent", "action"]
    assert (plan.tools.plan, plan.tools.asked) == (origin, len(stages))
    task = plan.tools.tasks[0]
    assert (task.expert, task.chosen_by) == expert
    assert plan.outcome == "ok"
    assert f"{expert[0]} sees 3 cars." in made.prompts("intent")[0]
    if "repair" in stages:
        (text,) = made.prompts("tools-repair")
        assert plan.tools.complaint in text or origin == "default"
        assert [one.role for one in made.backend.requests[1].messages] == ["user", "assistant", "user"]
    if expert[1] == "model":
        assert task.reason == "it is careful"
    if "choose" in stages:
        shown = made.prompts("tools-choose")[0]
        (line,) = [one for one in shown.splitlines() if one.startswith("- counter: ")]
        assert len(line.partition(": ")[2].partition(" (")[0]) <= 100


def test_a_model_that_plans_no_tool_is_asked_as_if_there_were_none():
    made = asked(options(), tools_plan=["[]"])
    plan = made.plan()
    assert (plan.tools.plan, plan.tools.tasks, plan.tools.context) == ("valid", [], 0)
    assert "What tools report" not in "".join(made.prompts("scene") + made.prompts("intent"))


def test_a_failed_call_ends_the_frame_as_everywhere():
    made = asked(options(), tools_plan=[CallError("rate_limited", "slow down")])
    plan = made.plan()
    assert (plan.outcome, [call.stage for call in plan.calls]) == ("call:rate_limited", ["tools-plan"])


def test_a_failing_expert_costs_its_task_and_not_the_frame():
    made = asked(options("Fails", "motion-words", tools="all"))
    plan = made.plan()
    assert plan.outcome == "ok"
    assert [(one.task, one.outcome) for one in plan.tools.tasks] == [("failing", "failed"), ("motion-words", "ok")]
    assert "no weights" in plan.tools.tasks[0].why
    assert "no weights" not in "".join(made.prompts("scene"))


def test_experts_count_in_a_drive_whose_answers_are_all_stored_ones():
    made = asked(options("motion-words", tools="all"))
    plan = made.plan()
    assert plan.tools.seconds > 0
    stored = [msgspec.structs.replace(call, cached=True, latency_s=0.5) for call in plan.calls]
    tools = msgspec.structs.replace(plan.tools, seconds=0.25)
    assert Planned(replace(plan, calls=stored, tools=tools), None, wall_s=9.0).seconds == pytest.approx(3 * 0.5 + 0.25)
    assert Planned(replace(plan, calls=stored, tools=None), None, wall_s=9.0).seconds == pytest.approx(3 * 0.5)
    fresh = [*stored[:2], msgspec.structs.replace(stored[2], cached=False)]
    assert Planned(replace(plan, calls=fresh, tools=tools), None, wall_s=9.0).seconds == 9.0


def test_once_in_a_scene_takes_one_call_more_in_a_frame_at_most():
    answers = {"tools_plan": ["what?"], "tools_repair": [COUNT], "tools_choose": [CHOICE]}
    made = asked(options("Counter", "SlowCounter", replan="scene"), **answers)
    plans = [made.plan(make_frame(index=index)) for index in range(5)]
    assert [one.tools.asked for one in plans] == [1, 1, 1, 0, 0]
    assert [one.tools.plan for one in plans] == ["default", *["repaired"] * 4]
    assert [one.tools.tasks[0].expert for one in plans] == [
        "counter",
        "counter",
        "slow-counter",
        "slow-counter",
        "slow-counter",
    ]
    other = made.plan(make_frame(scene="scene-0002"))
    assert (other.tools.asked, other.tools.plan) == (1, "default")


def test_a_frame_that_is_planned_twice_asks_and_does_the_same_again():
    answers = {"tools_plan": ["what?"], "tools_repair": [COUNT], "tools_choose": [CHOICE]}
    made = asked(options("Counter", "SlowCounter", replan="scene"), **answers)
    frames = [make_frame(index=index) for index in range(5)]
    first, again = ([made.plan(frame) for frame in frames] for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert (one.tools.asked, one.tools.plan) == (other.tools.asked, other.tools.plan)
        assert [call.prompt for call in one.calls] == [call.prompt for call in other.calls]
        assert [task.expert for task in one.tools.tasks] == [task.expert for task in other.tools.tasks]


def test_once_in_a_run_is_asked_for_one_scene_alone_even_when_frames_are_concurrent():
    made = asked(options(replan="never"), tools_plan=[MOTION])

    async def all_at_once():
        frames = [make_frame(scene, index) for scene in ("scene-0001", "scene-0002") for index in range(3)]
        return await asyncio.gather(*(made.planned(frame, View((picture(),))) for frame in frames))

    plans = asyncio.run(all_at_once())
    assert sorted(one.tools.asked for one in plans) == [0] * 5 + [1]
    assert all(one.tools.tasks[0].outcome == "ok" for one in plans)


class Remembers(Counter):
    """Reads the numbers that it is given."""

    card = Card("remembers", "remembering", "Compares.", ("numbers?",), ("words", "numbers"))

    def look(self, question: Question) -> Found:
        before = question.numbers.get("numbers", {}).get("seen", 0.0)
        return Found(f"Seen {before + 1:g} times.", numbers={"seen": before + 1})


def test_results_of_the_frame_before_can_be_used():
    first = '[{"task": "remembering", "id": 1}]'
    later = '[{"task": "remembering", "id": 1, "args": {"numbers": "<resource-before-1>"}}]'
    made = asked(options("Remembers", keep=True), tools_plan=[first, later, later])
    plans = [made.plan(make_frame(index=index)) for index in range(3)]
    assert [one.tools.tasks[0].words for one in plans] == ["Seen 1 times.", "Seen 2 times.", "Seen 3 times."]
    assert "<resource-before-1>: what remembering found" in made.prompts("tools-plan")[1]
    forgets = asked(options("Remembers"), tools_plan=[first, later], tools_repair=[first])
    plans = [forgets.plan(make_frame(index=index)) for index in range(2)]
    assert plans[1].tools.plan == "repaired"


def test_false_alarms_are_planted_at_the_stated_rate_and_said_first():
    tokens = [f"token {number}" for number in range(2000)]
    share = np.mean([bool(planted_alarm(token, 0.3, 0)) for token in tokens])
    assert abs(share - 0.3) < 4 * np.sqrt(0.21 / len(tokens))
    assert [planted_alarm(token, 0.3, 1) for token in tokens] != [planted_alarm(token, 0.3, 0) for token in tokens]
    assert {planted_alarm(token, 1.0, 0) for token in tokens} == set(ALARMS)
    made = asked(options(tools="lying", lie_rate=1.0))
    plan = made.plan()
    assert plan.tools.planted in ALARMS
    assert made.prompts("scene")[0].splitlines()[1] == f"- {plan.tools.planted}"
    done = [
        Done(Task(number, task), "one", "ok", Found(f"Nothing by {task}."))
        for number, task in enumerate(("light-state", "ground-distance", "motion-words"))
    ]
    for alarm, replaced in ALARMS.items():
        context = driving_context(done, 600, alarm)
        assert [f"by {one.task.task}" in context for one in done] == [one.task.task not in replaced for one in done]
    honest = asked(options(tools="lying", lie_rate=0.0)).plan()
    assert not honest.tools.planted


def test_the_context_keeps_its_length():
    made = asked(options("Counter", "motion-words", tools="all", context_chars=100))
    plan = made.plan()
    context = made.prompts("scene")[0].partition("\n\n")[0]
    assert len(context) == plan.tools.context <= 100


def around(kind_x=((0, 20.0),)):
    count = len(kind_x)
    centres = np.zeros((count, 7, 2))
    centres[:, :, 0] = np.array([x for _, x in kind_x])[:, None] + np.arange(7) * 2.0
    agents = Agents(
        centres,
        np.zeros((count, 7)),
        np.tile([4.0, 2.0], (count, 1)),
        np.array([kind for kind, _ in kind_x]),
        np.ones((count, 7), bool),
        ["vehicle.car"] * count,
    )
    return Surroundings(Pose(0.0, 0.0, 0.0), np.zeros((7, 3)), np.zeros((1, 2)), agents)


def test_oracles_are_told_the_truth_and_models_alone_what_they_say():
    made = asked({"tools": "oracle"})
    assert made.planner.needs().truth
    plan = made.plan(view=View((picture(),), truth=around()))
    task = next(one for one in plan.tools.tasks if one.expert == "oracle-road-users")
    # 20 m to the middle, less half its length and the 3.427 m from the rear axle to the bumper
    assert task.numbers == {"lead_distance_m": 14.57, "lead_speed_mps": 4.0}
    assert "vehicle 15 m ahead in our lane, moving at 4.0 m/s" in made.prompts("intent")[0]
    assert made.planner.inputs().words.endswith("oracle experts")


def test_a_control_is_no_tool():
    with pytest.raises(UserError, match="knows the truth"):
        asked({"experts": ["oracle-road-users"]})


def test_different_modes_are_different_runs():
    kinds = {asked(options(tools=mode)).planner.kind for mode in ("chosen", "none", "all", "lying")}
    assert len(kinds) == 4
    settings = asked(options()).planner.settings()
    assert settings["experts"] == ["motion-words"]
    assert len(settings["tools_sha256"]) == 64


def test_guided_json_names_the_tasks_there_are():
    made = asked(options(), tools_plan=[MOTION])
    made.plan()
    schema = made.backend.requests[0].response_schema
    assert schema["properties"]["tasks"]["items"]["properties"]["task"]["enum"] == ["motion-words"]
    assert json.dumps(schema)


def test_places_are_shared_by_a_process():
    from lightemma.experts.places import places

    async def same():
        return places() is places()

    assert asyncio.run(same())
    assert isinstance(Places(2), Places)
