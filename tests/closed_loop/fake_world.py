"""A world small enough to work out by hand: a straight road along x, a goal at 60 m, and whatever the scenario puts on it."""

from __future__ import annotations

import hashlib
import math
import os

import numpy as np

from lightemma.closed_loop.records import Crash, Verdict
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.stage import Company
from lightemma.closed_loop.world_drivers import ExpertDriver, LotteryDriver
from lightemma.frame import Camera, FloatArray, Picture, Pose
from lightemma.simulation.state import ActorState, City, EgoState, SignalState, WorldState

GOAL = 60.0
START_SPEED = 5.0
TIME_LIMIT = 20.0
SCENARIOS = ("open", "wall", "light", "walker", "hard")


class FakeWorld:
    """The car obeys at once. ``wall`` and ``walker`` put somebody at 30 m, ``light`` a red light at 20 m."""

    def __init__(self, spec: EpisodeSpec, rules: LoopRules) -> None:
        self.spec, self.rules = spec, rules
        self.city = City(spec.scenario, (), (), (), (), (), (), (), (), seed=spec.seed)
        self.past = np.array([(START_SPEED * t, 0.0, 0.0) for t in np.arange(-3.5, 0.0, 0.5)])
        self.x = self.y = self.heading = 0.0
        self.speed, self.curvature = START_SPEED, 0.0
        self.ticks = 0
        self.red_lights = 0
        self.crashes: list[Crash] = []
        self.end: str | None = None

    @property
    def over(self) -> bool:
        return self.end is not None

    def state(self) -> WorldState:
        actors = []
        if self.spec.scenario in ("wall", "walker"):
            kind = "car" if self.spec.scenario == "wall" else "pedestrian"
            actors.append(ActorState(1, kind, Pose(30.0, 0.0, 0.0), 0.0, 4.0, 2.0, 1.5, (1.0, 0.0, 0.0)))
        signals = (SignalState(1, Pose(20.0, -3.0, 0.0), 0.0, "red"),) if self.spec.scenario == "light" else ()
        return WorldState(self.ticks * 0.05, self.ego_state(), tuple(actors), signals)

    def ego_state(self) -> EgoState:
        return EgoState(Pose(self.x, self.y, self.heading), self.speed, self.curvature)

    def step(self, speed: float, curvature: float) -> None:
        before = self.x
        self.x += speed * 0.05 * math.cos(self.heading)
        self.y += speed * 0.05 * math.sin(self.heading)
        self.heading += curvature * speed * 0.05
        self.speed, self.curvature = speed, curvature
        self.ticks += 1
        if self.spec.scenario == "light" and before < 20.0 <= self.x:
            self.red_lights += 1
        if self.spec.scenario in ("wall", "walker") and self.x >= 26.0 and abs(self.y) < 2.0:
            struck = "vehicle" if self.spec.scenario == "wall" else "person"
            self.crashes.append(Crash(self.ticks * 0.05, struck, True))
            self.end = "collision"
        elif abs(self.y) > 6.0:
            self.end = "off-road"
        elif self.x >= GOAL - 1e-6:
            self.end = "goal"
        elif self.ticks * 0.05 >= TIME_LIMIT:
            self.end = "time-out"

    def expert_plan(self) -> FloatArray:
        return np.tile([START_SPEED, 0.0], (6, 1))

    def verdict(self) -> Verdict:
        return Verdict(
            end=self.end or "time-out",
            time_s=self.ticks * 0.05,
            progress=min(max(self.x / GOAL, 0.0), 1.0),
            crashes=self.crashes,
            red_lights=self.red_lights,
            off_road=abs(self.y) > 6.0,
        )


class FakeArtist:
    """Pictures whose bytes say what is drawn, and which can be read as pictures by nobody."""

    def __init__(self, rules: LoopRules) -> None:
        self.size = rules.size
        self.city = ""

    def load(self, city: City) -> None:
        self.city = city.name

    def picture(self, state: WorldState, seed: int) -> Picture:
        if self.city == "hard":
            os._exit(3)  # what a fault of the graphics driver does
        data = f"{self.city} {state.time:.2f} {state.ego.pose.x:.3f} {seed}".encode()
        return Picture(data, "image/jpeg", self.size, hashlib.sha256(data).hexdigest())

    def close(self) -> None:
        pass


def camera(size: tuple[int, int]) -> Camera:
    return Camera(np.eye(3), np.array([0.5, -0.5, 0.5, -0.5]), np.array([1.7, 0.0, 1.5]), size)


def company() -> Company:
    drivers = {"expert": ExpertDriver, "random": LotteryDriver}
    return Company(FakeWorld, FakeArtist, camera, drivers)
