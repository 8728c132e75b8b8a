"""Drivers that can drive in the imagined world and in the simulator alike, blind ones first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from lightemma.closed_loop.noisy_expert import NoisyExpertDriver
from lightemma.closed_loop.plan_follower import PlanFollower
from lightemma.closed_loop.privileged import IdmDriver, RandomDriver
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.world import World
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA

#: A driver of both worlds: from a world and the number of the decision to (6, 2) pairs.
Drive = Callable[[World, int], FloatArray]
#: Makes a driver's drive of an episode, given the car's first speed and curvature.
Maker = Callable[[EpisodeSpec, float, float], Drive]


def constant(speed: float, curvature: float = 0.0) -> Maker:
    """Always the same."""
    return lambda spec, v, c: lambda world, step: np.tile([speed, curvature], (LIGHTEMMA.plan_steps, 1))


def _held(spec: EpisodeSpec, speed: float, curvature: float) -> Drive:
    return lambda world, step: np.tile([speed, curvature], (LIGHTEMMA.plan_steps, 1))


def _timer(spec: EpisodeSpec, speed: float, curvature: float) -> Drive:
    def plan(world: World, step: int) -> FloatArray:
        times = (step + np.arange(LIGHTEMMA.plan_steps)) * LIGHTEMMA.dt
        return np.column_stack([np.where(times < 4.0, 1.5, 9.0), np.zeros(len(times))])

    return plan


def _expert(most: float = 99.0, faster: float = 1.0, beside: float = 0.0) -> Maker:
    """The expert with a speed that it does not exceed, a factor of its speeds, and a curvature in addition."""

    def drive(world: World, step: int) -> FloatArray:
        label = world.label()
        assert label is not None
        speeds, curvatures = label.actions.T
        return np.column_stack([np.minimum(faster * speeds, most), curvatures + beside])

    return lambda spec, v, c: drive


def _noisy(sigma: float) -> Maker:
    def make(spec: EpisodeSpec, speed: float, curvature: float) -> Drive:
        plan = NoisyExpertDriver(sigma).begin(spec)
        return lambda world, step: plan(world)

    return make


def _random(spec: EpisodeSpec, speed: float, curvature: float) -> Drive:
    plan = RandomDriver().begin(spec)
    return lambda world, step: plan(world)


def _idm(spec: EpisodeSpec, speed: float, curvature: float) -> Drive:
    plan = IdmDriver().begin(spec)
    return lambda world, step: plan(world)


#: By name.
DRIVERS: dict[str, Maker] = {
    "stop": constant(0.0),
    "crawl": constant(1.0),
    "constant-3": constant(3.0),
    "constant-6": constant(6.0),
    "constant-9": constant(9.0),
    "constant-action": _held,
    "blind-timer": _timer,
    "random": _random,
    "idm": _idm,
    "expert": _expert(),
    "expert-at-most-4": _expert(most=4.0),
    "expert-hurried": _expert(faster=1.2),
    "expert-pulls-left": _expert(beside=0.02),
    "noisy-expert:1": _noisy(1.0),
    "noisy-expert:3": _noisy(3.0),
}


def to_the_end(world: World, drive: Drive, seconds: float) -> None:
    """Drives for some seconds, or until the drive is over."""
    for _ in driven(world, drive, [seconds]):
        pass


def driven(world: World, drive: Drive, moments: Sequence[float]) -> Iterator[float]:
    """Drives to each moment in turn, and gives it; a drive that is over stays where it ended."""
    per_action = world.info.steps_per_action
    follower, tick = PlanFollower(drive(world, 0), per_action, world.limits), 0
    for moment in moments:
        while not world.over and tick < round(moment / world.info.action_dt):
            if tick % per_action == 0 and tick:
                follower.take(drive(world, tick // per_action), tick)
            world.step(*follower.command(tick))
            tick += 1
        yield moment
