"""Carries out a plan of tasks: what is ready runs concurrently, what failed takes only its dependents with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from lightemma.agents import Surroundings
from lightemma.experts.base import Box, Card, Expert, Found, NotKnown, Question
from lightemma.experts.found_check import Rubbish, checked, shortened
from lightemma.experts.places import NotReturning, Places, TooLate
from lightemma.experts.task_plan import Task, filled, in_order, references
from lightemma.frame import Frame, Picture
from lightemma.observed_facts import ObservedFacts
from lightemma.outside_text import one_line
from lightemma.plugins import error_line

#: Characters of the reason that an expert gives for not knowing.
_LONGEST_WHY = 300

TaskOutcome = Literal["ok", "failed", "timeout", "rubbish", "skipped"]


@dataclass(frozen=True, slots=True)
class Done:
    """How a task ended.

    Attributes:
        task: which one.
        expert: id of the expert that did it; empty where none could.
        outcome: ``ok``; ``failed`` (the expert raised), ``timeout``, ``rubbish`` (it gave no finding), ``skipped`` (it was not
            asked: something it needs is missing).
        found: what it found, where it is ``ok``.
        why: one line that says why it is not.
        seconds: that it was at work; waiting for a place is not counted.
    """

    task: Task
    expert: str
    outcome: TaskOutcome
    found: Found | None = None
    why: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What the tasks of one frame are about.

    Attributes:
        frame: history and camera.
        pictures: ``picture`` and ``earlier-picture``, as far as they are there.
        words: resources of the frame that are text, such as ``motion``.
        before: findings of the frame before, by task.
        truth: for privileged experts.
        facts: for privileged experts.
    """

    frame: Frame
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[int, Found] = field(default_factory=dict)
    truth: Surroundings | None = None
    facts: ObservedFacts | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the frame's own resources."""
        return (*self.pictures, *self.words)


class Missing(Exception):  # noqa: N818 -- the name says what it is
    """Something that a task needs is not there."""


async def execute(
    tasks: Sequence[Task],
    experts: Mapping[int, Expert],
    scene: Scene,
    places: Places,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Done]:
    """Carries out tasks.

    A task starts when those that it depends on have ended, never before. Of the tasks that become ready at the same time those
    of local experts start first.

    Args:
        tasks: a checked plan.
        experts: task id -> the expert that does it; a task without one is skipped.
        scene: what they are about.
        places: where experts compute.
        clock: seconds.

    Returns:
        How each ended, in the order of ``tasks``.

    Raises:
        BadPlan: if tasks wait for each other.
    """
    in_order(tasks)
    done: dict[int, Done] = {}
    waiting = list(tasks)
    running: dict[asyncio.Task[Done], Task] = {}
    try:
        while waiting or running:
            ready = [task for task in waiting if all(one in done for one in task.dep)]
            waiting = [task for task in waiting if task not in ready]
            for task in sorted(ready, key=lambda task: _is_remote(experts.get(task.id))):
                failed = [one for one in task.dep if done[one].outcome != "ok"]
                expert = experts.get(task.id)
                if failed:
                    ended = done[failed[0]]
                    done[task.id] = Done(task, "", "skipped", why=f"task {failed[0]} {_said(ended)}")
                elif expert is None:
                    done[task.id] = Done(task, "", "skipped", why="no expert can do it here")
                else:
                    asked = asyncio.create_task(_one(task, expert, scene, done, places, clock))
                    running[asked] = task
            if running:
                ended_now, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for asked in ended_now:
                    done[running.pop(asked).id] = asked.result()
    finally:
        for asked in running:
            asked.cancel()
    return [done[task.id] for task in tasks]


async def _one(
    task: Task, expert: Expert, scene: Scene, done: Mapping[int, Done], places: Places, clock: Callable[[], float]
) -> Done:
    card, started = expert.card, list[float]()
    found: Found | None = None
    outcome: TaskOutcome = "ok"
    why = ""
    try:
        question = question_of(task, card, scene, done)

        def look() -> object:
            started.append(clock())
            return expert.look(question)

        found = checked(await places.run(card, look), card)
    except (Missing, NotReturning, NotKnown) as error:
        outcome, why = "skipped", shortened(one_line(str(error)), _LONGEST_WHY)
    except Rubbish as error:
        outcome, why = "rubbish", str(error)
    except TooLate as error:
        outcome, why = "timeout", str(error)
    except Exception as error:
        outcome, why = "failed", error_line(error)
    seconds = clock() - started[0] if started and outcome != "skipped" else 0.0
    return Done(task, card.id, outcome, found, why, seconds)


def seconds_alone(done: Sequence[Done], experts: Mapping[int, Expert]) -> float:
    """Seconds from the first task's start to the last one's end, had nobody else been at work.

    Args:
        done: how the tasks ended.
        experts: task id -> its expert; two on one accelerator follow each other.
    """
    by_id = {one.task.id: one for one in done}
    ends: dict[int, float] = {}
    free: dict[str, float] = {}
    for task in in_order([one.task for one in done]):
        device = experts[task.id].card.accelerator if task.id in experts else ""
        begins = max([ends[one] for one in task.dep] + ([free.get(device, 0.0)] if device else []), default=0.0)
        ends[task.id] = begins + by_id[task.id].seconds
        if device:
            free[device] = ends[task.id]
    return max(ends.values(), default=0.0)


def question_of(task: Task, card: Card, scene: Scene, done: Mapping[int, Done]) -> Question:
    """What an expert is asked: its arguments with the results that they refer to.

    Args:
        task: which one; all that it depends on is done.
        card: of the expert.
        scene: what it is about.
        done: the tasks that have ended.

    Raises:
        Missing: if something is not there.
    """
    found: dict[str, Found] = {str(number): one.found for number, one in done.items() if one.found is not None}
    found |= {f"before-{number}": one for number, one in scene.before.items()}
    words = {**scene.words, **{name: one.words for name, one in found.items()}}
    pictures: dict[str, Picture] = {}
    boxes: dict[str, tuple[Box, ...]] = {}
    numbers: dict[str, dict[str, float]] = {}
    texts: dict[str, str] = {}
    for name, kind in card.arguments.items():
        text = task.args.get(name)
        if text is None:
            if name in card.required:
                raise Missing(f'the argument "{name}" is not given')
            continue
        named = references(text)
        absent = [one for one in named if one not in found and one not in scene.pictures and one not in words]
        if absent:
            raise Missing(f"<resource-{absent[0]}> is not there")
        if kind == "words":
            texts[name] = filled(text, words)
        elif kind == "picture":
            pictures[name] = _picture(named, scene, found)
        elif kind == "boxes":
            boxes[name] = tuple(box for one in named for box in _finding(one, found).boxes)
        else:
            numbers[name] = {key: value for one in named for key, value in _finding(one, found).numbers.items()}
    if card.camera and scene.frame.camera is None:
        raise Missing("the data do not say how the camera looks at the road")
    # What no camera shows is not for oracles, either: they are the ceiling of what can be seen.
    facts = scene.facts.visible() if scene.facts is not None and card.privileged else None
    truth = scene.truth if card.privileged else None
    if card.privileged and truth is None and facts is None:
        raise Missing("the truth of this frame is not known")
    frame = replace(scene.frame, future=None, command=None)
    return Question(frame, pictures, boxes, numbers, texts, truth, facts)


def _picture(named: Sequence[str], scene: Scene, found: Mapping[str, Found]) -> Picture:
    for one in named:
        picture = scene.pictures.get(one) or (found[one].picture if one in found else None)
        if picture is not None:
            return picture
    raise Missing(f"there is no picture in {', '.join(f'<resource-{one}>' for one in named) or 'the argument'}")


def _finding(name: str, found: Mapping[str, Found]) -> Found:
    if name not in found:
        raise Missing(f"<resource-{name}> is no finding")
    return found[name]


def _is_remote(expert: Expert | None) -> bool:
    return expert is not None and expert.card.endpoint == "http"


def _said(done: Done) -> str:
    """How a task ended, for those that depend on it."""
    said = {"timeout": "took too long", "skipped": "was skipped", "rubbish": "gave nothing usable"}
    return said.get(done.outcome, done.outcome)
