"""A world small enough to work out by hand: a straight road along x, a goal at 60 m, and what the scenario puts on it."""

from __future__ import annotations

import hashlib
import math
import os

import numpy as np

from lightemma.closed_loop.records import Crash, EpisodeOutcome
from lightemma.closed_loop.replay import ActorEntry, ReplayStep
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.world import CarState, ExpertLabel, ExpertWords, Observation, World
from lightemma.closed_loop.world_factory import EpisodeChoice, WorldFactory
from lightemma.closed_loop.world_info import WorldInfo
from lightemma.frame import Camera, FloatArray, Picture, Pose
from lightemma.kinematics import integrate

GOAL = 60.0
START_SPEED = 5.0
TIME_LIMIT = 20.0
SCENARIOS = ("open", "wall", "light", "walker", "hard")


class FakeWorld(World):
    """Commands are reached immediately. ``lost`` has no valid label from 30 m on.

    ``wall`` is a car and ``walker`` a person at 30 m, ``light`` a red light at 20 m.

    The bytes of a picture say what is drawn; they are no real picture.
    """

    def __init__(self, spec: EpisodeSpec, rules: LoopRules, pictures: bool = False) -> None:
        self.spec, self.rules, self.pictures = spec, rules, pictures
        self.x = self.y = self.heading = 0.0
        self.speed, self.curvature = START_SPEED, 0.0
        self.ticks = self.decisions = 0
        self.red_lights = 0
        self.crashes: list[Crash] = []
        self.end: str | None = None

    info = WorldInfo(
        "fake",
        knows=frozenset(
            (
                "progress",
                "crashes",
                "red_lights",
                "off_road",
                "wrong_side",
                "min_ttc_s",
                "harsh_s",
                "standing_s",
                "expert",
            )
        ),
    )

    def history(self) -> FloatArray:
        return np.array([(START_SPEED * t, 0.0, 0.0) for t in np.arange(-3.5, 0.0, 0.5)])

    @property
    def over(self) -> bool:
        return self.end is not None

    @property
    def car(self) -> CarState:
        return CarState(Pose(self.x, self.y, self.heading), self.speed, self.curvature)

    def observe(self) -> Observation:
        camera = Camera(np.eye(3), np.array([0.5, -0.5, 0.5, -0.5]), np.array([1.7, 0.0, 1.5]), self.rules.size)
        picture = self.picture(self.spec.picture_seed(self.decisions)) if self.pictures else None
        self.decisions += 1
        label = self.label()
        return Observation(camera, picture, integrate(label.actions) if label.valid else None)

    def picture(self, seed: int) -> Picture:
        if self.spec.scenario == "hard":
            os._exit(3)  # what a fault of the graphics driver does
        data = f"{self.spec.scenario} {self.ticks * 0.05:.2f} {self.x:.3f} {seed}".encode()
        return Picture(data, "image/jpeg", self.rules.size, hashlib.sha256(data).hexdigest())

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

    def label(self) -> ExpertLabel:
        if self.spec.scenario == "lost" and self.x >= 30.0:
            return ExpertLabel(np.tile([900.0, 0.0], (6, 1)), False, "nobody knows the way")
        return ExpertLabel(np.tile([START_SPEED, 0.0], (6, 1)), words=ExpertWords("A road.", "I go on.", "It is free."))

    def outcome(self) -> EpisodeOutcome:
        return EpisodeOutcome(
            end=self.end or "time-out",
            time_s=self.ticks * 0.05,
            progress=min(max(self.x / GOAL, 0.0), 1.0),
            crashes=self.crashes,
            red_lights=self.red_lights,
            off_road=abs(self.y) > 6.0,
            wrong_side=0,
            harsh_s=0.0,
            standing_s=0.0,
        )

    def replay_step(self) -> ReplayStep:
        there = [(1, 30.0, 0.0, 0.0, 0.0)] if self.actors() else []
        signals = [(1, "red")] if self.spec.scenario == "light" else []
        ego = (self.x, self.y, self.heading, self.speed, self.curvature)
        return ReplayStep(self.ticks * 0.05, ego, there, signals)

    def actors(self) -> list[ActorEntry]:
        kinds = {"wall": "car", "walker": "pedestrian"}
        kind = kinds.get(self.spec.scenario)
        return [ActorEntry(1, kind, 4.0, 2.0)] if kind else []


class FakeFactory(WorldFactory):
    name = "fake"

    def episodes(self, choice: EpisodeChoice) -> list[EpisodeSpec]:
        return [EpisodeSpec(name, seed) for name in choice.scenarios.split(",") for seed in range(int(choice.seeds))]

    def open(self, spec: EpisodeSpec, rules: LoopRules, *, pictures: bool) -> FakeWorld:
        return FakeWorld(spec, rules, pictures)
