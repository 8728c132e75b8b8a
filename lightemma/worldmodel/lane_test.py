"""How a driver that steers at a constant speed keeps its lane in the simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lightemma.closed_loop.plan_follower import PlanFollower
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.closed_loop.worlds.city_world import CityWorld
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.geometry import curvature_to
from lightemma.worldmodel.actor_critic import ActorCritic
from lightemma.worldmodel.clips import ByteArray
from lightemma.worldmodel.counterfactuals import pixels_of
from lightemma.worldmodel.denoiser import from_bytes
from lightemma.worldmodel.reward_end import Memory

#: The car is to keep this speed, m/s, and is steered by one of these curvatures, 1/m.
SPEED = 5.0
STEERING = (-0.08, -0.04, -0.015, 0.0, 0.015, 0.04, 0.08)
#: Metres beside its route at which a car no longer keeps its lane: half of what a lane leaves it at either side of its middle.
IN_LANE = 1.0
#: Metres along the route ahead of it at which the follower aims; nearer than 7 it swings, as the wheels need half a second.
_AIM = 8.0


class Moment:
    """What there is to decide by.

    Args:
        world: of the episode.
        size: of the pictures.
    """

    def __init__(self, world: CityWorld, size: tuple[int, int]) -> None:
        self._world, self._size = world, size

    def pixels(self) -> ByteArray:
        """(h, w, 3) what the camera shows; drawn only where it is asked for."""
        picture = self._world.observe().picture
        assert picture is not None
        return pixels_of(picture.data, self._size)

    def curvature_to(self, metres: float) -> float:
        """1/m of the arc to the route's point so many metres ahead: the truth, which no agent is told."""
        pose, path = self._world.car.pose, self._world.simulation.route.path
        return curvature_to(pose, path.pose(path.project(pose.x, pose.y)[0] + metres))


#: Chooses a curvature; one is made for each drive, by its number.
Steer = Callable[[Moment], float]


def agent_steers(agent: ActorCritic, *, blind: bool = False) -> Callable[[int], Steer]:
    """The agent, which takes its likeliest action.

    Args:
        agent: that has learned.
        blind: whether it is shown grey pictures, as in its training.
    """
    width, height = agent.shape.size

    def begin(_: int) -> Steer:
        memory: Memory | None = None

        def steer(moment: Moment) -> float:
            nonlocal memory
            pictures = torch.zeros(1, 3, height, width)
            if not blind:
                pictures = from_bytes(torch.from_numpy(moment.pixels().copy()).permute(2, 0, 1))[None]
            with torch.no_grad():
                logits, _, memory = agent(pictures, memory)
            return STEERING[int(logits[0].argmax())]

        return steer

    return begin


def random_steers(number: int) -> Steer:
    """Any action, with the same probability."""
    rng = np.random.default_rng(number)
    return lambda _: STEERING[int(rng.integers(len(STEERING)))]


def constant_steers(curvature: float) -> Callable[[int], Steer]:
    """Always the same."""
    return lambda _: lambda _: curvature


def follower_steers(_: int) -> Steer:
    """Knows where the car is, and takes the curvature nearest to the arc back to its route: the most that can be had."""

    def steer(moment: Moment) -> float:
        wanted = moment.curvature_to(_AIM)
        return min(STEERING, key=lambda one: abs(one - wanted))

    return steer


@dataclass(frozen=True, slots=True)
class Kept:
    """How a driver kept its lane in the simulator.

    Attributes:
        name: of the driver.
        in_lane: (drives,) share of the time in its lane; what comes after leaving the road counts as out of it.
        metres: (drives,) along the route before it left its lane for the first time.
        steered: (actions,) how often each of ``STEERING`` was chosen.
        towns: (drives,) seeds of the episodes; drives of the same town count as one for intervals.
    """

    name: str
    in_lane: np.ndarray[tuple[int], np.dtype[np.float64]]
    metres: np.ndarray[tuple[int], np.dtype[np.float64]]
    steered: np.ndarray[tuple[int], np.dtype[np.int64]]
    towns: np.ndarray[tuple[int], np.dtype[np.int64]]


def keep_lane(
    name: str,
    begin: Callable[[int], Steer],
    specs: Sequence[EpisodeSpec],
    size: tuple[int, int],
    seconds: float = 12.0,
    drawn: tuple[int, int] = (160, 90),
    *,
    disturbed: bool = False,
) -> Kept:
    """Lets a driver steer at 5 m/s in the simulator, half second by half second.

    Args:
        name: of the driver.
        begin: makes it.
        specs: episodes of the city.
        size: of the pictures that the driver is given.
        seconds: of a drive.
        drawn: size at which the simulator draws.
        disturbed: whether the car starts beside its place and turned.
    """
    city, rules = CityFactory(), LoopRules(size=drawn, renderer="painter", disturb=disturbed)
    shares, ways = [], []
    steered = np.zeros(len(STEERING), dtype=np.int64)
    try:
        for number, spec in enumerate(specs):
            world, steer = city.open(spec, rules, pictures=True), begin(number)
            path = world.simulation.route.path
            first, _ = path.project(world.car.pose.x, world.car.pose.y)
            inside, way, whole = 0, 0.0, True
            per_action = world.info.steps_per_action
            ticks = round(seconds / LIGHTEMMA.dt)
            for _ in range(ticks):
                if world.over:
                    break
                curvature = steer(Moment(world, size))
                steered[STEERING.index(curvature)] += 1
                plan = np.tile([SPEED, curvature], (LIGHTEMMA.plan_steps, 1))
                follower = PlanFollower(plan, per_action, world.limits)
                for tick in range(per_action):
                    if not world.over:
                        world.step(*follower.command(tick))
                along, beside = path.project(world.car.pose.x, world.car.pose.y)
                kept = abs(beside) <= IN_LANE and not world.outcome().off_road
                inside += kept
                whole = whole and kept
                way = along - first if whole else way
            shares.append(inside / ticks)
            ways.append(way)
            world.close()
    finally:
        city.close()
    return Kept(name, np.array(shares), np.array(ways), steered, np.array([spec.seed for spec in specs]))
