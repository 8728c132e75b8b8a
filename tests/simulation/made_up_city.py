"""A hand-made city and one state of it, for tests of pictures without the simulation."""

from __future__ import annotations

import numpy as np

from lightemma.frame import Pose
from lightemma.simulation.state import (
    ActorState,
    Building,
    City,
    Conditions,
    EgoState,
    Marking,
    Plant,
    Sign,
    SignalState,
    WorldState,
)

LANE = 3.5
CROSS = 46.0
"""x of the middle of the crossing road."""

CONDITIONS = {
    "day": Conditions(),
    "dusk": Conditions("dusk"),
    "rain": Conditions("day", "rain"),
    "fog": Conditions("day", "fog"),
    "dusk-rain": Conditions("dusk", "rain"),
}


def box(left: float, right: float, low: float, high: float) -> np.ndarray:
    return np.array([(left, low), (right, low), (right, high), (left, high)], dtype=np.float64)


def made_up_city(conditions: Conditions = CONDITIONS["day"], *, bare: bool = False) -> City:
    """A two-lane road along x (the ego's lane is y = -1.75) with a parking strip, and a road that crosses it at x = 46."""
    half, park = LANE, 2.2
    south, north = -half - park, half + park
    a, b = CROSS - 5.0, CROSS + 5.0
    drivable = (box(-60, 260, south, north), box(CROSS - half, CROSS + half, -150, 150))
    lanes = (
        box(-60, 260, -LANE, 0),
        box(-60, 260, 0, LANE),
        box(CROSS - half, CROSS, -150, 150),
        box(CROSS, CROSS + half, -150, 150),
    )
    if bare:
        return City("bare", drivable, lanes, (), (), (), (), (), (), conditions=conditions)
    walkways = (
        box(-60, CROSS - half, south - 3.2, south),
        box(CROSS + half, 260, south - 3.2, south),
        box(-60, CROSS - half, north, north + 3.2),
        box(CROSS + half, 260, north, north + 3.2),
        box(CROSS - half - 3, CROSS - half, -150, south - 3.2),
        box(CROSS + half, CROSS + half + 3, -150, south - 3.2),
        box(CROSS - half - 3, CROSS - half, north + 3.2, 150),
        box(CROSS + half, CROSS + half + 3, north + 3.2, 150),
    )
    rng = np.random.default_rng(7)
    markings = [
        Marking("centre", np.array([(-60.0, 0.0), (a - 5, 0.0)])),
        Marking("centre", np.array([(b + 5, 0.0), (260.0, 0.0)])),
        *(
            Marking("edge", np.array([(start, y), (end, y)]))
            for y in (-half, half)
            for start, end in ((-60.0, a - 4), (b + 4, 260.0))
        ),
        Marking("stop", np.array([(a - 5.0, -0.2), (a - 5.0, -half + 0.1)]), 0.45),
        Marking("crossing", np.array([(a - 2.5, south), (a - 2.5, north)]), 2.8),
        Marking("arrow-straight", np.array([(18.0, -1.75), (22.0, -1.75)])),
        Marking("arrow-left", np.array([(28.0, -1.75), (32.0, -1.75)])),
        Marking("centre", np.array([(CROSS, -150.0), (CROSS, -8.0)])),
        Marking("centre", np.array([(CROSS, 8.0), (CROSS, 150.0)])),
    ]
    buildings, plants = [], []
    for side in (-1, 1):
        x = -50.0
        while x < 240:
            long, deep, high = rng.uniform(11, 19), rng.uniform(9, 12), rng.uniform(6.5, 16)
            if x + long < CROSS - 9 or x > CROSS + 9:
                near = side * (north + 3.6 + rng.uniform(0, 1.5))
                low, top = sorted((near, near + side * deep))
                buildings.append(Building(box(x, x + long, low, top), high, int(rng.integers(1000))))
            x += long + rng.uniform(0.3, 4)
        for place in np.arange(-20, 220, 14.0):
            if abs(place - CROSS) > 14:
                plants.append(Plant("tree", (float(place), side * (north + 2.4)), float(rng.uniform(5, 8)), int(place)))
        plants.extend(Plant("bush", (x, side * (north + 4.0)), 1.0, int(x)) for x in (8.0, 61.0, 75.0))
    lamps = [Pose(float(x), side * (north + 0.5), -side * np.pi / 2) for side in (-1, 1) for x in range(-5, 230, 28)]
    signs = (
        Sign("speed-30", Pose(14.0, south - 0.5, 0.0)),
        Sign("crossing", Pose(26.0, south - 0.5, 0.0)),
        Sign("priority", Pose(56.0, south - 0.5, 0.0)),
        Sign("roadworks", Pose(9.0, south - 0.5, 0.0)),
    )
    return City(
        "made-up",
        drivable,
        lanes,
        walkways,
        tuple(markings),
        signs,
        tuple(buildings),
        tuple(plants),
        tuple(pose for pose in lamps if abs(pose.x - CROSS) > 8),
        conditions=conditions,
        seed=5,
    )


def actor(number: int, kind: str, x: float, y: float, heading: float = 0.0, **more) -> ActorState:
    sizes = {
        "car": (4.4, 1.8, 1.46),
        "van": (5.4, 2.0, 2.3),
        "truck": (8.2, 2.45, 3.4),
        "bus": (11.5, 2.5, 3.1),
        "pedestrian": (0.5, 0.6, 1.75),
        "officer": (0.5, 0.6, 1.82),
        "worker": (0.5, 0.6, 1.78),
        "cone": (0.4, 0.4, 0.75),
        "barrier": (0.4, 2.0, 1.0),
    }
    length, width, height = sizes[kind]
    values = {"speed": 0.0, "length": length, "width": width, "height": height, "colour": (0.5, 0.5, 0.5)} | more
    return ActorState(number=number, kind=kind, pose=Pose(x, y, heading), **values)


def made_up_state(
    *, x: float = 0.0, time: float = 0.1, colour: str = "red", braking: bool = True, actors: tuple | None = None
) -> WorldState:
    """The ego in its lane; a car 16 m before it brakes, others drive, park and walk."""
    if actors is None:
        actors = (
            actor(1, "car", 20.0, -1.75, colour=(0.62, 0.10, 0.09), braking=braking),
            actor(2, "car", 29.0, 1.75, np.pi, speed=9.0, colour=(0.82, 0.82, 0.80), indicator="left"),
            actor(3, "van", 12.0, -4.6, parked=True, colour=(0.88, 0.88, 0.86)),
            actor(4, "car", 29.5, -4.6, parked=True, colour=(0.12, 0.20, 0.36), indicator="right"),
            actor(5, "truck", 64.0, -1.75, speed=7.0, colour=(0.16, 0.34, 0.52)),
            actor(6, "bus", 67.0, 1.75, np.pi, speed=7.0, colour=(0.75, 0.62, 0.12)),
            actor(7, "car", 47.8, 14.0, np.pi / 2, speed=5.0, colour=(0.2, 0.2, 0.22)),
            actor(8, "car", 17.5, 4.6, np.pi, parked=True, colour=(0.46, 0.47, 0.49)),
            actor(9, "car", 33.0, 4.6, np.pi, parked=True, colour=(0.24, 0.33, 0.26)),
            actor(10, "pedestrian", 38.6, -2.9, np.pi / 2, speed=1.3, gait=1.1, colour=(0.72, 0.20, 0.14)),
            actor(11, "pedestrian", 38.9, 3.4, -np.pi / 2, speed=1.3, gait=2.4, colour=(0.75, 0.72, 0.66)),
            actor(12, "pedestrian", 22.0, -7.4, np.pi, speed=1.3, gait=4.0, colour=(0.16, 0.28, 0.36)),
            actor(13, "worker", 16.0, 7.2, -2.0, colour=(0.9, 0.45, 0.1)),
            actor(14, "officer", 46.0, 1.0, np.pi, colour=(0.1, 0.14, 0.25)),
            *(actor(20 + i, "cone", 10.0 + 2.2 * i, 3.0) for i in range(3)),
            actor(30, "barrier", 17.2, 2.6),
        )
    signals = (
        SignalState(1, Pose(41.0 - 4.0, -6.2, 0.0), 0.0, colour),
        SignalState(2, Pose(54.0, -6.2, 0.0), 4.4, colour),
        SignalState(3, Pose(54.6, 6.2, np.pi), 0.0, colour),
    )
    return WorldState(time, EgoState(Pose(x, -1.75, 0.0), 8.0, 0.0), tuple(actors), signals)
