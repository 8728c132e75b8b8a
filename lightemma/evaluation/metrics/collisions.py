"""Whether a plan hits another road user, by three conventions: two of the field's and an exact one."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from lightemma.agents import CAR_AHEAD, CAR_LENGTH, CAR_WIDTH, PEDESTRIAN, VEHICLE, BoolArray, IntArray
from lightemma.boxes import overlap
from lightemma.evaluation.metrics.agents_around import AgentsAround, poses_between
from lightemma.evaluation.metrics.occupancy import RasterRule, raster_hits
from lightemma.frame import FloatArray

Convention = Literal["stp3_vad", "uniad", "exact"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)

#: Inside each step of 0.5 s the exact convention looks every 0.1 s.
LOOKS = (0.2, 0.4, 0.6, 0.8, 1.0)

RASTERS: MappingProxyType[Convention, RasterRule] = MappingProxyType(
    {
        "stp3_vad": RasterRule(kinds=(VEHICLE, PEDESTRIAN), rounds_forward=True),
        "uniad": RasterRule(kinds=(VEHICLE,), rounds_forward=False),
    }
)


def car_size() -> FloatArray:
    """(2,) length and width of the car, metres."""
    return np.array([CAR_LENGTH, CAR_WIDTH])


def car_centres(poses: FloatArray) -> FloatArray:
    """Rear-axle poses (..., 3) to the middles (..., 2) of the car's box, which is turned with the car. Metres."""
    heading = poses[..., 2]
    centres: FloatArray = poses[..., :2] + CAR_AHEAD * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    return centres


def step_hits(convention: Convention, poses: FloatArray, around: AgentsAround) -> BoolArray:
    """Whether a drive hits another road user in each step: at its end (rasters) or at any look inside it (exact).

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
    """Which agents are touched in which step: pairs of index into ``around`` and step (0 … 5), by oriented boxes, all kinds."""
    size = car_size()
    near = (np.linalg.norm(around.sizes, axis=1) + np.linalg.norm(size))[:, None] / 2
    found: list[IntArray] = []
    for share in LOOKS:
        drive = poses_between(poses, share)
        middles = car_centres(drive)
        centres, yaws = around.between(share)
        apart = np.linalg.norm(centres - middles[around.owners], axis=2)
        agents, steps = np.nonzero(apart <= near)
        owners = around.owners[agents]
        touching = overlap(
            middles[owners, steps], drive[owners, steps, 2], size,
            centres[agents, steps], yaws[agents, steps], around.sizes[agents],
        )  # fmt: skip
        found.append(np.column_stack([agents, steps])[touching])
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1]


def collision_columns(convention: Convention, hits: FloatArray) -> FloatArray:
    """Collision at 1, 2 and 3 s and their average, by a convention.

    ``stp3_vad``: mean over the steps up to t; ``uniad``: at t; ``exact``: any contact up to t.

    Args:
        convention: which one.
        hits: (n, 6) 1.0 where a step hits, 0.0 where not, NaN where unknown.

    Returns:
        (n, 4): 1 s, 2 s, 3 s, average of the three; NaN where unknown.
    """
    ends = (2, 4, 6)
    if convention == "stp3_vad":
        columns = [hits[:, :end].mean(axis=1) for end in ends]
    elif convention == "uniad":
        columns = [hits[:, end - 1] for end in ends]
    else:
        columns = [hits[:, :end].max(axis=1) for end in ends]
    stacked = np.column_stack(columns)
    whole: FloatArray = np.column_stack([stacked, stacked.mean(axis=1)])
    return whole
