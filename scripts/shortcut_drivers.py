"""Drivers that must do badly, for scripts/check_driving_score.py: blind ones, an expert without a sense, one without a command.

Each drives one episode in this process, from a copy of the same world.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from lightemma.closed_loop.blind import SCHEDULES, Schedule, schedule_scores
from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.plan_follower import TICKS_PER_ACTION
from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.closed_loop.worlds.city_world import CityWorld
from lightemma.simulation import expert, steering
from lightemma.simulation.geometry import Path
from lightemma.simulation.hazards import Situation
from lightemma.simulation.network import Route
from lightemma.simulation.scenarios import SCENARIOS, make_world
from lightemma.simulation.world import CitySimulation

#: What the expert does not see, and the scenarios that are about it.
WITHOUT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "lights": (("light",), ("red-light", "light-turns-green", "light-stays-red")),
    "people": (("person",), ("pedestrian-crossing", "person-behind-van")),
    "leaders": (("leader",), ("lead-car-braking", "stopped-queue", "cut-in")),
    "yielding": (
        ("give-way", "junction", "oncoming", "no-room"),
        ("left-turn", "t-junction-left", "green-but-blocked", "parked-car-to-pass", "roundabout-straight"),
    ),
    "limits": (("limit",), ("limit-30",)),
    "cyclists": (("cyclist", "junction"), ("cyclist-ahead", "near-turn-cyclist", "far-turn-cyclist")),
}
#: m/s of the drivers that keep their lane and see nothing else.
SPEEDS = (2.0, 3.0, 5.0, 9.0, 12.0)
SPEED_NAMES = tuple(f"{speed:g}" for speed in SPEEDS)
#: Scenarios in which the route turns, and their twins that go straight on.
TURNS = {
    "left-turn": "straight-on",
    "right-turn": "straight-on",
    "two-lanes-left": "two-lanes-straight",
    "roundabout-left": "roundabout-straight",
    "roundabout-right": "roundabout-straight",
}

Score = tuple[float, bool]
#: Speed of a lane keeper -> event -> how often it was met, and how often reached.
Meetings = dict[str, dict[str, tuple[int, int]]]
#: Speed (m/s) and curvature (1/m) for the next half second.
Driver = Callable[[CityWorld], tuple[float, float]]


def opened(spec: EpisodeSpec) -> CityWorld:
    """The world of an episode at its start."""
    return CityFactory().open(spec, LoopRules(), pictures=False)


def drive(world: CityWorld, driver: Driver) -> EpisodeOutcome:
    """Drives an episode to its end."""
    while not world.over:
        speed, curvature = driver(world)
        for _ in range(TICKS_PER_ACTION):
            world.step(speed, curvature)
    return world.outcome()


def _scored(outcome: EpisodeOutcome) -> Score:
    parts = score_of(outcome)
    return parts.score or 0.0, bool(parts.success)


def blind(spec: EpisodeSpec) -> dict[str, Score]:
    """Every blind schedule, straight on and (``lane-…``) along the lane, by its name."""
    world = opened(spec)
    keepers = {
        f"lane-{one.name}": _scored(drive(copy.deepcopy(world), _timed(one, keeps_lane=True))) for one in SCHEDULES
    }
    return {**schedule_scores(world, LoopRules()), **keepers}


def _timed(schedule: Schedule, keeps_lane: bool) -> Driver:
    step = -1

    def driver(world: CityWorld) -> tuple[float, float]:
        nonlocal step
        step += 1
        speed = float(schedule.actions(step)[0, 0])
        return speed, towards(world.simulation, world.simulation.route.path, speed) if keeps_lane else 0.0

    return driver


def lane_keepers(spec: EpisodeSpec) -> Meetings:
    """Of what the scenario has in store, what was met and what was reached by lane keepers of every speed."""
    world, found = opened(spec), {}
    for speed, name in zip(SPEEDS, SPEED_NAMES, strict=True):
        outcome, met = drive(copy.deepcopy(world), _timed(Schedule(0.0, 0.0, speed), keeps_lane=True)), Counter[str]()
        reached = Counter(one.name for one in outcome.incidents or () if one.reached)
        met.update(one.name for one in outcome.incidents or () if one.reached and one.met)
        found[name] = {event: (met[event], count) for event, count in reached.items()}
    return found


def without(spec: EpisodeSpec) -> dict[str, Score]:
    """The expert without each sense, in the scenarios that are about it."""
    world = opened(spec)
    found = {}
    for name, (kinds, scenarios) in WITHOUT.items():
        if spec.scenario in scenarios:
            found[name] = _scored(drive(copy.deepcopy(world), _expert_without(kinds)))
    return found


def _expert_without(kinds: tuple[str, ...]) -> Driver:
    driver, whole, moves_over, limits = expert.Expert(), expert.assess, steering.narrowings_now, Route.limit_at

    def assess(simulation: CitySimulation) -> Situation:
        situation = whole(simulation)
        return replace(
            situation, concerns=tuple(one for one in situation.concerns if not {one.kind, one.actor_kind} & {*kinds})
        )

    def drives(world: CityWorld) -> tuple[float, float]:
        expert.assess = assess
        if "cyclist" in kinds:
            steering.narrowings_now = lambda simulation: simulation.setup.narrowings
        if "limit" in kinds:
            Route.limit_at = lambda *_: math.inf  # type: ignore[method-assign]
        try:
            speed, curvature = driver.plan(world.simulation).actions[0].tolist()
        finally:
            expert.assess, steering.narrowings_now = whole, moves_over
            Route.limit_at = limits  # type: ignore[method-assign]
        return speed, curvature

    return drives


def straight_on(spec: EpisodeSpec) -> Score | None:
    """One that drives straight on over the junction whatever the command, at 7 m/s; None where the route does so."""
    if spec.scenario not in TURNS:
        return None
    other = make_world(TURNS[spec.scenario], spec.seed, left_hand=spec.left_hand)
    return _scored(drive(opened(spec), lambda world: (7.0, towards(world.simulation, other.route.path, 7.0))))


def towards(simulation: CitySimulation, path: Path, speed: float) -> float:
    """1/m: the arc from the car to a point of a path a little ahead of it (pure pursuit)."""
    pose = simulation.ego.pose
    at, _ = path.project(pose.x, pose.y)
    aim = path.pose(at + 0.55 * speed + 2.0)
    dx, dy = aim.x - pose.x, aim.y - pose.y
    left = dy * math.cos(pose.heading) - dx * math.sin(pose.heading)
    return max(-0.2, min(0.2, 2.0 * left / max(dx * dx + dy * dy, 1e-6)))


__all__ = [
    "SCENARIOS",
    "SPEEDS",
    "SPEED_NAMES",
    "TURNS",
    "WITHOUT",
    "Meetings",
    "blind",
    "lane_keepers",
    "straight_on",
    "without",
]
