"""The contract of a world: what the closed loop needs to drive one episode, step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Self

from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.closed_loop.replay import ActorEntry, ReplayGround, ReplayStep
from lightemma.closed_loop.world_info import WorldInfo
from lightemma.errors import UserError
from lightemma.frame import Camera, FloatArray, Picture, Pose
from lightemma.observed_facts import ObservedFacts
from lightemma.plugins import describe
from lightemma.simulation.ego import Limits
from lightemma.simulation.perturb import Perturbation


@dataclass(frozen=True, slots=True)
class CarState:
    """The present state of the car that is driven.

    Attributes:
        pose: of its rear axle, in the world: x and y in metres, heading in radians.
        speed: m/s.
        curvature: 1/m of the path it is on, positive = left.
    """

    pose: Pose
    speed: float
    curvature: float


@dataclass(frozen=True, slots=True)
class ExpertWords:
    """What the expert says about its plan, in plain words.

    Attributes:
        scene: what is there, with distances.
        intent: what it is about to do in the next 3 s.
        reason: why.
    """

    scene: str
    intent: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExpertLabel:
    """What a driver that knows the world would do from the car's present state.

    Attributes:
        actions: (6, 2) pairs of speed (m/s) and curvature (1/m) as the protocol means them: the mean of each half second.
        valid: False where there is no way back; such a label is never ground truth.
        reason: why it is not valid, or how it gets back; empty on the route.
        words: scene, intent and reason of the plan; None in a world whose expert says nothing.
    """

    actions: FloatArray
    valid: bool = True
    reason: str = ""
    words: ExpertWords | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What the world shows at a decision.

    Attributes:
        camera: the front camera; its size is that of the picture where there is one.
        picture: what the camera sees, ready to be sent; None where none is wanted or the world draws none.
        ground_truth: (6, 2) metres, ego frame: where a good driver would be 0.5 … 3 s from now; None where it is
            unknown, or where the expert's label is not valid.
        command: where the route goes next: ``left``, ``right``, ``straight``, or ``follow`` the road; None in a world without
            a route.
        command_m: metres to where that begins; None where there is nothing to come to, or the world does not say.
        facts: what is seen, in numbers; None where the rules do not ask for it or the world does not know.
    """

    camera: Camera
    picture: Picture | None = None
    ground_truth: FloatArray | None = None
    command: str | None = None
    command_m: float | None = None
    facts: ObservedFacts | None = None


class World(ABC):
    """One episode of a world, at its start when it is made. Time passes only in ``step``.

    A world without streets, road users or an expert needs only the abstract members: a learned world, a
    recorded drive. What it does not know is left out of its ``info`` and of its outcome.
    """

    @property
    @abstractmethod
    def info(self) -> WorldInfo:
        """What it knows and how it keeps time; the same for all its episodes (a class attribute will do)."""

    @abstractmethod
    def history(self) -> FloatArray:
        """(7, 3) x, y (metres) and heading (radians) of the rear axle at -3.5, -3 … -0.5 s, before the episode."""

    @property
    @abstractmethod
    def car(self) -> CarState:
        """The car now; read after every step, so it should be fast."""

    @property
    @abstractmethod
    def over(self) -> bool:
        """Whether the episode has ended."""

    @abstractmethod
    def observe(self) -> Observation:
        """What the car sees now; called once for each decision, in order."""

    @abstractmethod
    def step(self, speed: float, curvature: float) -> None:
        """Advances by ``info.action_dt``; the car receives this speed (m/s) and curvature (1/m, positive = left).

        A car with limits is to have the speed at the end of the half second, the curvature as soon as it can.
        """

    @abstractmethod
    def outcome(self) -> EpisodeOutcome:
        """The numbers of the episode so far; what the world cannot judge is None."""

    @property
    def limits(self) -> Limits | None:
        """What the car can do; None for a car that has every commanded speed and curvature at once."""
        return None

    def label(self) -> ExpertLabel | None:
        """What a driver that knows this world would do now, or None without one; may be asked more than once a decision."""
        return None

    def expert_plan(self) -> FloatArray | None:
        """(6, 2) what the driver ``expert`` does now: the label's pairs, unless the world knows better; None without one."""
        label = self.label()
        return None if label is None else label.actions

    def idm_plan(self) -> FloatArray | None:
        """(6, 2) what the driver ``idm`` does now: the intelligent driver model on the way that the world knows, or None."""
        return None

    def placed(self, perturbation: Perturbation, decision: int = 0) -> World | None:
        """A world of its own that goes on from this moment, with the car put elsewhere and nothing on its account yet.

        Its history is the car's last 3.5 s, moved with it; its progress is measured from here. It may use what this world
        has open, so this one is closed last.

        Args:
            perturbation: how far the car is moved; nothing for a plain copy.
            decision: number of its first observation, for what is drawn at random in pictures.

        Returns:
            The world, or None where the car cannot be there.

        Raises:
            UserError: if this kind of world cannot do it.
        """
        raise UserError(
            f"The world {describe(type(self))} cannot put the car elsewhere; leave `two_stage` out.", "two_stage"
        )

    def replay_step(self) -> ReplayStep | None:
        """This moment for the replay, read every half second; None if there is only the car."""
        return None

    def actors(self) -> Sequence[ActorEntry]:
        """The road users of the replay that are there now."""
        return ()

    def ground(self) -> ReplayGround | None:
        """Streets and signal heads for the replay, read once at its end; None where there are none to show."""
        return None

    def copy(self) -> Self:
        """A world in the same state that goes on independently of this one; it need not draw pictures."""
        return deepcopy(self)

    def close(self) -> None:  # noqa: B027 -- most worlds have nothing to close
        """Releases what the episode used; called once, at its end or when it is stopped early."""
