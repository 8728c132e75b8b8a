"""One imagined drive: the planner's actions move the car, and a diffusion model draws what it sees from where they lead.

What is judged is what can be known: progress and deviation from the recorded drive, comfort, and, where the checkpoint has an
end model that was checked, whether the car is off the road. Who else is there, what lights show and what is hit is not known.
"""

from __future__ import annotations

import copy
import hashlib
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from lightemma.closed_loop.comfort import harsh_seconds, standing_seconds
from lightemma.closed_loop.plan_follower import TICKS_PER_ACTION, TICKS_PER_S
from lightemma.closed_loop.records import EpisodeOutcome, Infraction
from lightemma.closed_loop.world import CarState, ExpertLabel, Observation, World
from lightemma.closed_loop.world_info import EXPERT, WorldInfo
from lightemma.closed_loop.worlds.imagined_idm import free_road_plan
from lightemma.closed_loop.worlds.line_recovery import led_back
from lightemma.frame import Camera, FloatArray, Picture, Pose
from lightemma.kinematics import to_ego_frame
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.ego import EgoCar, Limits
from lightemma.worldmodel.logged_line import LEAST_WAY, LoggedLine

if TYPE_CHECKING:
    from lightemma.worldmodel.imagination import Imagination, Stream
    from lightemma.worldmodel.starts import Start

#: Metres beside the recorded line from which a car has left its way: more than a lane's width, whatever it swerved around.
OFF_LOG = 4.0
#: Metres beside it up to which the recorded car's way is still a label.
LABELLED = 2.0
#: What is always known; ``off_road`` is added where an end model was checked.
KNOWS = frozenset({"progress", "off_route", "harsh_s", "standing_s", "infractions", EXPERT})
#: JPEG quality of the pictures that planners are given.
_QUALITY = 95


class ImaginedWorld(World):
    """One imagined drive.

    Args:
        info: of the world.
        start: where it begins.
        seed: of what is drawn.
        camera: of the pictures.
        imagination: draws them; None draws nothing.
        dt: seconds between two pictures.
        limits: of the car.
        end_threshold: probability of the end model from which the car is off the road; None does not judge it.
        end_s: seconds after which it judges no more, since nothing is known about its judgement there.
        looked_at: whether a planner sees the pictures; else none is drawn that the end model does not judge.
    """

    def __init__(
        self,
        info: WorldInfo,
        start: Start,
        seed: int,
        camera: Camera,
        imagination: Imagination | None,
        dt: float,
        limits: Limits | None,
        end_threshold: float | None = None,
        end_s: float = math.inf,
        *,
        looked_at: bool = True,
    ) -> None:
        self._info, self._start, self._camera = info, start, camera
        self._imagination, self._threshold = imagination, end_threshold
        self._end_s, self._looked_at = end_s, looked_at
        self._line = LoggedLine(start.log)
        first = self._line.pairs(0.0, 1)[0]
        # Where the recorded car was half a second ago says how fast it is now.
        moved = float(np.hypot(*(start.log[0, :2] - start.history[-1, :2]))) / LIGHTEMMA.dt
        speed = (moved + float(first[0])) / 2.0
        self._car = EgoCar(Pose(*start.log[0].tolist()), speed, float(first[1]) if speed > 0.5 else 0.0, limits)
        self._ticks, self._per_picture = 0, round(dt * TICKS_PER_S)
        self._dt = dt
        self._last, self._way = self._car.pose, 0.0
        self._motion = [(self._car.speed, self._car.curvature)]
        self._infractions: list[Infraction] = []
        self._off_route = self._off_road = False
        self._furthest = 0.0
        self.stream = _stream(start, seed) if imagination is not None else None

    @property
    def info(self) -> WorldInfo:
        """What it knows."""
        return self._info

    @property
    def line(self) -> LoggedLine:
        """Where the recorded car went on to."""
        return self._line

    def history(self) -> FloatArray:
        """(7, 3) the recorded poses before the start."""
        return self._start.history.copy()

    @property
    def car(self) -> CarState:
        """The car now."""
        return CarState(self._car.pose, self._car.speed, self._car.curvature)

    @property
    def limits(self) -> Limits | None:
        """What the car can do."""
        return self._car.limits

    @property
    def over(self) -> bool:
        """Whether it left its way or the road."""
        return self._off_route or self._off_road

    @property
    def time(self) -> float:
        """Seconds since the start."""
        return self._ticks / TICKS_PER_S

    def observe(self) -> Observation:
        """The newest picture, and where the recorded car went on to."""
        picture = None
        if self.stream is not None:
            pixels = self.stream.pictures[-1].permute(1, 2, 0).numpy()
            data = io.BytesIO()
            Image.fromarray(pixels).save(data, "JPEG", quality=_QUALITY)
            size = (pixels.shape[1], pixels.shape[0])
            picture = Picture(data.getvalue(), "image/jpeg", size, hashlib.sha256(data.getvalue()).hexdigest())
        return Observation(self._camera, picture, self._truth())

    def _truth(self) -> FloatArray | None:
        """(6, 2) metres: where the recorded car was 0.5 … 3 s from now; None once the car is elsewhere."""
        rows = round(self.time / LIGHTEMMA.dt) + 1 + np.arange(LIGHTEMMA.plan_steps)
        if rows[-1] >= len(self._start.log) or not self.label().valid:
            return None
        pose = self._car.pose
        return to_ego_frame(self._start.log[rows, :2], np.array([pose.x, pose.y]), pose.heading)

    def label(self) -> ExpertLabel:
        """What the recorded driver did at this time, led back to its line."""
        _, beside = self._line.place(self._car.pose)
        actions = led_back(self._line.pairs(self.time), self._car.pose, self._start.log)
        if abs(beside) <= LABELLED:
            return ExpertLabel(actions)
        return ExpertLabel(actions, valid=False, reason=f"the recorded car was {abs(beside):.1f} m beside")

    def idm_plan(self) -> FloatArray:
        """The intelligent driver model on the recorded way, which sees nobody."""
        return free_road_plan(self._line, self.car)

    def step(self, speed: float, curvature: float) -> None:
        """Advances by 0.05 s, and draws where a picture is due."""
        advance([self], np.array([speed]), np.array([curvature]))

    def move(self, speed: float, curvature: float) -> FloatArray | None:
        """Moves the car by 0.05 s.

        Returns:
            (3,) mean speed, curvature and seconds since the last picture where the next is due; None elsewhere.
        """
        left = TICKS_PER_ACTION - self._ticks % TICKS_PER_ACTION
        before = self._car.pose
        self._car.step(speed, curvature, 1.0 / TICKS_PER_S, left / TICKS_PER_S)
        self._ticks += 1
        pose = self._car.pose
        self._way += math.hypot(pose.x - before.x, pose.y - before.y)
        if self._ticks % TICKS_PER_ACTION == 0:
            self._motion.append((self._car.speed, self._car.curvature))
        along, beside = self._line.place(pose)
        self._furthest = max(self._furthest, along)
        if abs(beside) > OFF_LOG and not self._off_route:
            self._off_route = True
            self._note("off-route", f"{abs(beside):.1f} m beside the recorded line")
        if self._ticks % self._per_picture:
            return None
        turn = math.remainder(pose.heading - self._last.heading, 2.0 * math.pi)
        way, self._last, self._way = self._way, pose, 0.0
        return np.array([way / self._dt, turn / way if way > 0.05 else 0.0, self._dt])

    @property
    def _judged(self) -> bool:
        return self._threshold is not None and self.time < self._end_s + 0.5 / TICKS_PER_S

    @property
    def drawn(self) -> bool:
        """Whether anybody would see a picture of this moment."""
        return self.stream is not None and (self._looked_at or self._judged)

    def seen(self) -> None:
        """Reads the newest picture for whether the car is off the road."""
        if self.stream is None or self._threshold is None or self._off_road or not self.stream.ends or not self._judged:
            return
        if self.stream.ends[-1] >= self._threshold:
            self._off_road = True
            self._note("off-road", f"by the end model, with the probability {self.stream.ends[-1]:.2f}")

    def _note(self, kind: str, detail: str) -> None:
        pose = self._car.pose
        self._infractions.append(
            Infraction(kind, round(self.time, 3), round(pose.x, 2), round(pose.y, 2), detail=detail)
        )

    def outcome(self) -> EpisodeOutcome:
        """The numbers so far. Progress is measured by how far the recorded car came until the horizon."""
        speeds, curvatures = np.array(self._motion).T
        return EpisodeOutcome(
            end="off-road" if self._off_road else "off-route" if self._off_route else "horizon",
            time_s=round(self.time, 3),
            progress=self.progress(self._info.horizon_s or math.inf),
            off_road=self._off_road if self._threshold is not None else None,
            off_route=self._off_route,
            harsh_s=harsh_seconds(speeds, curvatures),
            standing_s=standing_seconds(speeds),
            infractions=list(self._infractions),
        )

    def progress(self, seconds: float) -> float:
        """How far the car came, over how far the recorded car came in this time; 1 where that one stood."""
        way = self._line.way(seconds)
        return 1.0 if way < LEAST_WAY else min(self._furthest / way, 1.0)

    def copy(self) -> ImaginedWorld:
        """The same drive, to go on independently."""
        other = copy.copy(self)
        other._car = copy.deepcopy(self._car)
        other._motion, other._infractions = list(self._motion), list(self._infractions)
        if self.stream is not None:
            other.stream = copy.copy(self.stream)
            other.stream.ends, other.stream.rewards = list(self.stream.ends), list(self.stream.rewards)
        return other


def advance(worlds: Sequence[ImaginedWorld], speeds: FloatArray, curvatures: FloatArray) -> None:
    """Moves the cars of imagined drives by 0.05 s, and draws what is due, all of it together."""
    due, actions = [], []
    for world, speed, curvature in zip(worlds, speeds.tolist(), curvatures.tolist(), strict=True):
        action = world.move(speed, curvature)
        if action is not None and world.drawn:
            due.append(world)
            actions.append(action)
    if due:
        imagination = due[0]._imagination
        assert imagination is not None
        imagination.advance([world.stream for world in due if world.stream is not None], np.array(actions))
        for world in due:
            world.seen()


def _stream(start: Start, seed: int) -> Stream:
    import torch

    from lightemma.worldmodel.imagination import Stream

    pictures = torch.from_numpy(np.ascontiguousarray(start.pictures)).permute(0, 3, 1, 2).contiguous()
    return Stream(seed, pictures, torch.from_numpy(start.actions).float())
