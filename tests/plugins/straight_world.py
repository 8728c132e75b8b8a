"""A world in one file: a straight road in a picture that Pillow draws. No city, no road users, no expert, no ground truth."""

from __future__ import annotations

import hashlib
import io
import math

import numpy as np
from PIL import Image, ImageDraw

from lightemma.camera import project
from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules, parse_seeds
from lightemma.closed_loop.world import CarState, Observation, World
from lightemma.closed_loop.world_factory import EpisodeChoice, Prepared, WorldFactory
from lightemma.closed_loop.world_info import WorldInfo
from lightemma.errors import UserError
from lightemma.frame import Camera, FloatArray, Picture, Pose

LENGTH, HALF_WIDTH, TIME_LIMIT = 80.0, 4.0, 30.0


class StraightRoad(World):
    """The car starts in the middle of a road along x, at a speed that the seed draws, and follows every plan immediately."""

    info = WorldInfo("straight", knows=frozenset({"progress", "off_road"}))

    def __init__(self, spec: EpisodeSpec, rules: LoopRules, pictures: bool) -> None:
        self._pictures, self._size = pictures, rules.size
        self._start = float(np.random.default_rng(spec.seed).uniform(4.0, 8.0))
        self._fog = bool(spec.options["fog"])
        self._x = self._y = self._heading = self._time = 0.0
        self._speed, self._curvature = self._start, 0.0

    def history(self) -> FloatArray:
        return np.array([(self._start * time, 0.0, 0.0) for time in np.arange(-3.5, 0.0, 0.5)])

    @property
    def car(self) -> CarState:
        return CarState(Pose(self._x, self._y, self._heading), self._speed, self._curvature)

    @property
    def over(self) -> bool:
        return self._x >= LENGTH or abs(self._y) > HALF_WIDTH or self._time >= TIME_LIMIT - 1e-9

    def observe(self) -> Observation:
        width, height = self._size
        focal = 0.8 * width
        intrinsic = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
        camera = Camera(intrinsic, np.array([0.5, -0.5, 0.5, -0.5]), np.array([1.5, 0.0, 1.4]), self._size)
        return Observation(camera, self._picture(camera) if self._pictures else None)

    def _picture(self, camera: Camera) -> Picture:
        image = Image.new("RGB", self._size, (160, 170, 180) if self._fog else (140, 180, 230))
        far = 20.0 if self._fog else 200.0
        edges = [(3.0, HALF_WIDTH), (far, HALF_WIDTH), (far, -HALF_WIDTH), (3.0, -HALF_WIDTH)]
        cos, sin = math.cos(self._heading), math.sin(self._heading)
        corners = np.array([(x * cos + (y - self._y) * sin, (y - self._y) * cos - x * sin, 0.0) for x, y in edges])
        ImageDraw.Draw(image).polygon(
            [tuple(point) for point in project(corners, camera).pixels.tolist()], (90, 90, 95)
        )
        data = io.BytesIO()
        image.save(data, "JPEG")
        return Picture(data.getvalue(), "image/jpeg", self._size, hashlib.sha256(data.getvalue()).hexdigest())

    def step(self, speed: float, curvature: float) -> None:
        self._x += speed * 0.05 * math.cos(self._heading)
        self._y += speed * 0.05 * math.sin(self._heading)
        self._heading += speed * 0.05 * curvature
        self._speed, self._curvature = speed, curvature
        self._time += 0.05

    def outcome(self) -> EpisodeOutcome:
        off = abs(self._y) > HALF_WIDTH
        end = "off-road" if off else "goal" if self._x >= LENGTH else "time-out"
        return EpisodeOutcome(end, self._time, progress=min(max(self._x / LENGTH, 0.0), 1.0), off_road=off)


class StraightWorld(WorldFactory):
    """``straight`` or ``straight:fog``."""

    name = "straight"

    def episodes(self, choice: EpisodeChoice) -> list[EpisodeSpec]:
        if choice.scenarios not in ("all", "road"):
            raise UserError(f"The straight world has no scenario '{choice.scenarios}'; it has road.")
        fog = self.argument == "fog"
        return [EpisodeSpec("road", seed, "", options={"fog": fog}) for seed in parse_seeds(choice.seeds)]

    def open(self, spec: EpisodeSpec, rules: LoopRules, *, pictures: bool) -> StraightRoad:
        return StraightRoad(spec, rules, pictures)


class WrongHistory(StraightRoad):
    def history(self) -> FloatArray:
        return super().history()[:4]


class WrongTruth(StraightRoad):
    def observe(self) -> Observation:
        return Observation(super().observe().camera, ground_truth=np.zeros((5, 2)))


class WrongCommand(StraightRoad):
    def observe(self) -> Observation:
        return Observation(super().observe().camera, command="onwards")


class WrongMetres(StraightRoad):
    def observe(self) -> Observation:
        return Observation(super().observe().camera, command="left", command_m=-3.0)


class WrongObservation(StraightRoad):
    def observe(self) -> Observation:
        return None  # type: ignore[return-value]


class WrongOutcome(StraightRoad):
    def outcome(self) -> EpisodeOutcome:
        return {"end": "goal"}  # type: ignore[return-value]


class WrongNumbers(StraightRoad):
    def outcome(self) -> EpisodeOutcome:
        return EpisodeOutcome("goal", self._time, progress="all")  # type: ignore[arg-type]


class WrongProgress(StraightRoad):
    def outcome(self) -> EpisodeOutcome:
        return EpisodeOutcome("goal", self._time, progress=85.0)


class WrongOver(StraightRoad):
    @property
    def over(self) -> bool:
        return "no"  # type: ignore[return-value]


class LostCar(StraightRoad):
    @property
    def car(self) -> CarState:
        lost = math.nan if self._time > 1.0 else 0.0
        return CarState(Pose(self._x + lost, self._y, self._heading), self._speed, self._curvature)


class Raises(StraightRoad):
    def step(self, speed: float, curvature: float) -> None:
        raise ZeroDivisionError("no road")


class Broken(StraightWorld):
    """``Broken:CLASS`` opens a world that does not keep to the contract."""

    def episodes(self, choice: EpisodeChoice) -> list[EpisodeSpec]:
        scenario = "a/b" if self.argument == "WrongName" else "road"
        return [EpisodeSpec(scenario, 0, "", options={"fog": False})]

    def open(self, spec: EpisodeSpec, rules: LoopRules, *, pictures: bool) -> StraightRoad:
        return globals()[self.argument](spec, rules, pictures)


class TakesNothing(StraightWorld):
    def __init__(self) -> None:
        super().__init__()


class NoName(WorldFactory):
    def episodes(self, choice: EpisodeChoice) -> list[EpisodeSpec]:
        return [EpisodeSpec("road", 0, "", options={"fog": False})]

    def open(self, spec: EpisodeSpec, rules: LoopRules, *, pictures: bool) -> StraightRoad:
        return StraightRoad(spec, rules, pictures)


class KeepsNoArgument(StraightWorld):
    def __init__(self, argument: str = "") -> None:
        self.fog = argument == "fog"


class EpisodesRaise(StraightWorld):
    def episodes(self, choice: EpisodeChoice) -> list[EpisodeSpec]:
        raise KeyError("road")


class WrongEpisodes(StraightWorld):
    def episodes(self, choice: EpisodeChoice) -> list[EpisodeSpec]:
        return ["road"]  # type: ignore[list-item]


class WrongPrepared(StraightWorld):
    def prepare(self, rules: LoopRules, *, pictures: bool) -> Prepared:
        return None  # type: ignore[return-value]
