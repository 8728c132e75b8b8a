"""One episode in the process of its world: gives pictures and frames, takes plans. It does not know the models."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from msgspec import UNSET

from lightemma.camera import CameraEntry
from lightemma.closed_loop.driver_plans import driver_plan
from lightemma.closed_loop.mixture import expert_steers
from lightemma.closed_loop.plan_follower import PlanFollower
from lightemma.closed_loop.privileged import WorldPlan
from lightemma.closed_loop.records import PICTURES, EpisodeOutcome, Roll
from lightemma.closed_loop.replay import ActorEntry, Replay, ReplayStep
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.world import CarState, ExpertLabel, World
from lightemma.closed_loop.world_checks import (
    actors_of,
    broken,
    car_of,
    checked_observation,
    checked_replay,
    ground_of,
    history_of,
    info_of,
    is_over,
    label_of,
    limits_of,
    outcome_of,
    replay_step_of,
)
from lightemma.errors import UserError
from lightemma.files import private_folder, write_whole
from lightemma.frame import EgoHistory, FloatArray, Frame, Picture, Pose
from lightemma.kinematics import actions_from_poses, hold_last_action, to_ego_frame
from lightemma.label_rows import Steered
from lightemma.observed_facts import ObservedFacts
from lightemma.protocol import LIGHTEMMA

#: Microseconds since 1970 at which every episode begins: an invented day, so that time stamps have the form of a data set's.
BEGINNING_US = 1_600_000_000_000_000
#: Seconds after which an episode that has not ended never will.
LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class Finished:
    """How an episode ended.

    Attributes:
        outcome: the numbers of the episode.
        replay: positions of all actors every half second.
        knows: what the world says that it knows (see ``WorldInfo``).
        rolls: the plans of a two-stage drive; None of a closed loop.
    """

    outcome: EpisodeOutcome
    replay: Replay
    knows: frozenset[str]
    rolls: list[Roll] | None = None


@dataclass(frozen=True, slots=True)
class DecisionPoint:
    """The next decision to be made, or the end of the episode.

    Attributes:
        frame: what a planner is given; None once the episode is over.
        picture: as it is sent, or None where none is drawn.
        driver_plan: (6, 2) the plan of a privileged driver, or None where a planner plans.
        label: what the world's expert would do; None in a world without one.
        driver_error: why a privileged driver has no plan, in one line.
        steered: whose plan is driven from here: ``expert`` or ``planner``.
        facts: what is seen, where the rules ask for it and the world can tell.
        finished: how it ended, once it is over.
    """

    frame: Frame | None
    picture: Picture | None = None
    driver_plan: FloatArray | None = None
    label: ExpertLabel | None = None
    driver_error: str | None = None
    steered: Steered = "planner"
    facts: ObservedFacts | None = None
    finished: Finished | None = None


class Episode:
    """An episode in progress.

    Args:
        spec: which episode.
        rules: how the loop is closed.
        world: the world, at the start of the episode.
        folder: the run's folder, where pictures are written.
        driver: plan of a privileged driver; None where a planner plans.
        step: number of its first decision.
        begun: steps of the world before its start, for the time stamps of frames.

    Raises:
        UserError: if the world breaks its contract; the sentence names its class.
    """

    def __init__(
        self,
        spec: EpisodeSpec,
        rules: LoopRules,
        world: World,
        folder: Path,
        driver: WorldPlan | None = None,
        *,
        step: int = 0,
        begun: int = 0,
    ) -> None:
        self._spec, self._rules, self._world = spec, rules, world
        self._folder, self._driver = folder, driver
        #: As the world gives it, checked.
        self.info = info_of(world)
        self._per_action = self.info.steps_per_action
        self._per_second = self._per_action / LIGHTEMMA.dt
        horizon = self.info.horizon_s
        self._last_tick = math.inf if horizon is None else math.ceil(horizon * self._per_second - 1e-6)
        past = history_of(world)
        half_seconds = np.arange(-len(past), 0) * self._per_action
        self._ticks: list[int] = half_seconds.tolist()
        self._poses: list[tuple[float, float, float]] = [(x, y, heading) for x, y, heading in past.tolist()]
        self._replay: list[ReplayStep] = []
        self._actors: dict[int, ActorEntry] = {}
        self._camera: CameraEntry | None = None
        self._tick = 0
        self._step, self._begun = step, begun
        self._experts: FloatArray | None = None
        self._note()
        self._follower = PlanFollower(hold_last_action(self._history().actions), self._per_action, limits_of(world))

    @property
    def over(self) -> bool:
        """Whether the world has ended the episode, or can be trusted no longer."""
        return is_over(self._world) or self._tick >= self._last_tick

    def look(self, seen: object = UNSET) -> DecisionPoint:
        """The frame of this moment with its picture, or the end.

        Args:
            seen: what the world's family has observed for it; the world is asked if left out.
        """
        world = self._world
        if self.over:
            return DecisionPoint(None, finished=self._finished())
        shown = checked_observation(world, self.info, world.observe() if seen is UNSET else seen)
        label = label_of(world, self.info)
        if label is not None and not label.valid and shown.ground_truth is not None:
            raise broken(world, "it has a ground truth where its label is not valid")
        self._camera = self._camera or CameraEntry.of(shown.camera)
        image, path = "", None
        if shown.picture is not None:
            image = f"{PICTURES}/{self._spec.name}/{self._step:04d}.jpg"
            path = self._folder / image
            try:
                private_folder(path.parent.parent)
                private_folder(path.parent)
                write_whole(path, shown.picture.data, private=True)
            except OSError as error:
                raise UserError(
                    f"The picture '{path}' cannot be written ({error.strerror}); make room and give the same command again."
                ) from error
        pose = world.car.pose
        frame = Frame(
            scene=self._spec.name,
            frame_index=self._step,
            sample_token=self._spec.token(self._step),
            timestamp=BEGINNING_US + round((self._begun + self._tick) * 1e6 / self._per_second),
            image=image,
            image_path=path,
            camera=shown.camera,
            pose=Pose(pose.x, pose.y, math.remainder(pose.heading, 2.0 * math.pi)),
            history=self._history(),
            future=shown.ground_truth,
            command=shown.command,
            command_m=shown.command_m,
        )
        plan, why = driver_plan(self._driver, world) if self._driver else (None, None)
        self._experts = self._turn(label)
        steered: Steered = "planner" if self._experts is None else "expert"
        return DecisionPoint(frame, shown.picture, plan, label, why, steered, shown.facts)

    def _turn(self, label: ExpertLabel | None) -> FloatArray | None:
        """(6, 2) the expert's plan, where it is its turn to steer.

        Raises:
            UserError: if the expert is to steer in a world without one.
        """
        beta = self._rules.mixture
        if beta is None:
            return None
        if label is None:
            raise UserError(
                f"The world of '{self._spec.name}' has no expert, so none can steer; leave `driver` out.", "driver"
            )
        # A plan that leads nowhere helps nobody: where the expert knows no way back, the planner steers.
        return label.actions if label.valid and expert_steers(self._spec, self._step, beta) else None

    def advance(self, actions: FloatArray | None, latency_s: float = 0.0) -> DecisionPoint:
        """Drives on until the next decision is due.

        Args:
            actions: (6, 2) the plan for the frame of the last decision, or None if there was none; where the expert
                steers, its plan is driven instead.
            latency_s: seconds that the planner took; in real time the world moves on for that long.

        Returns:
            The next decision.
        """
        self.follow(actions, latency_s)
        return self.look()

    def follow(self, actions: FloatArray | None, latency_s: float = 0.0) -> None:
        """Drives on until the next decision is due, and looks at nothing; see ``advance``."""
        for speed, curvature in self.commands(actions, latency_s):
            self._world.step(speed, curvature)

    def commands(self, actions: FloatArray | None, latency_s: float = 0.0) -> Iterator[tuple[float, float]]:
        """The commands of the steps to the next decision, for callers that step several worlds at once.

        Before each further one is asked for, the world must have been stepped with the last one.

        Args:
            actions: as of ``advance``.
            latency_s: as of ``advance``; in whole steps of the world, rounded up.
        """
        seen = self._tick
        actions = actions if self._experts is None else self._experts
        if self._rules.real_time:
            yield from self._until(seen + math.ceil(round(latency_s * self._per_second, 6)))
        if actions is None:
            self._follower.miss(self._tick)
            # The planner is asked again after half a second, whatever `replan` says.
            yield from self._until(self._tick + self._per_action)
        else:
            self._follower.take(actions, seen)
            yield from self._until(seen + self._rules.replan * self._per_action)
        self._step += 1

    def _until(self, tick: int) -> Iterator[tuple[float, float]]:
        while self._tick < tick and not self.over:
            if self._tick >= LONGEST_S * self._per_second:
                raise broken(
                    self._world, f"the episode has not ended after {LONGEST_S:g} s; its `over` must become True"
                )
            yield self._follower.command(self._tick)
            self._tick += 1
            self._note()

    def _note(self) -> None:
        """Records the pose of every step, and a step of the replay every half second and at the end."""
        car = car_of(self._world)
        self._ticks.append(self._tick)
        self._poses.append((car.pose.x, car.pose.y, car.pose.heading))
        if self._tick % self._per_action and not self.over:
            return
        for actor in actors_of(self._world):
            self._actors.setdefault(actor.number, actor)
        self._replay.append(replay_step_of(self._world) or _car_alone(self._tick / self._per_second, car))

    def _finished(self) -> Finished:
        outcome = self.outcome()
        if not is_over(self._world):
            outcome = msgspec.structs.replace(outcome, end="horizon")
        return Finished(outcome, self.replay(), self.info.knows)

    def outcome(self) -> EpisodeOutcome:
        """The numbers so far."""
        return outcome_of(self._world, self.info)

    def replay(self) -> Replay:
        """The replay so far."""
        ground = ground_of(self._world)
        return checked_replay(self._world, Replay(list(self._actors.values()), self._replay, self._camera, ground))

    def _history(self) -> EgoHistory:
        """The last eight poses, half a second apart; before the start, interpolated between the known poses."""
        count = LIGHTEMMA.history_positions
        ticks = self._tick - np.arange(count - 1, -1, -1) * self._per_action
        # Enough of the poses to reach back 3.5 s, the half-second steps before the start included.
        recent = slice(-(count * self._per_action + 1), None)
        known, poses = np.array(self._ticks[recent]), np.array(self._poses[recent])
        places = np.column_stack([np.interp(ticks, known, poses[:, axis]) for axis in (0, 1)])
        here = self._poses[-1]
        return EgoHistory(
            positions=to_ego_frame(places, np.array(here[:2]), here[2]),
            actions=actions_from_poses(places, ticks / self._per_second),
        )


def _car_alone(time: float, car: CarState) -> ReplayStep:
    """A step of the replay of a world without other road users."""
    pose = car.pose
    place = (round(pose.x, 3), round(pose.y, 3), round(math.remainder(pose.heading, 2.0 * math.pi), 4))
    return ReplayStep(round(time, 3), (*place, round(car.speed, 3), round(car.curvature, 5)))
