"""What a scenario puts on the streets: vehicles with their routes and commands, and things that stand still."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lightemma.frame import Pose
from lightemma.simulation.idm import Style

#: The box's centre is this share of its length ahead of the rear axle.
AHEAD: Final = 0.3


@dataclass(frozen=True, slots=True)
class Command:
    """What a scripted vehicle does from a given time.

    Attributes:
        time: seconds.
        speed: m/s, its top speed from then on; inf removes an earlier limit.
        brake: m/s² with which it slows down to that speed.
    """

    time: float
    speed: float = float("inf")
    brake: float = 3.0


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle that drives.

    Attributes:
        kind: what it is, a name of ``actor_kinds.ACTOR_KINDS``.
        lanes: the numbers of the lanes of its route.
        at: metres along the route of its rear axle at the start.
        speed: m/s at the start.
        desired: m/s on a free road.
        colour: of its paint.
        style: how its driver follows.
        commands: in order of time.
        attentive: whether its driver brakes for an ego that is in its way without having priority.
        returns: whether it comes back at the route's start after it has left at the end.
        changes: whether its driver changes lanes to be faster.
        offset: metres to the left of the middle of its lanes at which it keeps, such as a cyclist near the kerb.
    """

    kind: str
    lanes: tuple[int, ...]
    at: float
    speed: float
    desired: float
    colour: tuple[float, float, float] = (0.6, 0.6, 0.62)
    style: Style = field(default_factory=Style)
    commands: tuple[Command, ...] = ()
    attentive: bool = True
    returns: bool = False
    changes: bool = False
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing, or a person, that stands still.

    Attributes:
        kind: what it is, a name of ``actor_kinds.ACTOR_KINDS``.
        pose: of its box's centre.
        colour: of its paint or coat.
    """

    kind: str
    pose: Pose
    colour: tuple[float, float, float] = (0.6, 0.6, 0.62)
