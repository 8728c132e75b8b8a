"""Plans of tasks as models write them: what is read, what is refused and why, and the default plan."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.experts.base import Card
from lightemma.experts.task_plan import BadPlan, Task, default_plan, filled, plan_schema, read_plan, references
from lightemma.outside_text import one_line

DETECT = Card("eyes", "object-detection", "Finds things.", ("picture",), ("boxes",), usual={"picture": "picture"})
RANGE = Card("range", "ground-distance", "Metres.", ("boxes",), ("numbers",), usual={"boxes": "object-detection"})
SPEED = Card(
    "speed",
    "lead-speed",
    "m/s.",
    ("boxes", "earlier_boxes"),
    ("numbers",),
    usual={"boxes": "object-detection", "earlier_boxes": "object-detection@earlier"},
)
MOTION = Card("motion", "motion-words", "Words.", ("words?",), ("words",))
CARDS = [SPEED, RANGE, DETECT, MOTION]
EYES = {"task": "object-detection", "id": 1, "dep": [-1], "args": {"picture": "<resource-picture>"}}
METRES = {"task": "ground-distance", "id": 2, "dep": [], "args": {"boxes": "<resource-1>", "words": "  "}}


def text(*tasks):
    return json.dumps(list(tasks))


@pytest.mark.parametrize(
    "written",
    [text(EYES, METRES), json.dumps({"tasks": [EYES, METRES]}), f"\n```json\n{text(EYES, METRES)}\n```\n"],
)
def test_a_plan_is_read_and_what_arguments_refer_to_is_waited_for(written):
    first, second = read_plan(written, CARDS)
    assert first == Task(1, "object-detection", (), {"picture": "<resource-picture>"})
    assert second == Task(2, "ground-distance", (1,), {"boxes": "<resource-1>"})  # an empty argument is none


def test_no_task_is_a_plan():
    assert read_plan("[]", CARDS) == []


def changed(task, /, **values):
    return {**task, **values}


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("Sure! " + text(EYES), "not JSON alone"),
        ("[" * 100_000, "longer than"),
        ("[" * 9_000, "not JSON alone"),
        ('[{"task": "a", "task": "b", "id": 1}]', "not JSON alone"),
        ('{"plan": []}', "not a list of tasks"),
        ("7", "not a list of tasks"),
        (text(*[changed(EYES, id=n) for n in range(13)]), "13 tasks"),
        (text("look"), "entry 1 is not an object"),
        (text({"task": "object-detection"}), "entry 1 is not an object"),
        (text(changed(EYES, why="x")), "entry 1 is not an object"),
        (text(changed(EYES, task=3)), "task is not a text"),
        (text(changed(EYES, id=True)), "id is not a whole number"),
        (text(changed(EYES, id=-1)), "id is not a whole number"),
        (text(changed(EYES, id="1")), "id is not a whole number"),
        (text(changed(EYES, dep=1)), "dep is not a list"),
        (text(changed(EYES, dep=[1.0])), "dep is not a list"),
        (text(changed(EYES, args=["x"])), "args is not an object"),
        (text(changed(EYES, args={"picture": None})), "args is not an object"),
        (text(changed(EYES, args={"picture": "x" * 401})), "longer than 400"),
        (text(changed(EYES, task="teleport")), 'no task "teleport"'),
        (text(EYES, EYES), "the id 1 is there twice"),
        (text(changed(EYES, dep=[9])), "depends on task 9, which does not exist"),
        (text(EYES, changed(METRES, args={})), 'lacks the argument "boxes"'),
        (text(EYES, changed(METRES, args={"boxes": "<resource-3>"})), "depends on task 3, which does not exist"),
        (text(EYES, changed(METRES, args={"boxes": "the cars"})), "must be references"),
        (text(EYES, changed(METRES, args={"boxes": "<resource-picture>"})), "does not give"),
        (text(EYES, changed(METRES, args={"boxes": "<resource-1>", "colour": "red"})), 'the argument "colour"'),
        (
            text(changed(EYES, args={"picture": "<resource-earlier-picture>"})),
            "<resource-earlier-picture> does not exist",
        ),
        (text(changed(EYES, args={"picture": "<resource-picture> <resource-picture-2>"})), "takes one picture"),
        (text(changed(METRES, args={"boxes": "<resource-before-2>"})), "<resource-before-2> does not exist"),
        (text(changed(METRES, id=2, args={"boxes": "<resource-01>"}), EYES), "<resource-01> does not exist"),
        (text(changed(METRES, args={"boxes": "<resource-before-01>"})), "<resource-before-01> does not exist"),
        (text(changed(EYES, id=1.0)), "id is not a whole number"),
        ('[{"task": "motion-words", "id": NaN}]', "id is not a whole number"),
        (f'[{{"task": "motion-words", "id": {"9" * 5000}}}]', "not JSON alone"),
        (text(changed(EYES, id=10_000)), "id is not a whole number"),
        (text(*[changed(EYES, id=n) for n in range(150)]), "150 tasks"),
        (text(changed(EYES, task="object-detection\u200b")), "no task"),
        (text(changed(EYES, task="\uff4fbject-detection")), "no task"),
        (text(changed(EYES, args={"picture": "/etc/passwd"})), "must be references"),
        (text(changed(EYES, args={"picture": "<resource-__class__>"})), "must be references"),
        (text(changed(EYES, args={"picture": "<resource-picture>{0.data}"})), "must be references"),
        (text(changed(EYES, args={"__class__": "<resource-picture>"})), 'the argument "__class__"'),
        (text(changed(EYES, dep=[2]), METRES), "wait for each other"),
        (text(changed(EYES, dep=[1])), "wait for each other"),
        (text(changed(EYES, id=1), changed(METRES, id=2, args={"boxes": "<resource-2>"})), "does not give|wait"),
    ],
)
def test_a_bad_plan_is_refused_with_the_reason(written, why):
    with pytest.raises(BadPlan, match=why):
        read_plan(written, CARDS, given=("picture", "motion"))


@pytest.mark.parametrize("name", ["\ud800", "\x1b[31mred", "a\nb", "\u202eno", "x" * 5000])
def test_a_reason_can_be_sent_recorded_and_shown_whatever_it_quotes(name):
    for written in (text(changed(EYES, task=name)), text(changed(EYES, args={name: "x", **EYES["args"]}))):
        with pytest.raises(BadPlan) as caught:
            read_plan(written, CARDS)
        said = str(caught.value)
        said.encode()
        assert said == one_line(said)
        assert len(said) < 300


@pytest.mark.parametrize("fence", ["```json\r\n{}\r\n```", "```JSON\n{}```", "```\n{}\n\n```", " {} "])
def test_code_blocks_are_taken_off(fence):
    assert [task.id for task in read_plan(fence.replace("{}", text(EYES, METRES)), CARDS)] == [1, 2]


def test_results_of_the_frame_before_can_be_used():
    (task,) = read_plan(text(changed(METRES, id=1, args={"boxes": "<resource-before-2>"})), CARDS, before=[2])
    assert (task.dep, references(task.args["boxes"])) == ((), ["before-2"])


def test_the_default_plan_fills_usual_arguments_and_needs_the_earlier_picture_for_speed():
    plan = default_plan(CARDS, given=("picture", "earlier-picture"))
    assert [(one.id, one.task, one.dep) for one in plan] == [
        (1, "object-detection", ()),
        (2, "object-detection", ()),
        (3, "lead-speed", (1, 2)),
        (4, "ground-distance", (1,)),
        (5, "motion-words", ()),
    ]
    assert plan[1].args == {"picture": "<resource-earlier-picture>"}
    assert [one.task for one in default_plan(CARDS, given=("picture",))] == [
        "object-detection",
        "ground-distance",
        "motion-words",
    ]
    assert [one.task for one in default_plan(CARDS, given=())] == ["motion-words"]


def test_a_default_plan_is_one_that_a_model_may_write():
    given_all = ("picture", "earlier-picture")
    plan = default_plan(CARDS, given_all)
    written = text(*({"task": t.task, "id": t.id, "dep": list(t.dep), "args": dict(t.args)} for t in plan))
    assert read_plan(written, CARDS, given_all) == plan


def test_tasks_that_need_each_other_by_default_are_left_out():
    one = Card("one", "one", "One.", ("boxes",), ("boxes",), usual={"boxes": "two"})
    two = Card("two", "two", "Two.", ("boxes",), ("boxes",), usual={"boxes": "one"})
    assert [task.task for task in default_plan([one, two, MOTION])] == ["motion-words"]


def test_the_schema_names_the_tasks_and_every_argument():
    schema = plan_schema(CARDS)["properties"]["tasks"]["items"]
    assert schema["properties"]["task"]["enum"] == ["lead-speed", "ground-distance", "object-detection", "motion-words"]
    assert schema["properties"]["args"]["required"] == ["boxes", "earlier_boxes", "picture", "words"]


def test_filling_is_one_pass():
    assert (
        filled("<resource-1> <resource-2> <resource-9>", {"1": "<resource-2>", "2": "b"})
        == "<resource-2> b <resource-9>"
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.floats()
    | st.sampled_from(["object-detection", "<resource-1>", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["task", "id", "dep", "args", "picture", "boxes", "tasks"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(JSON | st.text(max_size=40))
def test_whatever_a_model_writes_is_a_plan_or_a_reason(value):
    written = value if isinstance(value, str) else json.dumps(value)
    tasks, reason = [], ""
    try:
        tasks = read_plan(written, CARDS)
    except BadPlan as error:
        reason = str(error)
    assert bool(reason) or {task.task for task in tasks} <= {card.task for card in CARDS}
