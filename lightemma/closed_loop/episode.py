"""One episode in the process of its world: gives pictures and frames, takes plans. It does not know the models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lightemma.closed_loop.plan_follower import TICKS_PER_ACTION, TICKS_PER_S, PlanFollower
from lightemma.closed_loop.privileged import WorldPlan
from lightemma.closed_loop.records import PICTURES, EpisodeOutcome
from lightemma.closed_loop.replay import ActorEntry, CameraEntry, Replay, ReplayStep
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.world import CarState, ExpertLabel, Observation, World
from lightemma.errors import UserError
from lightemma.files import private_folder, write_whole
from lightemma.frame import EgoHistory, FloatArray, Frame, Picture, Pose
from lightemma.kinematics import actions_from_poses, hold_last_action, to_ego_frame
from lightemma.plugins import describe
from lightemma.protocol import LIGHTEMMA

#: Microseconds since 1970 at which every episode begins: an invented day, so that time stamps have the form of a data set's.
BEGINNING_US = 1_600_000_000_000_000


@dataclass(frozen=True, slots=True)
class Finished:
    """How an episode ended.

    Attributes:
        outcome: the numbers of the episode.
        replay: positions of all actors every half second.
    """

    outcome: EpisodeOutcome
    replay: Replay


@dataclass(frozen=True, slots=True)
class DecisionPoint:
    """The next decision to be made, or the end of the episode.

    Attributes:
        frame: what a planner is given; None once the episode is over.
        picture: as it is sent, or None where none is drawn.
        driver_plan: (6, 2) the plan of a privileged driver, or None where a planner plans.
        label: what the world's expert would do; None in a world without one.
        finished: how it ended, once it is over.
    """

    frame: Frame | None
    picture: Picture | None = None
    driver_plan: FloatArray | None = None
    label: ExpertLabel | None = None
    finished: Finished | None = None


class Episode:
    """An episode in progress.

    Args:
        spec: which episode.
        rules: how the loop is closed.
        world: the world, at the start of the episode.
        folder: the run's folder, where pictures are written.
        driver: plan of a privileged driver; None where a planner plans.

    Raises:
        UserError: if the world breaks its contract; the sentence names its class.
    """

    def __init__(
        self, spec: EpisodeSpec, rules: LoopRules, world: World, folder: Path, driver: WorldPlan | None = None
    ) -> None:
        self._spec, self._rules, self._world = spec, rules, world
        self._folder, self._driver = folder, driver
        past = _history(world)
        half_seconds = np.arange(-len(past), 0) * TICKS_PER_ACTION
        self._ticks: list[int] = half_seconds.tolist()
        self._poses: list[tuple[float, float, float]] = [(x, y, heading) for x, y, heading in past.tolist()]
        self._replay: list[ReplayStep] = []
        self._actors: dict[int, ActorEntry] = {}
        self._camera: CameraEntry | None = None
        self._tick = 0
        self._step = 0
        self._note()
        self._follower = PlanFollower(hold_last_action(self._history().actions), limits=world.limits)

    def look(self) -> DecisionPoint:
        """Observes the world: the picture, and the frame of this moment."""
        world = self._world
        if _over(world):
            return DecisionPoint(None, finished=Finished(_outcome(world), self._made_replay()))
        seen, label = _observation(world), _label(world)
        if label is not None and not label.valid and seen.ground_truth is not None:
            raise _broken(world, "it has a ground truth where its label is not valid")
        self._camera = self._camera or CameraEntry.of(seen.camera)
        image, path = "", None
        if seen.picture is not None:
            image = f"{PICTURES}/{self._spec.name}/{self._step:04d}.jpg"
            path = self._folder / image
            try:
                private_folder(path.parent.parent)
                private_folder(path.parent)
                write_whole(path, seen.picture.data, private=True)
            except OSError as error:
                raise UserError(
                    f"The picture '{path}' cannot be written ({error.strerror}); make room and give the same command again."
                ) from error
        pose = world.car.pose
        frame = Frame(
            scene=self._spec.name,
            frame_index=self._step,
            sample_token=self._spec.token(self._step),
            timestamp=BEGINNING_US + round(self._tick * 1e6 / TICKS_PER_S),
            image=image,
            image_path=path,
            camera=seen.camera,
            pose=Pose(pose.x, pose.y, math.remainder(pose.heading, 2.0 * math.pi)),
            history=self._history(),
            future=seen.ground_truth,
            command=seen.command,
        )
        return DecisionPoint(frame, seen.picture, self._driver(world) if self._driver else None, label)

    def advance(self, actions: FloatArray | None, latency_s: float = 0.0) -> DecisionPoint:
        """Drives on until the next decision is due.

        Args:
            actions: (6, 2) the plan for the frame of the last decision, or None if there was none.
            latency_s: seconds that the planner took; in real time the world moves on for that long.

        Returns:
            The next decision.
        """
        seen = self._tick
        if self._rules.real_time:
            self._drive_until(seen + math.ceil(round(latency_s * TICKS_PER_S, 6)))
        if actions is None:
            self._follower.miss(self._tick)
            # The planner is asked again after half a second, whatever `replan` says.
            self._drive_until(self._tick + TICKS_PER_ACTION)
        else:
            self._follower.take(actions, seen)
            self._drive_until(seen + self._rules.replan * TICKS_PER_ACTION)
        self._step += 1
        return self.look()

    def _drive_until(self, tick: int) -> None:
        while self._tick < tick and not _over(self._world):
            self._world.step(*self._follower.command(self._tick))
            self._tick += 1
            self._note()

    def _note(self) -> None:
        """Records the pose of every step, and a step of the replay every half second and at the end."""
        car = _car(self._world)
        self._ticks.append(self._tick)
        self._poses.append((car.pose.x, car.pose.y, car.pose.heading))
        if self._tick % TICKS_PER_ACTION and not _over(self._world):
            return
        for actor in self._world.actors():
            self._actors.setdefault(actor.number, actor)
        self._replay.append(self._world.replay_step() or _car_alone(self._tick / TICKS_PER_S, car))

    def _made_replay(self) -> Replay:
        return Replay(list(self._actors.values()), self._replay, self._camera)

    def _history(self) -> EgoHistory:
        """The last eight poses, half a second apart; before the start, interpolated between the known poses."""
        count = LIGHTEMMA.history_positions
        ticks = self._tick - np.arange(count - 1, -1, -1) * TICKS_PER_ACTION
        # Enough of the poses to reach back 3.5 s, the half-second steps before the start included.
        recent = slice(-(count * TICKS_PER_ACTION + 1), None)
        known, poses = np.array(self._ticks[recent]), np.array(self._poses[recent])
        places = np.column_stack([np.interp(ticks, known, poses[:, axis]) for axis in (0, 1)])
        here = self._poses[-1]
        return EgoHistory(
            positions=to_ego_frame(places, np.array(here[:2]), here[2]),
            actions=actions_from_poses(places, ticks / TICKS_PER_S),
        )


def _car_alone(time: float, car: CarState) -> ReplayStep:
    """A step of the replay of a world without other road users."""
    pose = car.pose
    place = (round(pose.x, 3), round(pose.y, 3), round(math.remainder(pose.heading, 2.0 * math.pi), 4))
    return ReplayStep(round(time, 3), (*place, round(car.speed, 3), round(car.curvature, 5)))


# A world may be the user's own, so what it returns is checked before it is used.


def _history(world: World) -> FloatArray:
    count = LIGHTEMMA.history_positions - 1
    past = np.asarray(world.history(), dtype=np.float64)
    if past.shape != (count, 3) or not np.isfinite(past).all():
        raise _broken(world, f"its history has the shape {past.shape} or is not finite; it must be ({count}, 3)")
    return past


def _car(world: World) -> CarState:
    car: Any = world.car
    if not isinstance(car, CarState):
        raise _broken(world, f"its car is {type(car).__name__}; it must be a CarState")
    pose = car.pose
    if not all(map(math.isfinite, (pose.x, pose.y, pose.heading))):
        raise _broken(world, "its car has a pose that is not finite")
    if not (math.isfinite(car.speed) and math.isfinite(car.curvature)):
        raise _broken(world, "its car has a speed or a curvature that is not finite")
    return car


def _over(world: World) -> bool:
    over: Any = world.over
    if not isinstance(over, bool | np.bool_):
        raise _broken(world, f"its over is {type(over).__name__}; it must be True or False")
    return bool(over)


def _observation(world: World) -> Observation:
    seen: Any = world.observe()
    if not isinstance(seen, Observation):
        raise _broken(world, f"observe() gives {type(seen).__name__}; it must give an Observation")
    if seen.command not in (None, "left", "right", "straight"):
        raise _broken(world, f"its command is {seen.command!r}; it must be left, right, straight or None")
    truth: Any = seen.ground_truth
    if truth is not None and (np.shape(truth) != (LIGHTEMMA.plan_steps, 2) or not np.isfinite(truth).all()):
        raise _broken(
            world, f"its ground truth has the shape {np.shape(truth)} or is not finite; it must be (6, 2) or None"
        )
    return seen


def _label(world: World) -> ExpertLabel | None:
    label: Any = world.label()
    if label is None:
        return None
    if not isinstance(label, ExpertLabel):
        raise _broken(world, f"label() gives {type(label).__name__}; it must give an ExpertLabel or None")
    if np.shape(label.actions) != (LIGHTEMMA.plan_steps, 2) or not np.isfinite(label.actions).all():
        raise _broken(
            world, f"its label has actions of the shape {np.shape(label.actions)} or not finite; they must be (6, 2)"
        )
    return label


def _outcome(world: World) -> EpisodeOutcome:
    outcome: Any = world.outcome()
    if not isinstance(outcome, EpisodeOutcome):
        raise _broken(world, f"outcome() gives {type(outcome).__name__}; it must give an EpisodeOutcome")
    values = [getattr(outcome, name) for name in outcome.__struct_fields__]
    try:
        msgspec.convert(msgspec.to_builtins(outcome), EpisodeOutcome)
    except (msgspec.ValidationError, TypeError) as error:
        raise _broken(world, f"the numbers of its outcome() are of a wrong type ({error})") from error
    if not all(math.isfinite(value) for value in values if isinstance(value, float)):
        raise _broken(world, "outcome() has a number that is not finite; it must be None where it is unknown")
    if outcome.progress is not None and not -1e-3 <= outcome.progress <= 1.001:
        raise _broken(world, f"outcome() has the progress {outcome.progress:g}; it must be a share, 0 to 1")
    return outcome


def _broken(world: World, what: str) -> UserError:
    return UserError(f"The world ({describe(type(world))}) breaks its contract: {what}.")
