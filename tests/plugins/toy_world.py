"""A second world in one file: a pond that small boats cross. It computes all open episodes at once, in steps of 0.25 s, draws
small pictures with a camera of its own, and judges progress, leaving the pond and the time it stood; nothing else."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
from PIL import Image

from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.closed_loop.replay import ActorEntry, ReplayStep
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules, parse_seeds
from lightemma.closed_loop.world import CarState, ExpertLabel, Observation, World
from lightemma.closed_loop.world_factory import EpisodeChoice, Prepared, WorldFactory
from lightemma.closed_loop.world_info import WorldInfo
from lightemma.frame import Camera, FloatArray, Picture, Pose

SIZE = 64, 48
CAMERA = Camera(
    np.array([[40.0, 0.0, 32.0], [0.0, 40.0, 20.0], [0.0, 0.0, 1.0]]),
    np.array([0.5, -0.5, 0.5, -0.5]),
    np.array([0.5, 0.0, 1.0]),
    SIZE,
)
DT, LENGTH, HALF_WIDTH, TIME_LIMIT = 0.25, 40.0, 5.0, 20.0
INFO = WorldInfo(
    "pond",
    version="a1b2",
    action_dt=DT,
    knows=frozenset({"progress", "off_road", "wrong_side", "standing_s", "min_ttc_s", "harsh_s", "infractions"}),
)


class Pond(World):
    """One episode: x, y, heading, speed and curvature are one row of an array."""

    info = INFO

    def __init__(self, spec: EpisodeSpec, pictures: bool) -> None:
        speed = float(np.random.default_rng(spec.seed).uniform(3.0, 6.0))
        self.pictures, self.steps, self.stood = pictures, 0, 0
        self.state: FloatArray = np.array([0.0, 0.0, 0.0, speed, 0.0])
        self.start = speed

    def history(self) -> FloatArray:
        return np.array([(self.start * time, 0.0, 0.0) for time in np.arange(-3.5, 0.0, 0.5)])

    @property
    def car(self) -> CarState:
        x, y, heading, speed, curvature = self.state.tolist()
        return CarState(Pose(x, y, heading), speed, curvature)

    @property
    def over(self) -> bool:
        x, y = self.state[:2].tolist()
        return x >= LENGTH or abs(y) > HALF_WIDTH or self.steps * DT >= TIME_LIMIT

    def observe(self) -> Observation:
        return look([self])[0]

    def step(self, speed: float, curvature: float) -> None:
        move([self], np.array([speed]), np.array([curvature]))

    def outcome(self) -> EpisodeOutcome:
        x, y = self.state[:2].tolist()
        off = abs(y) > HALF_WIDTH
        return EpisodeOutcome(
            "off-road" if off else "goal" if x >= LENGTH else "time-out",
            self.steps * DT,
            progress=min(max(x / LENGTH, 0.0), 1.0),
            off_road=off,
            wrong_side=0,
            standing_s=self.stood * DT,
            harsh_s=0.0,
            infractions=[],
        )

    def copy(self) -> Pond:
        other = copy(self)
        other.state = self.state.copy()
        return other


def move(worlds: Sequence[Any], speeds: FloatArray, curvatures: FloatArray) -> None:
    """All worlds at once; each row depends on itself alone."""
    states = np.array([world.state for world in worlds])
    headings = states[:, 2]
    states[:, 0] += speeds * DT * np.cos(headings)
    states[:, 1] += speeds * DT * np.sin(headings)
    states[:, 2] += speeds * DT * curvatures
    states[:, 3], states[:, 4] = speeds, curvatures
    for world, state in zip(worlds, states, strict=True):
        world.state = state
        world.steps += 1
        world.stood += int(state[3] < 0.1)


def look(worlds: Sequence[Any]) -> list[Observation]:
    """Water that is darker the farther it is from the middle, all pictures in one array."""
    columns = np.linspace(1.0, -1.0, SIZE[0])
    states = np.array([world.state for world in worlds])
    across = states[:, 1, None] + 8.0 * np.sin(states[:, 2, None] + 0.6 * columns)
    blue = (220.0 - 20.0 * np.minimum(np.abs(across), 10.0)).astype(np.uint8)
    pictures = np.zeros((len(worlds), SIZE[1], SIZE[0], 3), dtype=np.uint8)
    pictures[:, 20:, :, 2] = blue[:, None, :]
    pictures[:, :20] = (170, 200, 230)
    return [
        Observation(CAMERA, jpeg(picture) if world.pictures else None)
        for world, picture in zip(worlds, pictures, strict=True)
    ]


def jpeg(pixels: Any) -> Picture:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG")
    return Picture(data.getvalue(), "image/jpeg", SIZE, hashlib.sha256(data.getvalue()).hexdigest())


class PondWorld(WorldFactory):
    """``pond``; ``batches`` notes how many worlds were stepped together."""

    name = "pond"
    version = "a1b2"
    batches: list[int]

    def __init__(self, argument: str = "") -> None:
        super().__init__(argument)
        self.batches = []

    def episodes(self, choice: EpisodeChoice) -> list[EpisodeSpec]:
        return [EpisodeSpec("crossing", seed, "") for seed in parse_seeds(choice.seeds)]

    def prepare(self, rules: LoopRules, *, pictures: bool) -> Prepared:
        return Prepared(rules, {"size": list(SIZE), "renderer": "pond"} if pictures else None)

    def open(self, spec: EpisodeSpec, rules: LoopRules, *, pictures: bool) -> World:
        return Pond(spec, pictures)

    def observe_many(self, worlds: Sequence[World]) -> Sequence[Observation | Exception]:
        return look(worlds)

    def step_many(
        self, worlds: Sequence[World], speeds: FloatArray, curvatures: FloatArray
    ) -> Sequence[Exception | None]:
        self.batches.append(len(worlds))
        move(worlds, speeds, curvatures)
        return [None] * len(worlds)


# Ponds that do not keep to the contract, each in its own way and only in the episode with seed 1.


class Faulty(PondWorld):
    """``CLASS:KIND``: the episode with seed 1 is broken in this way, the others are sound."""

    def open(self, spec: EpisodeSpec, rules: LoopRules, *, pictures: bool) -> World:
        if spec.seed == 1 and self.argument == "open":
            raise MemoryError("no water")
        kind: Any = FAULTS.get(self.argument, Pond) if spec.seed == 1 else Pond
        return kind(spec, pictures)

    def observe_many(self, worlds: Sequence[World]) -> Sequence[Observation | Exception]:
        if self.argument == "observe_many-raises":
            raise RuntimeError("no light")
        if self.argument == "observe_many-short":
            return look(worlds)[:-1]
        return [world.observe() for world in worlds]

    def step_many(
        self, worlds: Sequence[World], speeds: FloatArray, curvatures: FloatArray
    ) -> Sequence[Exception | None]:
        if self.argument == "step_many-raises":
            raise RuntimeError("no wind")
        if self.argument == "step_many-nothing":
            return None  # type: ignore[return-value]
        results: list[Exception | None] = []
        for world, speed, curvature in zip(worlds, speeds.tolist(), curvatures.tolist(), strict=True):
            try:
                world.step(speed, curvature)
                results.append(None)
            except Exception as error:
                results.append(error)
        if self.argument == "step_many-strange":
            return ["calm" if world.start == SECOND else None for world in worlds]  # type: ignore[attr-defined,misc]
        return results


SECOND = float(np.random.default_rng(1).uniform(3.0, 6.0))


class StepRaises(Pond):
    def step(self, speed: float, curvature: float) -> None:
        if self.steps == 3:
            raise ZeroDivisionError("no wind")
        super().step(speed, curvature)


class StepStops(Pond):
    def step(self, speed: float, curvature: float) -> None:
        raise StopIteration


class Sinks(Pond):
    def step(self, speed: float, curvature: float) -> None:
        super().step(speed, curvature)
        if self.steps == 4:
            self.state[1] = math.nan


class OverRaises(Pond):
    @property
    def over(self) -> bool:
        if self.steps == 5:
            raise KeyError("over")
        return super().over


class Boasts(Pond):
    info = WorldInfo("pond", "a1b2", DT, INFO.knows | {"red_lights"})


class Hides(Pond):
    info = WorldInfo("pond", "a1b2", DT, INFO.knows - {"off_road"})


class NoExpert(Pond):
    info = WorldInfo("pond", "a1b2", DT, INFO.knows | {"expert"})


class SecretTruth(Pond):
    def observe(self) -> Observation:
        return Observation(CAMERA, ground_truth=np.zeros((6, 2)))


class SpokenWords(Pond):
    info = WorldInfo("pond", "a1b2", DT, INFO.knows | {"expert"})

    def label(self) -> ExpertLabel:
        return ExpertLabel(np.zeros((6, 2)), valid=True, words="I drive.")  # type: ignore[arg-type]


class SaidYes(Pond):
    info = WorldInfo("pond", "a1b2", DT, INFO.knows | {"expert"})

    def label(self) -> ExpertLabel:
        return ExpertLabel(np.zeros((6, 2)), valid="yes")  # type: ignore[arg-type]


class WrittenLabel(Pond):
    info = WorldInfo("pond", "a1b2", DT, INFO.knows | {"expert"})

    def label(self) -> ExpertLabel:
        return ExpertLabel("straight on", valid=True)  # type: ignore[arg-type]


class LooseFacts(Pond):
    def observe(self) -> Observation:
        return Observation(CAMERA, facts={"light": object()})  # type: ignore[arg-type]


class ListedCommand(Pond):
    def observe(self) -> Observation:
        return Observation(CAMERA, command=["left"])  # type: ignore[arg-type]


class EndlessMetres(Pond):
    def observe(self) -> Observation:
        return Observation(CAMERA, command="left", command_m=10**400)


class FarAway(Pond):
    def step(self, speed: float, curvature: float) -> None:
        super().step(speed, curvature)
        self.state[0] = 1e308


class StrangeLimits(Pond):
    limits = "none"  # type: ignore[assignment]


class Leaves(Pond):
    @property
    def over(self) -> bool:
        raise SystemExit(3)


class OtherVersion(Pond):
    info = WorldInfo("pond", "a1b3", DT, INFO.knows)


class OtherName(Pond):
    info = WorldInfo("lake", "a1b2", DT, INFO.knows)


class NoInfo(Pond):
    info = "pond"  # type: ignore[assignment]


class NegativeCount(Pond):
    def outcome(self) -> EpisodeOutcome:
        return EpisodeOutcome(
            "goal", 1.0, 0.5, off_road=False, wrong_side=-2, standing_s=0.0, harsh_s=0.0, infractions=[]
        )


class EndlessTime(Pond):
    def outcome(self) -> EpisodeOutcome:
        return EpisodeOutcome(
            "goal", math.inf, 0.5, off_road=False, wrong_side=0, standing_s=0.0, harsh_s=0.0, infractions=[]
        )


class StrangeReplay(Pond):
    def replay_step(self) -> ReplayStep:
        return ReplayStep(0.0, (0.0, math.nan, 0.0, 0.0, 0.0))


class StrangeActors(Pond):
    def actors(self) -> list[ActorEntry]:
        return [ActorEntry("one", "boat", 1.0, 1.0)]  # type: ignore[arg-type]


class StrangeCamera(Pond):
    def observe(self) -> Observation:
        return Observation(Camera(np.full((3, 3), math.nan), CAMERA.rotation, CAMERA.translation, SIZE))


class OtherPixels(Pond):
    def observe(self) -> Observation:
        return Observation(CAMERA, Picture(b"x", "image/jpeg", (8, 8), "0"))


class Endless(Pond):
    over = False  # type: ignore[assignment]


class CloseRaises(Pond):
    def close(self) -> None:
        raise OSError("stuck in the mud")


FAULTS = {kind.__name__: kind for kind in Pond.__subclasses__()}


class Storm(Pond):
    """It can be foretold for 4 s."""

    info = WorldInfo("storm", action_dt=DT, knows=INFO.knows, horizon_s=4.0)


class StormWorld(PondWorld):
    name = "storm"
    version = ""

    def open(self, spec: EpisodeSpec, rules: LoopRules, *, pictures: bool) -> World:
        return Storm(spec, pictures)
