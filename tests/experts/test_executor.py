"""Plans of tasks are carried out in order of their dependencies, and one bad expert costs only its own task."""

from __future__ import annotations

import asyncio
import json
import math
import re
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.experts.base import Box, Card, Expert, Found, NotKnown, Question
from lightemma.experts.executor import Done, Scene, execute, seconds_alone
from lightemma.experts.places import MOST_ABANDONED, Places, wait_for_experts
from lightemma.experts.task_plan import BadPlan, Task, read_plan, references
from lightemma.frame import Picture
from lightemma.outside_text import one_line
from tests.conftest import make_frame

PICTURE = Picture(b"x", "image/jpeg", (16, 9), "0")
CARD = Card("made-up", "made-up", "Made up.", ("words?", "boxes?", "numbers?", "picture?"), ("words",), timeout_s=20)


@dataclass
class Made(Expert):
    """An expert that does as it is told, and notes when it began and ended."""

    card: Card = CARD
    answer: object = field(default_factory=lambda: Found("Seen."))
    events: list[str] = field(default_factory=list)
    name: str = ""
    asked: list[Question] = field(default_factory=list)

    def look(self, question: Question) -> Found:
        self.events.append(f"+{self.name}")
        self.asked.append(question)
        answer = self.answer(question) if callable(self.answer) else self.answer
        self.events.append(f"-{self.name}")
        if isinstance(answer, BaseException):
            raise answer
        return answer


def card(**changes):
    given = {
        "id": "made-up",
        "task": "made-up",
        "description": "Made up.",
        "inputs": CARD.inputs,
        "outputs": ("words",),
    }
    return Card(**{**given, "timeout_s": 20.0, **changes})


def carried_out(tasks, experts, scene=None, processors=8):
    async def run():
        return await execute(tasks, experts, scene or Scene(make_frame()), Places(processors), clock=lambda: 0.0)

    return {one.task.id: one for one in asyncio.run(run())}


def test_three_independent_tasks_are_at_work_together_and_the_dependent_waits_for_all():
    meeting = threading.Barrier(3, timeout=20)  # broken unless all three are there at the same time
    events: list[str] = []

    def meet(_):
        meeting.wait()
        return Found("Seen.")

    experts = {number: Made(answer=meet, events=events, name=str(number)) for number in (1, 2, 3)}
    experts[4] = Made(events=events, name="4")
    done = carried_out([Task(4, "made-up", (1, 2, 3)), *(Task(n, "made-up") for n in (1, 2, 3))], experts)
    assert [one.outcome for one in done.values()] == ["ok"] * 4
    assert events.index("+4") > max(events.index(f"-{n}") for n in (1, 2, 3))


@st.composite
def graphs(draw):
    """Tasks with random dependencies on earlier ones in a random order, and which of them fail."""
    count = draw(st.integers(1, 9))
    names = draw(st.permutations(range(count)))
    tasks = [
        Task(names[place], "made-up", tuple(sorted({names[one] for one in draw(st.sets(st.integers(0, place - 1)))})))
        if place
        else Task(names[0], "made-up")
        for place in range(count)
    ]
    return draw(st.permutations(tasks)), draw(st.sets(st.integers(0, count - 1), max_size=3))


@settings(max_examples=40)
@given(graphs(), st.integers(1, 3))
def test_no_task_begins_early_and_only_dependents_of_failures_are_skipped(graph, processors):
    tasks, failing = graph
    events: list[str] = []
    experts = {
        task.id: Made(
            answer=ValueError("no") if task.id in failing else Found("Seen."), events=events, name=str(task.id)
        )
        for task in tasks
    }
    done = carried_out(tasks, experts, processors=processors)
    assert list(done) == [task.id for task in tasks]
    below = {task.id: task.dep for task in tasks}

    def spoilt(number):
        return any(one in failing or spoilt(one) for one in below[number])

    for task in tasks:
        expected = "skipped" if spoilt(task.id) else "failed" if task.id in failing else "ok"
        assert done[task.id].outcome == expected
        assert (f"+{task.id}" in events) == (expected != "skipped")
        if expected == "skipped":
            assert done[task.id].why.startswith("task ")
        for one in task.dep if expected != "skipped" else ():
            assert events.index(f"-{one}") < events.index(f"+{task.id}")


#: How an expert behaves -> how its task ends; "late" does not return in time.
ENDS = {"ok": "ok", "raise": "failed", "exit": "failed", "nothing": "rubbish", "nan": "rubbish", "late": "timeout"}


@st.composite
def written_plans(draw):
    """Plans as models write them, right and wrong: with ids twice, circles, missing tasks, several references."""
    number = st.integers(0, 3)
    plans = [
        {
            "task": "made-up",
            "id": place if draw(st.integers(0, 5)) else draw(number),
            "dep": draw(
                st.lists(st.integers(-1, max(place - 1, 0)) if draw(st.integers(0, 3)) else number, max_size=2)
            ),
            "args": {
                name: ", ".join(
                    f"<resource-{one}>" for one in draw(st.lists(st.integers(0, place - 1), min_size=1, max_size=3))
                )
                for name in (("boxes", "words") if place and draw(st.booleans()) else ())
            },
        }
        for place in range(draw(st.integers(1, 5)))
    ]
    return plans, [draw(st.sampled_from(list(ENDS))) for _ in plans]


def is_a_plan(plans):
    """The same by another way: ids once, everything named is there, and names can be taken away until none is left."""
    needs = {
        one["id"]: {*one["dep"], *(int(n) for text in one["args"].values() for n in re.findall(r"\d+", text))} - {-1}
        for one in plans
    }
    if len(needs) < len(plans) or not all(one in needs for found in needs.values() for one in found):
        return False
    while any(not found for found in needs.values()):
        free = {name for name, found in needs.items() if not found}
        needs = {name: found - free for name, found in needs.items() if name not in free}
    return not needs


@settings(max_examples=60, deadline=None)
@given(written_plans())
def test_a_written_plan_is_refused_or_every_task_of_it_ends_as_its_expert_does(written):
    plans, kinds = written
    made = card(outputs=("words", "boxes"), inputs=("words?", "boxes?"))
    try:
        tasks = read_plan(json.dumps(plans), [made])
    except BadPlan:
        assert not is_a_plan(plans)
        return
    assert is_a_plan(plans)
    let_go, experts = threading.Event(), {}
    answers = {
        "ok": Found("Seen.", (Box("car", 0.5, 1, 2, 3, 4),)),
        "raise": ValueError("no"),
        "exit": SystemExit(1),
        "nothing": None,
        "nan": Found("x", numbers={"a": math.nan}),
        "late": lambda _: let_go.wait(20) and Found("late"),
    }
    behaves = dict(zip([task.id for task in tasks], kinds, strict=True))
    for task in tasks:
        own = card(
            id=f"made-up-{task.id}",
            outputs=made.outputs,
            inputs=made.inputs,
            timeout_s=0.01 if behaves[task.id] == "late" else 20.0,
        )
        experts[task.id] = Made(card=own, answer=answers[behaves[task.id]])
    done = carried_out(tasks, experts)
    let_go.set()
    deps = {task.id: task.dep for task in tasks}

    def fine(number):
        return behaves[number] == "ok" and all(map(fine, deps[number]))

    for task in tasks:
        asked = experts[task.id].asked
        if all(map(fine, task.dep)):
            assert done[task.id].outcome == ENDS[behaves[task.id]]
            boxes = references(task.args.get("boxes", ""))
            assert not asked or len(asked[0].boxes.get("boxes", ())) == len(boxes)
        else:
            assert (done[task.id].outcome, asked) == ("skipped", [])


@pytest.mark.parametrize("tasks", [[Task(1, "made-up", (2,)), Task(2, "made-up", (1,))], [Task(1, "made-up", (1,))]])
def test_tasks_that_wait_for_each_other_are_refused(tasks):
    with pytest.raises(BadPlan, match="wait for each other"):
        carried_out(tasks, {1: Made(), 2: Made()})


@pytest.mark.parametrize(
    ("answer", "outcome", "why"),
    [
        (ValueError("broken"), "failed", "ValueError: broken"),
        (SystemExit(3), "failed", "SystemExit"),
        (StopIteration(), "failed", "StopIteration"),
        (TimeoutError("the service"), "failed", "TimeoutError: the service"),
        (None, "rubbish", "it gave nothing, not a Found"),
        ("a text", "rubbish", "it gave a str"),
        (Found(""), "rubbish", "it gave no words"),
        (Found(3), "rubbish", "its words are a int"),
        (Found("x", boxes=(Box("car", 0.5, 1, 2, float("nan"), 4),)), "rubbish", "not all finite"),
        (Found("x", boxes=(Box("car", 0.5, 5, 2, 1, 4),)), "rubbish", "left < right"),
        (Found("x", boxes=(Box("car", 7.0, 1, 2, 3, 4),)), "rubbish", "score 0 to 1"),
        (Found("x", boxes=(Box("car", 0.5, 1, 2, 3, 4),) * 101), "rubbish", "101 boxes"),
        (Found("x", boxes=("car",)), "rubbish", "hold a str"),
        (Found("x", numbers={"a": float("inf")}), "rubbish", "not a finite number"),
        (Found("x", numbers={"a": 10**400}), "rubbish", "not a finite number"),
        (Found("x", numbers={"A B": 1.0}), "rubbish", "is called 'A B'"),
        (Found("x", numbers=[1]), "rubbish", "a list"),
        (Found("x", picture=b"x"), "rubbish", "not a Picture"),
        (Found("x", numbers={"a": "7"}), "rubbish", "not a finite number"),
        (Found("x", numbers={"a": True}), "rubbish", "not a finite number"),
        (Found("x", numbers={"a": np.float64("nan")}), "rubbish", "not a finite number"),
        (Found("x", numbers={str(n): 1.0 for n in range(51)}), "rubbish", "51 numbers"),
        (Found("x", boxes=(Box(7, 0.5, 1, 2, 3, 4),)), "rubbish", "no label"),
        (Found("x", boxes=(Box("car", np.nan, 1, 2, 3, 4),)), "rubbish", "not all finite"),
        (Found("x", boxes={"car": 1}), "rubbish", "boxes are a dict"),
        (Found(b"Seen."), "rubbish", "its words are a bytes"),
        (Found("\n\t "), "rubbish", "it gave no words"),
        (GeneratorExit(), "failed", "GeneratorExit"),
        (asyncio.CancelledError(), "failed", "CancelledError"),
        (KeyboardInterrupt(), "failed", "KeyboardInterrupt"),
        (Found("x", picture=Picture(b"", "image/png", (0, 0), "")), "rubbish", "no data"),
    ],
)
def test_a_bad_expert_costs_its_task_and_its_dependents_alone(answer, outcome, why):
    tasks = [Task(1, "made-up"), Task(2, "made-up", (1,)), Task(3, "made-up")]
    done = carried_out(tasks, {1: Made(answer=answer), 2: Made(), 3: Made()})
    assert done[1].outcome == outcome
    assert why in done[1].why
    assert done[2].outcome == "skipped"
    assert done[3].outcome == "ok"


def test_words_lose_what_a_terminal_obeys_and_are_cut_between_words():
    done = carried_out([Task(1, "made-up")], {1: Made(answer=Found("a\x1b[31m\nb " + "word " * 500))})
    words = done[1].found.words
    assert words.startswith("a\\u001b[31m b word word")
    assert len(words) <= 600
    assert words.endswith("word …")


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "[bold]car[/bold]", "\ud800", "\u202ered", "x" * 3_000_000, "`rm`\r"]
)
def test_words_and_labels_are_short_lines_that_can_be_recorded(text):
    found = Found(f"a{text}b", (Box(f"car{text}", 0.5, 1, 2, 3, 4),), {"cars": 1.0})
    done = carried_out([Task(1, "made-up")], {1: Made(answer=found)})
    words, label = done[1].found.words, done[1].found.boxes[0].label
    for said, most in ((words, 600), (label, 40)):
        said.encode()
        assert said == one_line(said)
        assert len(said) <= most


def test_what_never_returns_times_out_and_after_some_is_not_asked_again():
    let_go = threading.Event()
    stuck = Made(card=card(id="stuck", timeout_s=0.01), answer=lambda _: let_go.wait(20) and Found("late"))
    other = Made(name="other")

    async def run():
        places = Places(2)
        outcomes = []
        for _ in range(MOST_ABANDONED + 1):
            done = await execute(
                [Task(1, "made-up"), Task(2, "made-up")], {1: stuck, 2: other}, Scene(make_frame()), places
            )
            outcomes.append([one.outcome for one in done])
            last = done[0].why
        let_go.set()
        return outcomes, last

    outcomes, last = asyncio.run(run())
    assert outcomes == [["timeout", "ok"]] * MOST_ABANDONED + [["skipped", "ok"]]
    assert last == f"{MOST_ABANDONED} earlier calls have not returned"


def test_the_end_of_the_program_waits_for_experts_that_are_still_at_work():
    let_go, ended = threading.Event(), threading.Event()

    def late(_):
        let_go.wait(20)
        ended.set()
        return Found("late")

    done = carried_out([Task(1, "made-up")], {1: Made(card=card(id="late", timeout_s=0.01), answer=late)})
    assert done[1].outcome == "timeout"
    assert not wait_for_experts(0.01)
    let_go.set()
    assert wait_for_experts(20.0)
    assert ended.is_set()


def test_one_at_a_time_on_an_accelerator_and_a_call_that_stays_on_it_keeps_it():
    inside, most = [0], [0]

    def count(_):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.001)
        inside[0] -= 1
        return Found("Seen.")

    on_gpu = card(accelerator="cuda:0")
    done = carried_out([Task(n, "made-up") for n in range(4)], {n: Made(card=on_gpu, answer=count) for n in range(4)})
    assert ({one.outcome for one in done.values()}, most) == ({"ok"}, [1])

    let_go = threading.Event()
    short = card(accelerator="cuda:0", timeout_s=0.01)
    tasks, stuck = (
        [Task(1, "made-up"), Task(2, "made-up")],
        Made(card=short, answer=lambda _: let_go.wait(20) and Found("x")),
    )
    done = carried_out(tasks, {1: stuck, 2: Made(card=short)})
    let_go.set()
    assert [done[1].why, done[2].why] == ["no answer within 0.01 s", "no place on cuda:0 within 0.01 s"]


def test_local_experts_start_before_services():
    events: list[str] = []
    tasks = [Task(1, "made-up"), Task(2, "made-up"), Task(3, "made-up")]
    started = threading.Event()

    def local(_):
        started.set()
        return Found("Seen.")

    experts = {
        1: Made(
            card=card(endpoint="http"), answer=lambda _: started.wait(20) and Found("x"), events=events, name="http"
        ),
        2: Made(answer=local, events=events, name="local"),
        3: Made(card=card(endpoint="http"), events=events, name="http"),
    }
    begun: list[str] = []

    class Noted(Places):
        async def run(self, card, work):
            begun.append(card.endpoint)
            return await super().run(card, work)

    async def run():
        return await execute(tasks, experts, Scene(make_frame()), Noted(4))

    assert [one.outcome for one in asyncio.run(run())] == ["ok"] * 3
    assert begun == ["local", "http", "http"]


def test_other_work_of_the_loop_goes_on_while_an_expert_computes():
    passed = threading.Event()

    async def run():
        task = asyncio.create_task(
            execute(
                [Task(1, "made-up")],
                {1: Made(answer=lambda _: passed.wait(20) and Found("x"))},
                Scene(make_frame()),
                Places(1),
            )
        )
        for _ in range(3):
            await asyncio.sleep(0)
        passed.set()  # reached only if the loop is free while the expert is at work
        return await task

    assert asyncio.run(run())[0].outcome == "ok"


def test_several_references_in_one_argument_and_results_of_the_frame_before():
    first = Made(answer=Found("One car.", (Box("car", 0.9, 1, 1, 5, 5),), {"cars": 1.0}))
    second = Made(answer=Found("One bus.", (Box("bus", 0.8, 2, 2, 6, 6),), {"buses": 1.0}))
    third = Made()
    args = {
        "boxes": "<resource-1>, <resource-2>",
        "numbers": "<resource-2>,<resource-1>,<resource-before-1>",
        "words": "Now: <resource-1> <resource-2> Before: <resource-before-1> Motion: <resource-motion>",
        "picture": "<resource-picture>",
    }
    scene = Scene(
        make_frame(), {"picture": PICTURE}, {"motion": "It stands."}, {1: Found("No car.", numbers={"lights": 2.0})}
    )
    done = carried_out(
        [Task(1, "made-up"), Task(2, "made-up"), Task(3, "made-up", (1, 2), args)],
        {1: first, 2: second, 3: third},
        scene,
    )
    assert done[3].outcome == "ok", done[3].why
    (question,) = third.asked
    assert [box.label for box in question.boxes["boxes"]] == ["car", "bus"]
    assert question.numbers["numbers"] == {"cars": 1.0, "buses": 1.0, "lights": 2.0}
    assert question.words["words"] == "Now: One car. One bus. Before: No car. Motion: It stands."
    assert question.pictures["picture"] is PICTURE
    assert (question.frame.future, question.truth) == (None, None)


@pytest.mark.parametrize(
    ("task", "made", "why"),
    [
        (Task(1, "made-up", (), {"boxes": "<resource-before-7>"}), card(), "<resource-before-7> is not there"),
        (Task(1, "made-up", (), {"picture": "<resource-picture>"}), card(), "<resource-picture> is not there"),
        (Task(1, "made-up"), card(inputs=("picture",)), 'the argument "picture" is not given'),
        (Task(1, "made-up"), card(privileged=True), "the truth of this frame is not known"),
    ],
)
def test_missing_resources_skip_the_task(task, made, why):
    expert = Made(card=made)
    done = carried_out([task], {1: expert})
    assert (done[1].outcome, done[1].why, expert.asked) == ("skipped", why, [])


def test_what_the_data_do_not_say_is_skipped_and_no_failure():
    expert = Made(answer=NotKnown("lights are\nnot annotated" + " here" * 300))
    done = carried_out([Task(1, "made-up"), Task(2, "made-up", (1,))], {1: expert, 2: Made()})
    assert [one.outcome for one in done.values()] == ["skipped", "skipped"]
    assert done[1].why.startswith("lights are not annotated here")
    assert len(done[1].why) <= 300


def test_a_quick_expert_waits_for_no_slow_one_and_seconds_are_those_at_work():
    let_go, times = threading.Event(), iter(range(100))
    slow, quick = card(id="slow", cost=1.0), card(id="quick", cost=0.001)

    async def run():
        places = Places(1)
        stuck = Made(card=slow, answer=lambda _: let_go.wait(20) and Found("x"))
        first = asyncio.create_task(execute([Task(1, "made-up")], {1: stuck}, Scene(make_frame()), places))
        await asyncio.sleep(0)
        (done,) = await execute([Task(1, "made-up")], {1: Made(card=quick)}, Scene(make_frame()), places)
        begun = asyncio.create_task(
            execute([Task(1, "made-up")], {1: Made(card=slow)}, Scene(make_frame()), places, clock=lambda: next(times))
        )
        await asyncio.sleep(0)
        let_go.set()
        return done, (await begun)[0], (await first)[0]

    done, waited, first = asyncio.run(run())
    assert [done.outcome, waited.outcome, first.outcome] == ["ok"] * 3
    assert waited.seconds == 1, "the clock is first read when it has a place"


def test_the_seconds_of_a_plan_are_those_of_its_longest_chain_and_of_what_must_follow_each_other():
    seconds = {1: 1.0, 2: 2.0, 3: 0.5, 4: 0.25, 5: 0.0}
    deps = {3: (1, 2), 4: (3,), 5: (4,)}
    done = [Done(Task(n, "made-up", deps.get(n, ())), "one", "ok", seconds=seconds[n]) for n in (5, 3, 1, 4, 2)]
    assert seconds_alone(done, {n: Made() for n in seconds}) == 2.75
    on_gpu = {n: Made(card=card(accelerator="cuda:0")) for n in (1, 2)}
    assert seconds_alone(done, on_gpu) == 3.75
    assert seconds_alone([], {}) == 0.0


def test_a_task_without_an_expert_is_skipped():
    done = carried_out([Task(1, "made-up"), Task(2, "made-up", (1,))], {2: Made()})
    assert [one.why for one in done.values()] == ["no expert can do it here", "task 1 was skipped"]
