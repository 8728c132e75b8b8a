"""What the front camera can see at one moment, in numbers, and apart from it what only a source that knows everything can tell.

Whoever knows a scene may fill it: a simulated world, or a recording with annotations. Everything in `ObservedFacts` but its
``privileged`` block is in the picture: not outside it, not behind houses, trees or other road users, and not too small.

Ego frame: x ahead, y left, z up, metres, radians counter-clockwise; the origin is the rear axle on the road. Pixels are those
of the camera that the facts were made for. Distances "from the bumper" are metres from the middle of the front bumper.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

#: Metres ahead of the bumper at which the lane's curvature is given.
LANE_AHEAD: Final = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0)

#: Left, top, right, bottom in pixels, cut at the picture's edges.
Box2d = tuple[float, float, float, float]
#: Centre x, y, z (metres), length, width, height (metres) and heading (radians), ego frame.
Box3d = tuple[float, float, float, float, float, float, float]


class SeenThing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One road user or obstacle that is seen.

    Attributes:
        number: the same as long as the thing exists.
        kind: what it is, such as ``car``, ``truck``, ``pedestrian`` or ``cone``.
        box_2d: around its whole box, whether or not a part of that is hidden.
        box_3d: its box.
        distance: metres from the bumper to the nearest point of its box on the ground.
        speed: m/s along its heading.
        visible_share: 0 … 1 of it as seen from the camera that is in the picture and not hidden.
        brake_lights: whether they are on; None where its rear is turned away, or it is unknown.
        indicator: which indicator is on; None where it is unknown.
    """

    number: int
    kind: str
    box_2d: Box2d
    box_3d: Box3d
    distance: float
    speed: float
    visible_share: float
    brake_lights: bool | None = None
    indicator: Literal["off", "left", "right", "both"] | None = None


class SeenLight(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The traffic light of the car's own lane: of several heads the one that is largest in the picture.

    Attributes:
        colour: what it shows.
        box_2d: around its board.
        distance: metres from the bumper to the head, on the ground.
        visible_share: 0 … 1 of its board that is in the picture and not hidden.
    """

    colour: Literal["red", "amber", "green"]
    box_2d: Box2d
    distance: float
    visible_share: float


class SeenLane(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lane that the car is in, as far as it is seen; at a junction the way that the command says.

    Attributes:
        offset: metres of the rear axle to the left of the lane's middle.
        heading_error: radians by which the car points to the left of the lane.
        curvatures: 1/m, left positive, of the lane's middle at `LANE_AHEAD`; None where the road is not seen.
    """

    offset: float
    heading_error: float
    curvatures: tuple[float | None, float | None, float | None, float | None, float | None, float | None]


class SeenLeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The nearest seen vehicle or obstacle ahead in the car's own lane.

    Attributes:
        number: of the thing.
        gap: metres from the bumper to its near end, along the lane.
        speed: m/s along its heading.
    """

    number: int
    gap: float
    speed: float


class HiddenThing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A road user or obstacle that the camera does not see; attributes as of `SeenThing`."""

    number: int
    kind: str
    box_3d: Box3d
    distance: float
    speed: float


class PrivilegedFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What no camera shows. A model that is given this, or learns from it, knows more than a driver could.

    Attributes:
        hidden: everything within 100 m that is not seen.
        route: (x, y) metres, ego frame, of the route every 5 m from the rear axle on, as far as it is known up to 60 m.
        next_turn: how the route leads through the next junction, and metres from the bumper to it (negative inside); None
            without a junction ahead.
        light: the colour of the light at the next line on the route with lights, seen or not; None where there is none.
        light_distance: metres from the bumper to that line.
        light_changes_in: seconds until it changes; None where it is unknown, because an incident decides.
        stop_line: metres from the bumper to the next line to stop at, seen or not.
        goal: metres of route left.
    """

    hidden: tuple[HiddenThing, ...] = ()
    route: tuple[tuple[float, float], ...] = ()
    next_turn: tuple[Literal["left", "right", "straight"], float] | None = None
    light: Literal["red", "amber", "green"] | None = None
    light_distance: float | None = None
    light_changes_in: float | None = None
    stop_line: float | None = None
    goal: float | None = None


class ObservedFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of one picture.

    Attributes:
        things: what is seen, the nearest first.
        light: the light of the own lane, if it is seen.
        stop_line: metres from the bumper to the next line to stop at on the own lane, if it is seen.
        lane: the own lane, if any of it is seen.
        leader: the nearest thing in the own lane, if one is seen.
        command: where the drive goes next, as planners are told it.
        privileged: what is not seen; only where it was asked for.
    """

    things: tuple[SeenThing, ...] = ()
    light: SeenLight | None = None
    stop_line: float | None = None
    lane: SeenLane | None = None
    leader: SeenLeader | None = None
    command: str | None = None
    privileged: PrivilegedFacts | None = None

    def visible(self) -> ObservedFacts:
        """The same without the privileged block."""
        return msgspec.structs.replace(self, privileged=None)
