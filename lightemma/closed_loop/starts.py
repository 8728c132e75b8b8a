"""From where the plans of a two-stage drive are driven: moments of the expert's drive, and perturbed starts after them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lightemma.closed_loop.episode import Episode
from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules, TwoStageRules
from lightemma.closed_loop.world import ExpertLabel, World
from lightemma.errors import UserError
from lightemma.frame import FloatArray
from lightemma.kinematics import actions_from_poses, hold_last_action, integrate, to_ego_frame
from lightemma.plugins import describe
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.perturb import Perturbation, draw_perturbation

#: Half seconds of a plan, and so between the two stages.
HORIZON = LIGHTEMMA.plan_steps
#: How often a perturbed start is drawn before the second stage begins where the expert was.
TRIES = 12


@dataclass(frozen=True, slots=True)
class Start:
    """Where one plan is driven from.

    Attributes:
        point: number of the moment of the expert's drive that it belongs to.
        stage: 1 where the expert was, 2 beside where it was 3 s later.
        time: seconds of the expert's drive.
        perturbation: how far the car is from where the expert was.
        world: at the start; it is copied for each plan that is driven.
        expert_m: metres that the expert drives from here in the same time.
        expert_progress: share of the rest of the route that these are; None in a world without a route.
    """

    point: int
    stage: int
    time: float
    perturbation: Perturbation
    world: World
    expert_m: float
    expert_progress: float | None


def find_starts(spec: EpisodeSpec, rules: LoopRules, two: TwoStageRules, world: World) -> list[Start]:
    """The starts of an episode, the same for every planner.

    The points are the moments at which the expert's next 3 s are farthest, in the mean, from going on as before: there
    something has to be done. They are chosen one after the other, at least 3 s apart, and put in order of time. The second
    stage begins 3 s later where the expert then is, moved sideways, turned and faster by amounts that are drawn from the
    episode's seed; every other start is the opposite of the one before. A start counts only where the car can be, and
    where the expert knows what to do and, driving from there, makes no fault in the next 3 s; where there are too few of
    these, the rest begin where the expert is.

    Args:
        spec: the episode.
        rules: of the loop.
        two: how many.
        world: at the episode's start; it is driven to its end.

    Raises:
        UserError: if the world has no expert, or cannot be copied.
    """
    return _Finder(spec, rules).starts(two, world)


def stepwise(rules: LoopRules, steps: int) -> LoopRules:
    """The rules of a drive in which this many actions of each plan are driven."""
    return replace(rules, two_stage=None, real_time=False, replan=steps)


def has_fault(outcome: EpisodeOutcome) -> bool:
    """Whether a known fault was made."""
    return bool(
        outcome.crashes_at_fault
        or outcome.red_lights
        or outcome.off_road
        or outcome.wrong_side
        or outcome.off_route
        or outcome.hindered
    )


@dataclass(frozen=True, slots=True)
class _Reference:
    """What the expert does from a start in 3 s.

    Attributes:
        metres: that it drives.
        progress: share of the rest of the route.
        fair: whether it has a valid label all the time, and makes no fault.
    """

    metres: float
    progress: float | None
    fair: bool


class _Finder:
    """Drives the expert of one episode."""

    def __init__(self, spec: EpisodeSpec, rules: LoopRules) -> None:
        self._spec, self._rules = spec, stepwise(rules, 1)

    def starts(self, two: TwoStageRules, world: World) -> list[Start]:
        moments, poses = self._drive(world)
        found: list[Start] = []
        for point, at in enumerate(departures(poses, len(world.history()), two.points)):
            found.append(self._start(point, 1, at, moments[at], Perturbation(), self._expert_from(moments[at])))
            after = at + HORIZON
            if after < len(moments):
                rng = np.random.default_rng([self._spec.seed, *self._spec.scenario.encode(), at])
                found += self._perturbed(two.starts, point, after, moments[after], rng)
        return found

    def _drive(self, world: World) -> tuple[list[World], FloatArray]:
        """Copies of the world every half second, and (7 + n + 1, 3) poses: the history, every half second, the end."""
        episode = Episode(self._spec, self._rules, world, Path())
        moments: list[World] = []
        poses = [(x, y, heading) for x, y, heading in world.history().tolist()]
        while not world.over:
            moments.append(self._copied(world))
            poses.append(_pose(world))
            episode.follow(self._label(world).actions)
        poses.append(_pose(world))
        return moments, np.array(poses)

    def _perturbed(self, count: int, point: int, at: int, moment: World, rng: np.random.Generator) -> list[Start]:
        found: list[Start] = []
        wanted = Perturbation()
        for number in range(2 * TRIES):
            if len(found) == count:
                return found
            wanted = draw_perturbation(rng) if number % 2 == 0 else wanted.opposite
            world = moment.placed(wanted)
            if world is None:
                continue
            expert = self._expert_from(world)
            if expert.fair:
                found.append(self._start(point, 2, at, world, wanted, expert))
        plain = self._start(point, 2, at, moment, Perturbation(), self._expert_from(moment))
        return found + [plain] * (count - len(found))

    def _start(self, point: int, stage: int, at: int, world: World, moved: Perturbation, expert: _Reference) -> Start:
        return Start(point, stage, at * LIGHTEMMA.dt, moved, world, expert.metres, expert.progress)

    def _expert_from(self, world: World) -> _Reference:
        """What the expert does from here in 3 s, planning again every half second."""
        world = self._copied(world)
        episode = Episode(self._spec, self._rules, world, Path())
        way, before, knows = 0.0, _pose(world), True
        for _ in range(HORIZON):
            if world.over:
                break
            label = self._label(world)
            knows = knows and label.valid
            episode.follow(label.actions)
            now = _pose(world)
            way, before = way + math.dist(before[:2], now[:2]), now
        outcome = episode.outcome()
        return _Reference(way, outcome.progress, knows and not has_fault(outcome))

    def _copied(self, world: World) -> World:
        copy = world.placed(Perturbation())
        if copy is None:
            raise UserError(
                f"The world {describe(type(world))} cannot be copied at '{self._spec.name}', although nothing is moved; "
                "correct its `placed`."
            )
        return copy

    def _label(self, world: World) -> ExpertLabel:
        label = world.label()
        if label is None:
            raise UserError(f"The world of '{self._spec.name}' has no expert; leave `two_stage` out.", "two_stage")
        return label


def departures(poses: FloatArray, before: int, count: int) -> list[int]:
    """The moments at which a drive departs most from going on as before, at least 3 s apart, in order of time.

    Args:
        poses: (before + n + 1, 3) x, y, heading every half second, and at the end.
        before: how many of them are before the start.
        count: how many moments are wanted; a short drive has fewer.

    Returns:
        Numbers of half seconds since the start.
    """
    # Room for the plan and, where the drive is long enough, for half a second of the second stage.
    last = max(len(poses) - before - HORIZON - 2, 0)
    times: FloatArray = np.arange(before + 1, dtype=np.float64) * LIGHTEMMA.dt
    away = []
    for at in range(last + 1):
        now = at + before
        held = integrate(hold_last_action(actions_from_poses(poses[at : now + 1, :2], times)))
        driven = to_ego_frame(poses[now + 1 : now + 1 + HORIZON, :2], poses[now, :2], float(poses[now, 2]))
        away.append(float(np.hypot(*(driven - held[: len(driven)]).T).mean()) if len(driven) else 0.0)
    chosen: list[int] = []
    for at in sorted(range(last + 1), key=lambda at: -away[at]):
        if len(chosen) < count and all(abs(at - other) >= HORIZON for other in chosen):
            chosen.append(at)
    return sorted(chosen)


def _pose(world: World) -> tuple[float, float, float]:
    pose = world.car.pose
    return pose.x, pose.y, pose.heading
