"""Drivers that see nothing, know no route and only count time: what a score is worth that needs no eyes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np

from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.plan_follower import PlanFollower
from lightemma.closed_loop.privileged import PrivilegedDriver, WorldPlan
from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.world import World
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA


@dataclass(frozen=True, slots=True)
class Schedule:
    """Straight on, slowly at first and then faster.

    Attributes:
        creep: m/s until ``wait_s``.
        wait_s: seconds.
        speed: m/s from then on.
    """

    creep: float
    wait_s: float
    speed: float

    @property
    def name(self) -> str:
        """Such as ``1.5-for-12-then-9``, or ``5`` for a constant speed."""
        return f"{self.creep:g}-for-{self.wait_s:g}-then-{self.speed:g}" if self.wait_s else f"{self.speed:g}"

    def actions(self, step: int) -> FloatArray:
        """(6, 2) the plan of decision number ``step``, half a second apart."""
        times = (step + np.arange(LIGHTEMMA.plan_steps)) * LIGHTEMMA.dt
        return np.column_stack([np.where(times < self.wait_s, self.creep, self.speed), np.zeros(len(times))])


#: Every schedule that is tried for the blind ceiling: constant speeds, and waits of 4 to 14 s.
SCHEDULES = (
    *(Schedule(0.0, 0.0, speed) for speed in (1.0, 3.0, 5.0, 7.0, 9.0, 15.0)),
    *(Schedule(*one) for one in product((0.0, 1.5, 3.0), (4.0, 6.0, 8.0, 10.0, 12.0, 14.0), (5.0, 9.0))),
)
#: The one that was level with IDM while the city's incidents ran by the clock; scripts/check_driving_score.py --blind says
#: which one is the strongest now.
TIMER = Schedule(1.5, 12.0, 9.0)


def schedule_scores(world: World, rules: LoopRules) -> dict[str, tuple[float, bool]]:
    """Driving score (0 … 100) and success of every schedule in one episode, by its name.

    Args:
        world: at its start, without pictures. It is copied, and not changed.
        rules: how the loop is closed.
    """
    found = {}
    # Schedules of one beginning share its drive: the world is copied where their commands part.
    under_way = [(world.copy(), list(SCHEDULES), 0)]
    while under_way:
        here, members, step = under_way.pop()
        while not here.over:
            alike: dict[bytes, list[Schedule]] = {}
            for schedule in members:
                # The commands of the actions that are driven depend on one more: the car is led from each mean to the next.
                alike.setdefault(schedule.actions(step)[: rules.replan + 1].tobytes(), []).append(schedule)
            members, *others = alike.values()
            under_way += [(here.copy(), other, step) for other in others]
            _drive_on(here, members[0], step, rules.replan)
            step += rules.replan
        parts = score_of(here.outcome(), here.info.knows)
        for schedule in members:
            found[schedule.name] = round(parts.score or 0.0, 3), bool(parts.success)
    return {schedule.name: found[schedule.name] for schedule in SCHEDULES}


def _drive_on(world: World, schedule: Schedule, step: int, actions: int) -> None:
    """Drives the plan of decision number ``step`` for so many actions, as the loop drives any planner's plans."""
    per_action = world.info.steps_per_action
    follower = PlanFollower(schedule.actions(step), per_action, world.limits)
    for tick in range(actions * per_action):
        if world.over:
            return
        world.step(*follower.command(tick))


def drive_schedule(world: World, schedule: Schedule, replan: int = 1) -> EpisodeOutcome:
    """Drives an episode to its end by a schedule, as the loop drives any planner's plans.

    Args:
        world: at its start.
        schedule: which one.
        replan: actions of a plan that are driven before the next one, 1 … 6.
    """
    step = 0
    while not world.over:
        _drive_on(world, schedule, step, replan)
        step += replan
    return world.outcome()


class Crawl(PrivilegedDriver):
    """Sees nothing and knows no route: 1 m/s straight on."""

    name: ClassVar[str] = "crawl"

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Always the same plan; the world is not read."""
        return lambda _: np.tile([1.0, 0.0], (LIGHTEMMA.plan_steps, 1))


class BlindTimer(PrivilegedDriver):
    """Sees nothing and knows no route: 1.5 m/s straight on for 12 s, then 9 m/s."""

    name: ClassVar[str] = "blind-timer"

    def __init__(self, schedule: Schedule = TIMER) -> None:
        super().__init__()
        self.schedule = schedule

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Counts decisions; the world is not read."""
        return self.begin_later(spec, 0)

    def begin_later(self, spec: EpisodeSpec, step: int) -> WorldPlan:
        """Counts from a later decision."""
        step -= 1

        def plan(_: World) -> FloatArray:
            nonlocal step
            step += 1
            return self.schedule.actions(step)

        return plan
