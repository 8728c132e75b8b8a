"""The state of the city at one moment: the types that the world, the renderers and the writers share.

World frame: x east, y north, metres; headings in radians, counter-clockwise from x. z is up, the road is at z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lightemma.agents import CAR_AHEAD, CAR_LENGTH, CAR_WIDTH
from lightemma.frame import FloatArray, Pose

#: The ego car's box is that of the evaluation's collision checks, so that both give the same result.
EGO_LENGTH, EGO_WIDTH, EGO_HEIGHT = CAR_LENGTH, CAR_WIDTH, 1.56
#: The pose is that of the rear axle, as in nuScenes; the box's centre is this far ahead of it (metres).
EGO_CENTRE_AHEAD = CAR_AHEAD

Light = Literal["day", "dusk"]
Weather = Literal["clear", "rain", "fog"]
SignalColour = Literal["red", "amber", "green"]
MarkingKind = Literal[
    "edge",
    "lane",
    "centre",
    "stop",
    "crossing",
    "arrow-left",
    "arrow-right",
    "arrow-straight",
    "speed-30",
    "bicycle",
]
SignKind = Literal[
    "priority",
    "yield",
    "stop",
    "speed-30",
    "speed-50",
    "crossing",
    "roadworks",
    "keep-left",
    "keep-right",
    "roundabout",
    "roundabout-left",
]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Light and weather: ``day`` and ``clear`` unless said otherwise."""

    light: Light = "day"
    weather: Weather = "clear"


@dataclass(frozen=True, slots=True)
class ActorState:
    """One road user or movable obstacle.

    Attributes:
        number: unique within the episode.
        kind: what it is, a name of ``actor_kinds.ACTOR_KINDS``.
        pose: centre of its box on the ground.
        speed: m/s along its heading.
        length: metres along its heading.
        width: metres.
        height: metres.
        colour: red, green, blue in 0 … 1: paint of a car, coat of a person.
        braking: whether its brake lights are on.
        indicator: which indicator is on; the renderer lets it blink by the state's time.
        gait: phase of a walking person in radians, 0 while standing.
        parked: whether it never moves.
    """

    number: int
    kind: str
    pose: Pose
    speed: float
    length: float
    width: float
    height: float
    colour: tuple[float, float, float]
    braking: bool = False
    indicator: Literal["off", "left", "right", "both"] = "off"
    gait: float = 0.0
    parked: bool = False


@dataclass(frozen=True, slots=True)
class SignalState:
    """One signal head next to or over a lane.

    Attributes:
        number: unique within the city.
        pose: foot of its post; the heading is that of the traffic it is for (its lamps face against it).
        arm: metres by which its head hangs out to the left of the post, 0 for a head on the post,
            negative to the right (left-hand traffic).
        colour: what it shows.
    """

    number: int
    pose: Pose
    arm: float
    colour: SignalColour


@dataclass(frozen=True, slots=True)
class EgoState:
    """The ego car.

    Attributes:
        pose: of its rear axle.
        speed: m/s.
        curvature: 1/m of the path it is on, positive = left.
        acceleration: m/s², along the heading, over the last step.
    """

    pose: Pose
    speed: float
    curvature: float
    acceleration: float = 0.0


@dataclass(frozen=True, slots=True)
class WorldState:
    """Everything that moves, at one time.

    Attributes:
        time: seconds since the episode's start.
        ego: the ego car.
        actors: all others.
        signals: all signal heads.
    """

    time: float
    ego: EgoState
    actors: tuple[ActorState, ...]
    signals: tuple[SignalState, ...]


@dataclass(frozen=True, slots=True)
class Marking:
    """Paint on the road.

    Attributes:
        kind: ``edge`` and ``stop`` are solid lines, ``lane`` is dashed, ``centre`` separates the directions, ``crossing`` is a
            band of zebra stripes along its line, arrows are at the line's start and point along it, figures and
            bicycles stand on the line.
        line: (n, 2) metres.
        width: metres; of a crossing, its extent along the road, of figures, across it.
    """

    kind: MarkingKind
    line: FloatArray
    width: float = 0.12


@dataclass(frozen=True, slots=True)
class Sign:
    """A traffic sign on a post; the heading is that of the traffic it is for."""

    kind: SignKind
    pose: Pose


@dataclass(frozen=True, slots=True)
class Building:
    """A house: (n, 2) metres footprint counter-clockwise, height in metres, and a seed for how it looks."""

    footprint: FloatArray
    height: float
    look: int


@dataclass(frozen=True, slots=True)
class Plant:
    """A tree or bush with its height in metres."""

    kind: Literal["tree", "bush"]
    place: tuple[float, float]
    height: float
    look: int


@dataclass(frozen=True, slots=True)
class City:
    """Everything that stands still.

    Attributes:
        name: of the scenario's place.
        drivable: polygons (n, 2) metres, counter-clockwise, of the carriageway; they may overlap.
        lanes: polygons (n, 2) metres, one per lane.
        walkways: polygons (n, 2) metres of the pavements, raised by a kerb of 0.12 m.
        markings: paint.
        signs: signs.
        buildings: houses.
        plants: trees and bushes.
        lamp_posts: x, y and heading (towards the road) of street lamps.
        left_hand: whether traffic keeps to the left.
        conditions: light and weather.
        seed: for everything that a renderer draws at random.
    """

    name: str
    drivable: tuple[FloatArray, ...]
    lanes: tuple[FloatArray, ...]
    walkways: tuple[FloatArray, ...]
    markings: tuple[Marking, ...]
    signs: tuple[Sign, ...]
    buildings: tuple[Building, ...]
    plants: tuple[Plant, ...]
    lamp_posts: tuple[Pose, ...]
    left_hand: bool = False
    conditions: Conditions = Conditions()
    seed: int = 0
