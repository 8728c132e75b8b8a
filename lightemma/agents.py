"""Agents and road around one frame during its plan, as recorded: for judging plans, never given to planners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray, Pose
from lightemma.protocol import LIGHTEMMA

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

#: Kinds of road users, as codes of ``Agents.kinds``.
KINDS = ("vehicle", "pedestrian", "other")
VEHICLE, PEDESTRIAN, OTHER = range(len(KINDS))

#: nuScenes' car, a Renault Zoe: length by the maker, width as the field takes it (the body is 1.73 m, with mirrors 1.95 m).
CAR_LENGTH, CAR_WIDTH = 4.084, 1.85
#: Its middle is ahead of the rear axle, where its pose is, by half its length less 0.657 m of rear overhang.
CAR_AHEAD = CAR_LENGTH / 2 - 0.657


def plan_times() -> FloatArray:
    """(7,) seconds from now: now and the end of each step of a plan."""
    return LIGHTEMMA.dt * np.arange(LIGHTEMMA.plan_steps + 1, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Agents:
    """Boxes of ``a`` road users and obstacles at the seven times of a plan (0, 0.5, … 3 s from now).

    Attributes:
        centres: (a, 7, 2) metres, ego frame of the current key frame; NaN where not valid.
        yaws: (a, 7) radians, ego frame; NaN where not valid.
        sizes: (a, 2) length and width, metres.
        kinds: (a,) codes, see ``KINDS``.
        valid: (a, 7) whether the agent's position is known.
        categories: (a) names as the data set gives them, such as ``vehicle.car``.
        seen: (a,) whether the cameras saw more than 40 % of it now, 0.5 s or 1 s ago; None where the data do not say.
        has_lidar: (a,) whether a lidar point is in its box now; None where the data do not say.
    """

    centres: FloatArray
    yaws: FloatArray
    sizes: FloatArray
    kinds: IntArray
    valid: BoolArray
    categories: Sequence[str]
    seen: BoolArray | None = None
    has_lidar: BoolArray | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One frame's surroundings during its plan.

    Attributes:
        pose: the car in the world now; its frame is the ego frame of all else here.
        ego: (7, 3) x, y (metres) and heading (radians) of the recorded car at the times of a plan, ego frame; NaN where
            the recording does not reach.
        route: (m, 2) metres, ego frame: where the recorded car was from now to the end of its scene.
        agents: all other road users and obstacles; None where they were not recorded (there may have been some).
    """

    pose: Pose
    ego: FloatArray
    route: FloatArray
    agents: Agents | None


class GroundMap(Protocol):
    """The drivable area and the lanes, in world coordinates."""

    def contains(self, points: FloatArray) -> BoolArray:
        """(p, 2) metres, world, to (p,) True on drivable ground."""
        ...

    def lanes_at(self, points: FloatArray) -> IntArray:
        """(p, 2) metres, world, to (m, 2) pairs of point and lane: every lane that contains each point."""
        ...


#: Finds the surroundings of a scene's key frame by the scene's name and the frame's sample token; None where unknown.
AgentLookup = Callable[[str, str], Surroundings | None]
#: Finds the map under a scene by the scene's name; None where there is none.
MapLookup = Callable[[str], GroundMap | None]


@dataclass(frozen=True, slots=True)
class Unknown:
    """The answer of a data source that does not know the agents.

    Attributes:
        reason: one sentence that says why, such as "v1.0-test has no annotations, so collisions are unknown."
        motion: where agents are unknown: finds surroundings with the car's poses and route and no agents, as far as the
            source has them. Judging a plan by a map needs these.
    """

    reason: str
    motion: AgentLookup | None = None
