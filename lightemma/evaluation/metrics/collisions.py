"""Whether a plan hits another road user, by four conventions: three of the field's and an exact one."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from lightemma.agents import CAR_AHEAD, CAR_LENGTH, CAR_WIDTH, BoolArray, IntArray
from lightemma.boxes import overlap
from lightemma.evaluation.metrics.agents_around import AgentsAround
from lightemma.evaluation.metrics.contact import Paths, touch
from lightemma.evaluation.metrics.occupancy import STP3, UNIAD, VAD, RasterRule, raster_hits
from lightemma.frame import FloatArray
from lightemma.kinematics import wrapped

Convention = Literal["uniad", "exact", "stp3", "vad"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)

RASTERS: MappingProxyType[Convention, RasterRule] = MappingProxyType({"stp3": STP3, "vad": VAD, "uniad": UNIAD})


def car_size() -> FloatArray:
    """(2,) length and width of the car, metres."""
    return np.array([CAR_LENGTH, CAR_WIDTH])


def car_centres(poses: FloatArray) -> FloatArray:
    """Rear-axle poses (..., 3) to the middles (..., 2) of the car's box, which is turned with the car. Metres."""
    heading = poses[..., 2]
    centres: FloatArray = poses[..., :2] + CAR_AHEAD * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    return centres


def step_hits(convention: Convention, poses: FloatArray, around: AgentsAround) -> BoolArray:
    """Whether a drive hits another road user in each step: at its end (rasters) or at any time of it (exact).

    Args:
        convention: which one.
        poses: (n, 7, 3) of the rear axle: x, y (metres), heading (radians), ego frame, now first; NaN hits nothing.
        around: of the same frames.

    Returns:
        (n, 6) booleans.
    """
    rule = RASTERS.get(convention)
    if rule is not None:
        return raster_hits(poses, around, rule)
    hits: BoolArray = np.zeros((len(poses), poses.shape[1] - 1), dtype=np.bool_)
    agents, steps = exact_contacts(poses, around)
    hits[around.owners[agents], steps] = True
    return hits


def exact_contacts(poses: FloatArray, around: AgentsAround) -> tuple[IntArray, IntArray]:
    """Which agents are touched in which step: pairs of index into ``around`` and step (0 … 5), by oriented boxes, all kinds.

    Within a step the rear axle and the agent move along straight lines and both headings by the shortest arc. An agent
    that comes up during a step counts at its end.
    """
    centres = car_centres(poses)[around.owners]
    radii = (np.linalg.norm(around.sizes, axis=1) + np.linalg.norm(car_size()))[:, None] / 2
    between = around.centres - centres
    # The car's middle, ahead of its axle, is off the line between its places by no more than twice its way ahead.
    near = _closest_on_way(between[:, :-1], between[:, 1:]) <= radii + 2 * CAR_AHEAD
    agents, steps = np.nonzero(near)
    owners = around.owners[agents]
    car = _paths(
        poses[owners, steps], poses[owners, steps + 1], CAR_AHEAD, np.broadcast_to(car_size(), (len(owners), 2))
    )
    places = np.concatenate([around.centres, around.yaws[..., None]], axis=-1)
    theirs = _paths(places[agents, steps], places[agents, steps + 1], 0.0, around.sizes[agents])
    touched = touch(car, theirs)
    # Those that come up: there at the end, and not at the start.
    late, arrived = np.nonzero(around.valid[:, 1:] & ~around.valid[:, :-1])
    drive = poses[around.owners[late], arrived + 1]
    met = overlap(
        car_centres(drive), drive[:, 2], car_size(),
        around.centres[late, arrived + 1], around.yaws[late, arrived + 1], around.sizes[late],
    )  # fmt: skip
    return np.concatenate([agents[touched], late[met]]), np.concatenate([steps[touched], arrived[met]])


def _closest_on_way(start: FloatArray, end: FloatArray) -> FloatArray:
    """Least distance from the origin of points that go straight from ``start`` to ``end``, (..., 2) metres each; NaN stays."""
    way = end - start
    square = np.sum(way**2, axis=-1)
    share = np.clip(-np.sum(start * way, axis=-1) / np.where(square > 0, square, 1.0), 0.0, 1.0)
    distance: FloatArray = np.linalg.norm(start + share[..., None] * way, axis=-1)
    return distance


def _paths(start: FloatArray, end: FloatArray, ahead: float, sizes: FloatArray) -> Paths:
    change = end - start
    change[:, 2] = wrapped(change[:, 2])
    return Paths(start, change, ahead, sizes)


def collision_columns(convention: Convention, hits: FloatArray) -> FloatArray:
    """Collision at 1, 2 and 3 s and their average, by a convention.

    ``stp3`` and ``vad``: mean over the steps up to t; ``uniad``: at t; ``exact``: any contact up to t.

    Args:
        convention: which one.
        hits: (n, 6) 1.0 where a step hits, 0.0 where not, NaN where unknown.

    Returns:
        (n, 4): 1 s, 2 s, 3 s, average of the three; NaN where unknown.
    """
    ends = (2, 4, 6)
    if convention in ("stp3", "vad"):
        columns = [hits[:, :end].mean(axis=1) for end in ends]
    elif convention == "uniad":
        columns = [hits[:, end - 1] for end in ends]
    else:
        columns = [hits[:, :end].max(axis=1) for end in ends]
    stacked = np.column_stack(columns)
    whole: FloatArray = np.column_stack([stacked, stacked.mean(axis=1)])
    return whole
