"""The drives of the demo data: how the car, the other road users and the traffic lights move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lightemma.data.demo_mesh import Colour
from lightemma.data.demo_shapes import Signal
from lightemma.frame import FloatArray, Pose

KEY_FRAMES = 24
"""Key frames of a drive, 0.5 s apart."""

ROAD_CENTRE = 1.75
"""Metres from the middle of the driven lane to the road's centre line, which lies to the left."""

_STEP = 0.1  # metres between the points of a path
_TICK = 0.01  # seconds between the points of a motion


@dataclass(frozen=True, slots=True)
class Profile:
    """A smooth function through knots: level before the first and after the last, with no slope at any of them.

    Attributes:
        knots: pairs of argument and value, arguments increasing.
    """

    knots: tuple[tuple[float, float], ...]

    def __call__(self, at: FloatArray) -> FloatArray:
        """Values at these arguments, same shape."""
        arguments, values = np.array(self.knots, dtype=np.float64).T
        right = np.clip(np.searchsorted(arguments, at, side="right"), 1, max(len(arguments) - 1, 1))
        if len(arguments) == 1:
            return np.full(np.shape(at), values[0])
        share = np.clip((at - arguments[right - 1]) / (arguments[right] - arguments[right - 1]), 0.0, 1.0)
        smooth = share * share * (3.0 - 2.0 * share)
        result: FloatArray = values[right - 1] + (values[right] - values[right - 1]) * smooth
        return result


@dataclass(frozen=True, slots=True)
class Path:
    """A line in the plane whose curvature is known.

    Attributes:
        stations: (n,) metres along the line, evenly spaced.
        points: (n, 2) metres.
        headings: (n,) radians.
    """

    stations: FloatArray
    points: FloatArray
    headings: FloatArray

    @staticmethod
    def along(curvature: Profile, start: float, stop: float, origin: Pose) -> Path:
        """The path of a unicycle, driven in short exact arcs.

        Args:
            curvature: 1/m over the station.
            start: first station, not after 0.
            stop: last station.
            origin: where station 0 is.
        """
        stations = _STEP * np.arange(round(start / _STEP), round(stop / _STEP) + 1)
        turns = curvature((stations[:-1] + stations[1:]) / 2) * _STEP
        headings = np.concatenate([[0.0], np.cumsum(turns)])
        chords = _STEP * np.sinc(turns / (2 * np.pi))  # an arc's chord points along its mean heading
        steps = chords[:, None] * np.column_stack(
            [np.cos(headings[:-1] + turns / 2), np.sin(headings[:-1] + turns / 2)]
        )
        points = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
        zero = int(np.argmin(np.abs(stations)))
        turn = origin.heading - headings[zero]
        cos, sin = np.cos(turn), np.sin(turn)
        points = (points - points[zero]) @ np.array([[cos, sin], [-sin, cos]]) + (origin.x, origin.y)
        return Path(stations, points, headings + turn)

    def heading(self, station: FloatArray | float) -> FloatArray:
        """Radians at these stations."""
        return np.interp(station, self.stations, self.headings)

    def beside(self, station: FloatArray | float, lateral: FloatArray | float) -> FloatArray:
        """(..., 2) metres: the points so many metres to the left of the path at these stations."""
        heading = self.heading(station)
        x = np.interp(station, self.stations, self.points[:, 0]) - np.asarray(lateral) * np.sin(heading)
        y = np.interp(station, self.stations, self.points[:, 1]) + np.asarray(lateral) * np.cos(heading)
        return np.stack([x, y], axis=-1)

    def pose(self, station: float, lateral: float = 0.0) -> Pose:
        """The pose so many metres to the left of the path."""
        point = self.beside(station, lateral)
        return Pose(float(point[0]), float(point[1]), float(self.heading(station)))


@dataclass(frozen=True, slots=True)
class Motion:
    """How far something has come along a path.

    Attributes:
        start: station in metres at time 0.
        speed: m/s over the time in seconds; negative against the path.
    """

    start: float
    speed: Profile = Profile(((0.0, 0.0),))

    def stations(self, times: FloatArray) -> FloatArray:
        """Metres at these times in seconds, which must not be before -1."""
        grid = np.arange(-1.0, float(np.max(times)) + 2 * _TICK, _TICK)
        speed = self.speed(grid)
        way = np.concatenate([[0.0], np.cumsum((speed[:-1] + speed[1:]) * (_TICK / 2))])
        stations: FloatArray = np.interp(times, grid, way) - np.interp(0.0, grid, way) + self.start
        return stations

    def braking(self, time: float) -> bool:
        """Whether brake lights are lit: slowing down, or standing after a drive or before one."""
        before, now, after = np.abs(self.speed(np.array([time - 0.1, time, time + 0.1])))
        moves = any(value != 0.0 for _, value in self.speed.knots)
        return bool(moves and (now < 0.05 or after - before < -0.06))


@dataclass(frozen=True, slots=True)
class Actor:
    """Another road user, or a parked car.

    Attributes:
        kind: what it is.
        colour: of the body, or of a person's coat.
        motion: along its path; a negative speed also turns it round.
        lateral: metres to the left of the path.
        path: the driven lane, or the crossing road's centre line.
        waits: stands with its brake lights lit (a queue) instead of being parked.
        turned: faces against the path though it does not move.
    """

    kind: Literal["car", "van", "person"]
    colour: Colour
    motion: Motion
    lateral: float = 0.0
    path: Literal["lane", "cross"] = "lane"
    waits: bool = False
    turned: bool = False


@dataclass(frozen=True, slots=True)
class Crossing:
    """A road that crosses, or that the drive turns into.

    Attributes:
        station: where the two centre lines meet, metres along the driven lane (measured straight on for a turn).
        turn_end: station at which the driven lane is on the other road, or None when the drive goes straight on.
    """

    station: float
    turn_end: float | None = None


@dataclass(frozen=True, slots=True)
class Light:
    """A traffic light at the right of the driven lane.

    Attributes:
        station: of its post.
        states: pairs of time in seconds and what is lit from then on.
    """

    station: float
    states: tuple[tuple[float, Signal], ...]

    def state(self, time: float) -> Signal:
        """What is lit."""
        return [state for since, state in self.states if since <= time or since == self.states[0][0]][-1]


@dataclass(frozen=True, slots=True)
class Drive:
    """One scene.

    Attributes:
        name: of the scene.
        description: one line for ``scene.json``.
        seed: of everything random in it.
        speed: m/s over seconds.
        curvature: 1/m over metres driven.
        setting: what lies along the road.
        parking: whether cars park along the road.
        crossing: a crossing road.
        light: a traffic light.
        stop_line: station of a stop line.
        actors: other road users.
        key_frames: how many, 0.5 s apart.
    """

    name: str
    description: str
    seed: int
    speed: Profile
    curvature: Profile
    setting: Literal["suburb", "town", "country"]
    parking: bool = False
    crossing: Crossing | None = None
    light: Light | None = None
    stop_line: float | None = None
    actors: tuple[Actor, ...] = ()
    key_frames: int = KEY_FRAMES

    @property
    def path(self) -> Path:
        """The middle of the driven lane, station 0 at the origin with heading 0."""
        return Path.along(self.curvature, -60.0, 360.0, Pose(0.0, 0.0, 0.0))


_SILVER: Colour = (176, 180, 184)
_WHITE: Colour = (226, 226, 222)
_BLUE: Colour = (44, 76, 132)
_RED: Colour = (150, 34, 36)
_DARK: Colour = (52, 56, 60)
_GREEN: Colour = (54, 92, 74)
_SAND: Colour = (182, 164, 130)


def _steady(speed: float) -> Profile:
    """The same speed all the time."""
    return Profile(((0.0, speed),))


def _oncoming(kind: Literal["car", "van"], colour: Colour, start: float, speed: float) -> Actor:
    """A vehicle in the other lane."""
    return Actor(kind, colour, Motion(start, _steady(-speed)), lateral=2 * ROAD_CENTRE)


def _person(colour: Colour, start: float, lateral: float, speed: float = 0.0) -> Actor:
    """Somebody on the pavement."""
    return Actor("person", colour, Motion(start, _steady(speed)), lateral)


def _parked(colour: Colour, start: float, lateral: float, kind: Literal["car", "van"] = "car") -> Actor:
    """A parked vehicle; those on the left face the other way."""
    return Actor(kind, colour, Motion(start), lateral, turned=lateral > 0)


# The right turn: 0.11 1/m over 9.28 m and two ramps of 5 m, which count half, make a quarter of a circle.
_TURN_START, _TURN_SHARPNESS, _RAMP = 28.0, 0.11, 5.0
_TURN_FULL = np.pi / 2 / _TURN_SHARPNESS - _RAMP
_TURN_END = _TURN_START + _TURN_FULL + 2 * _RAMP

DRIVES = (
    Drive(
        name="demo-straight",
        description="Straight road at steady speed behind a car, oncoming traffic",
        seed=11,
        speed=Profile(((0.0, 10.4), (5.5, 11.3), (12.0, 10.7))),
        curvature=Profile(((0.0, 0.0),)),
        setting="suburb",
        actors=(
            Actor("car", _BLUE, Motion(31.0, Profile(((0.0, 10.6), (6.0, 11.2), (12.0, 10.9))))),
            _oncoming("car", _RED, 95.0, 11.0),
            _oncoming("van", _WHITE, 150.0, 10.0),
            _oncoming("car", _SAND, 215.0, 10.5),
            _person(_RED, 70.0, -5.4, 1.3),
        ),
    ),
    Drive(
        name="demo-left-bend",
        description="Gentle left bend, slowing slightly",
        seed=22,
        speed=Profile(((0.0, 9.4), (5.0, 8.2), (11.5, 9.2))),
        curvature=Profile(((18.0, 0.0), (34.0, 0.019), (100.0, 0.019), (118.0, 0.0))),
        setting="country",
        actors=(_oncoming("car", _SILVER, 120.0, 8.5), _oncoming("van", _GREEN, 200.0, 8.0)),
    ),
    Drive(
        name="demo-right-turn",
        description="Slows down and turns right at a crossing",
        seed=33,
        speed=Profile(((0.5, 8.2), (4.5, 3.7), (8.0, 3.7), (11.5, 7.0))),
        curvature=Profile(
            (
                (_TURN_START, 0.0),
                (_TURN_START + _RAMP, -_TURN_SHARPNESS),
                (_TURN_END - _RAMP, -_TURN_SHARPNESS),
                (_TURN_END, 0.0),
            )
        ),
        setting="town",
        crossing=Crossing(station=42.0, turn_end=_TURN_END),
        actors=(
            _oncoming("car", _WHITE, 30.0, 7.0),
            _parked(_DARK, _TURN_END + 40.0, 3.5),
            _person(_SAND, 14.0, -5.0, 0.8),
            _person(_BLUE, _TURN_END + 14.0, -4.6, 1.2),
        ),
    ),
    Drive(
        name="demo-red-light",
        description="Brakes for a red traffic light and waits; cars cross",
        seed=44,
        speed=Profile(((2.0, 9.5), (7.0, 0.0))),
        curvature=Profile(((0.0, 0.0),)),
        setting="town",
        parking=True,
        crossing=Crossing(station=57.5),
        light=Light(50.2, ((0.0, "red"),)),
        stop_line=48.0,
        actors=(
            Actor("car", _SAND, Motion(-62.0, _steady(9.0)), -1.75, "cross"),
            Actor("van", _WHITE, Motion(-22.0, _steady(8.0)), -1.75, "cross"),
            Actor("car", _DARK, Motion(64.0, _steady(-8.5)), 1.75, "cross"),
            Actor("car", _RED, Motion(72.0, _steady(0.0)), 3.5, waits=True, turned=True),
            _parked(_SILVER, 12.0, -4.2),
            _parked(_GREEN, 23.5, -4.2),
            _parked(_BLUE, 30.0, -4.2),
            _parked(_DARK, 26.0, 7.7),
            _person(_RED, 53.0, -8.2),
            _person(_DARK, 22.0, -6.8, 1.2),
        ),
    ),
    Drive(
        name="demo-queue",
        description="Slows down and stops behind a queue of cars",
        seed=55,
        speed=Profile(((1.2, 8.4), (4.5, 3.2), (7.5, 0.0))),
        curvature=Profile(((0.0, 0.0), (10.0, 0.004), (40.0, 0.004), (50.0, 0.0))),
        setting="suburb",
        crossing=Crossing(station=83.0),
        light=Light(75.5, ((0.0, "red"),)),
        stop_line=73.5,
        actors=(
            Actor("car", _SILVER, Motion(31.2, Profile(((0.0, 5.0), (4.2, 0.0)))), waits=True),
            Actor("van", _WHITE, Motion(49.0, _steady(0.0)), waits=True),
            Actor("car", _RED, Motion(56.6, _steady(0.0)), waits=True),
            Actor("car", _DARK, Motion(63.2, _steady(0.0)), waits=True),
            Actor("car", _BLUE, Motion(70.0, _steady(0.0)), waits=True),
            _oncoming("car", _GREEN, 64.0, 9.0),
            Actor("car", _SAND, Motion(-40.0, _steady(8.0)), -1.75, "cross"),
            _person(_BLUE, 46.0, -5.2, 1.1),
        ),
    ),
    Drive(
        name="demo-start",
        description="Waits behind a car at a traffic light and drives off when it turns green",
        seed=66,
        speed=Profile(((4.0, 0.0), (9.8, 8.2))),
        curvature=Profile(((0.0, 0.0),)),
        setting="town",
        parking=True,
        crossing=Crossing(station=23.0),
        light=Light(15.0, ((0.0, "red"), (1.6, "green"))),
        stop_line=13.0,
        actors=(
            Actor("car", _GREEN, Motion(9.6, Profile(((2.6, 0.0), (7.6, 9.4)))), waits=True),
            _oncoming("car", _SILVER, 75.0, 8.0),
            _parked(_SAND, 46.0, -4.2),
            _parked(_WHITE, 52.6, -4.2, "van"),
            _parked(_BLUE, 66.0, -4.2),
            _person(_RED, 18.0, -8.0),
            _person(_DARK, 34.0, -6.8, -1.2),
        ),
    ),
    Drive(
        name="demo-s-curve",
        description="Left and right curve with changing speed",
        seed=77,
        speed=Profile(((0.0, 8.8), (4.2, 6.2), (7.0, 6.6), (11.5, 9.4))),
        curvature=Profile(((8.0, 0.0), (18.0, 0.03), (30.0, 0.03), (44.0, -0.032), (64.0, -0.032), (76.0, 0.0))),
        setting="country",
        actors=(_oncoming("car", _WHITE, 105.0, 7.5), _oncoming("car", _RED, 175.0, 8.0)),
    ),
)
"""Six kinds of driving (stopping in two ways): what the demo data shows."""
