"""What a scenario puts on the streets: vehicles with their routes and orders, and things that stand still."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lightemma.frame import Pose
from lightemma.simulation.idm import Style
from lightemma.simulation.state import ActorKind

#: Length, width and height of each kind in metres.
SIZES: Final[dict[ActorKind, tuple[float, float, float]]] = {
    "car": (4.4, 1.82, 1.48),
    "van": (5.4, 2.0, 2.3),
    "truck": (8.2, 2.45, 3.2),
    "bus": (11.5, 2.5, 3.1),
    "pedestrian": (0.5, 0.6, 1.72),
    "officer": (0.5, 0.65, 1.8),
    "worker": (0.5, 0.65, 1.76),
    "cone": (0.36, 0.36, 0.72),
    "barrier": (0.45, 2.2, 1.0),
}
#: The box's centre lies this share of its length ahead of the rear axle.
AHEAD: Final = 0.3


@dataclass(frozen=True, slots=True)
class Command:
    """What a scripted vehicle does from a time on.

    Attributes:
        time: seconds.
        speed: m/s it may not exceed any more, inf to lift an earlier cap.
        brake: m/s² with which it comes down to that speed.
        lane: the lane it changes into, or None.
    """

    time: float
    speed: float = float("inf")
    brake: float = 3.0
    lane: int | None = None


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle that drives.

    Attributes:
        kind: what it is.
        lanes: the numbers of the lanes of its route.
        at: metres along the route of its rear axle at the start.
        speed: m/s at the start.
        desired: m/s on a free road.
        colour: of its paint.
        style: how its driver follows.
        commands: orders in time.
        pace: if set, it stays this many metres ahead of the ego (rear to front) until its first change of lanes.
        returns: whether it comes back at the route's start after it has left at the end.
        changes: whether its driver changes lanes to get on.
    """

    kind: ActorKind
    lanes: tuple[int, ...]
    at: float
    speed: float
    desired: float
    colour: tuple[float, float, float] = (0.6, 0.6, 0.62)
    style: Style = field(default_factory=Style)
    commands: tuple[Command, ...] = ()
    pace: float | None = None
    returns: bool = False
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """Something or somebody that stands still.

    Attributes:
        kind: what it is.
        pose: of its box's centre.
        colour: of its paint or coat.
    """

    kind: ActorKind
    pose: Pose
    colour: tuple[float, float, float] = (0.6, 0.6, 0.62)
