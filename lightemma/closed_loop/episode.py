"""One episode in the process that holds its world: pictures out, plans in. Knows nothing of models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from lightemma.closed_loop.handover import TICKS_PER_ACTION, TICKS_PER_S, Hands
from lightemma.closed_loop.records import PICTURES, ActorEntry, Moment, Verdict
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds import World
from lightemma.frame import Camera, EgoHistory, FloatArray, Frame, Picture, Pose
from lightemma.kinematics import actions_from_poses, hold_last_action, integrate, to_ego_frame
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.state import City, WorldState

#: Microseconds since 1970 at which every episode begins: a made-up day, so that time stamps look like a data set's.
BEGINNING_US = 1_600_000_000_000_000


class Artist(Protocol):
    """Draws what the front camera sees."""

    def load(self, city: City) -> None:
        """Gets ready to draw a city."""

    def picture(self, state: WorldState, seed: int) -> Picture:
        """The picture of a moment, as a JPEG; the same bytes for the same arguments."""

    def close(self) -> None:
        """Lets go of whatever it draws with."""


class WorldDriver(Protocol):
    """A driver that knows the world it drives in."""

    def plan(self, world: World) -> FloatArray:
        """(6, 2) pairs of speed (m/s) and curvature (1/m)."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How an episode ended.

    Attributes:
        verdict: its numbers.
        actors: all that took part.
        trace: every half second.
    """

    verdict: Verdict
    actors: list[ActorEntry]
    trace: list[Moment]


@dataclass(frozen=True, slots=True)
class View:
    """What there is to decide on next.

    Attributes:
        frame: what a planner is given; None once the episode is over.
        picture: as it is sent, or None where none is drawn.
        own_plan: (6, 2) the plan of a driver that knows the world, or None where somebody else plans.
        finished: how it ended, once it is over.
    """

    frame: Frame | None
    picture: Picture | None = None
    own_plan: FloatArray | None = None
    finished: Finished | None = None


class Episode:
    """A world being driven in.

    Args:
        spec: which episode.
        rules: how the loop is closed.
        world: its world, at its start.
        camera: the front camera.
        artist: draws pictures, with the city loaded; None where nobody looks.
        driver: plans with knowledge of the world; None where somebody else plans.
        folder: the run's folder, where pictures go.
    """

    def __init__(
        self,
        spec: EpisodeSpec,
        rules: LoopRules,
        world: World,
        camera: Camera,
        folder: Path,
        artist: Artist | None = None,
        driver: WorldDriver | None = None,
    ) -> None:
        self._spec, self._rules, self._world = spec, rules, world
        self._camera, self._folder, self._artist, self._driver = camera, folder, artist, driver
        past = np.asarray(world.past, dtype=np.float64)
        half_seconds = np.arange(-len(past), 0) * TICKS_PER_ACTION
        self._ticks: list[int] = half_seconds.tolist()
        self._poses: list[tuple[float, float, float]] = [(x, y, heading) for x, y, heading in past.tolist()]
        self._trace: list[Moment] = []
        self._actors: dict[int, ActorEntry] = {}
        self._tick = 0
        self._step = 0
        self._note()
        self._hands = Hands(hold_last_action(self._history().actions))

    def view(self) -> View:
        """Looks: draws the picture, and makes the frame of this moment."""
        world = self._world
        if world.over:
            return View(None, finished=Finished(world.verdict(), list(self._actors.values()), self._trace))
        state = world.state()
        picture, image, path = None, "", None
        if self._artist is not None:
            picture = self._artist.picture(state, self._spec.picture_seed(self._step))
            image = f"{PICTURES}/{self._spec.name}/{self._step:04d}.jpg"
            path = self._folder / image
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture.data)
        pose = state.ego.pose
        expert = world.expert_plan()
        frame = Frame(
            scene=self._spec.name,
            frame_index=self._step,
            sample_token=self._spec.token(self._step),
            timestamp=BEGINNING_US + round(self._tick * 1e6 / TICKS_PER_S),
            image=image,
            image_path=path,
            camera=self._camera,
            pose=Pose(pose.x, pose.y, math.remainder(pose.heading, 2.0 * math.pi)),
            history=self._history(),
            future=integrate(expert),
        )
        return View(frame, picture, self._driver.plan(world) if self._driver else None)

    def go_on(self, actions: FloatArray | None, latency_s: float = 0.0) -> View:
        """Drives on until the next decision is due.

        Args:
            actions: (6, 2) the plan for the frame of the last view, or None if there was none.
            latency_s: how long the planner thought; the world has gone on for so long if the rules say so.

        Returns:
            The next view.
        """
        seen = self._tick
        if self._rules.real_time:
            self._drive_until(seen + math.ceil(round(latency_s * TICKS_PER_S, 6)))
        if actions is None:
            self._hands.miss(self._tick)
            # Asked again after half a second, however rarely plans are made.
            self._drive_until(self._tick + TICKS_PER_ACTION)
        else:
            self._hands.take(actions, seen)
            self._drive_until(seen + self._rules.replan * TICKS_PER_ACTION)
        self._step += 1
        return self.view()

    def _drive_until(self, tick: int) -> None:
        while self._tick < tick and not self._world.over:
            self._world.step(*self._hands.command(self._tick))
            self._tick += 1
            self._note()

    def _note(self) -> None:
        """Keeps the pose of every step, and a moment of the replay every half second and at the end."""
        pose = self._world.ego_state().pose
        self._ticks.append(self._tick)
        self._poses.append((pose.x, pose.y, pose.heading))
        if self._tick % TICKS_PER_ACTION and not self._world.over:
            return
        state = self._world.state()
        for actor in state.actors:
            if actor.number not in self._actors:
                entry = ActorEntry(actor.number, actor.kind, actor.length, actor.width)
                self._actors[actor.number] = entry
        self._trace.append(moment_of(state))

    def _history(self) -> EgoHistory:
        """The last eight half seconds; between two known poses of the time before the start, on the straight line."""
        count = LIGHTEMMA.history_positions
        ticks = self._tick - np.arange(count - 1, -1, -1) * TICKS_PER_ACTION
        # Enough of the log to reach back 3.5 s, the half-second steps before the start included.
        recent = slice(-(count * TICKS_PER_ACTION + 1), None)
        known, poses = np.array(self._ticks[recent]), np.array(self._poses[recent])
        places = np.column_stack([np.interp(ticks, known, poses[:, axis]) for axis in (0, 1)])
        here = self._poses[-1]
        return EgoHistory(
            positions=to_ego_frame(places, np.array(here[:2]), here[2]),
            actions=actions_from_poses(places, ticks / TICKS_PER_S),
        )


def moment_of(state: WorldState) -> Moment:
    """One moment of the replay, to the millimetre and tenth of a milliradian."""
    ego = state.ego
    return Moment(
        time=round(state.time, 3),
        ego=(*_place(ego.pose), round(ego.speed, 3), round(ego.curvature, 5)),
        actors=[(actor.number, *_place(actor.pose), round(actor.speed, 3)) for actor in state.actors],
        signals=[(signal.number, signal.colour) for signal in state.signals],
    )


def _place(pose: Pose) -> tuple[float, float, float]:
    return round(pose.x, 3), round(pose.y, 3), round(math.remainder(pose.heading, 2.0 * math.pi), 4)
