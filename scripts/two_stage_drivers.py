"""The drivers that scripts/check_two_stage.py drives both ways: good, bad, blind, and experts that lack something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import shortcut_drivers

from lightemma.closed_loop.blind import Schedule
from lightemma.closed_loop.privileged import IdmDriver
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.worlds.city_world import CityWorld
from lightemma.frame import FloatArray, Frame
from lightemma.planners.baselines import ConstantAcceleration, ConstantAction
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation import expert
from lightemma.simulation.hazards import Situation
from lightemma.simulation.perturb import Perturbation
from lightemma.simulation.world import CitySimulation

#: (6, 2) the plan for a world, which only some of them look at, and for the frame that a planner is given.
Driver = Callable[[CityWorld, Frame], FloatArray]
STEPS = LIGHTEMMA.plan_steps
#: Blind schedules: m/s, seconds, m/s.
BLIND = {"crawl": (1, 0, 1), "blind-3": (3, 0, 3), "blind-5": (5, 0, 5), "blind-9": (9, 0, 9), "blind-15": (15, 0, 15)}
TIMERS = {"timer-6-5": (0, 6, 5), "timer-12-9": (1.5, 12, 9)}
#: Share of the speed, and 1/m of curvature, by which a noisy expert is off in the mean; each plan has its own.
NOISE = {"expert-noise-10": (0.1, 0.002), "expert-noise-30": (0.3, 0.01), "expert-noise-60": (0.6, 0.03)}


def drivers(spec: EpisodeSpec) -> dict[str, Driver]:
    """All of them, for one episode, by name. None keeps anything from one plan to the next."""
    idm = IdmDriver().begin(spec)
    hold, accelerate = ConstantAction(), ConstantAcceleration()
    found: dict[str, Driver] = {
        "stop": lambda world, frame: np.zeros((STEPS, 2)),
        "constant-action": lambda world, frame: hold.actions(frame.history.actions),
        "constant-acceleration": lambda world, frame: accelerate.actions(frame.history.actions),
        "random": lambda world, frame: _rng(spec, world).uniform((0.0, -0.05), (12.0, 0.05), (STEPS, 2)),
        "idm": lambda world, frame: idm(world),
        "expert": lambda world, frame: _expert(world),
        "expert-slow": lambda world, frame: _expert(world) * (0.6, 1.0),
    }
    for name, (creep, wait, speed) in {**BLIND, **TIMERS}.items():
        found[name] = _timed(Schedule(creep, wait, speed))
    for speed in (4.0, 8.0):
        found[f"lane-{speed:g}"] = _lane(speed)
    for name, (kinds, _) in shortcut_drivers.WITHOUT.items():
        found[f"expert-no-{name}"] = _expert_without(kinds)
    for name, amounts in NOISE.items():
        found[name] = _noisy(spec, *amounts)
    return found


def _expert(world: CityWorld) -> FloatArray:
    return world.label().actions


def _expert_without(kinds: tuple[str, ...]) -> Driver:
    whole = expert.assess

    def assess(simulation: CitySimulation) -> Situation:
        situation = whole(simulation)
        return replace(situation, concerns=tuple(one for one in situation.concerns if one.kind not in kinds))

    def plan(world: CityWorld, frame: Frame) -> FloatArray:
        # A copy, since a world keeps the label that it gave to the observation.
        other = world.placed(Perturbation())
        expert.assess = assess
        try:
            return other.label().actions
        finally:
            expert.assess = whole

    return plan


def _rng(spec: EpisodeSpec, world: CityWorld) -> np.random.Generator:
    return np.random.default_rng([spec.seed, *spec.scenario.encode(), round(world.simulation.time * 20)])


def _timed(schedule: Schedule) -> Driver:
    return lambda world, frame: schedule.actions(round(world.simulation.time / LIGHTEMMA.dt))


def _lane(speed: float) -> Driver:
    def plan(world: CityWorld, frame: Frame) -> FloatArray:
        path, pose = world.simulation.route.path, world.simulation.ego.pose
        along, _ = path.project(pose.x, pose.y)
        curvatures = [path.curvature(along + speed * LIGHTEMMA.dt * step) for step in range(STEPS)]
        # Back to the lane in the first half second, along it after that.
        curvatures[0] = shortcut_drivers.towards(world.simulation, path, speed)
        return np.column_stack([np.full(STEPS, speed), curvatures])

    return plan


def _noisy(spec: EpisodeSpec, speed: float, curvature: float) -> Driver:
    def plan(world: CityWorld, frame: Frame) -> FloatArray:
        off = _rng(spec, world).normal(size=2)
        actions = _expert(world)
        return np.column_stack([actions[:, 0] * max(1.0 + speed * off[0], 0.0), actions[:, 1] + curvature * off[1]])

    return plan
