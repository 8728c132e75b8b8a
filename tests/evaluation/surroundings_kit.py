"""Hand-made surroundings: parked and moving boxes around a car at the origin, heading along x."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.agents import VEHICLE, Agents, Surroundings, plan_times
from lightemma.evaluation.scores import RunScores, score
from lightemma.frame import FloatArray, Frame, Pose
from lightemma.kinematics import integrate
from lightemma.protocol import LIGHTEMMA
from tests.conftest import make_manifest, make_record

CAR = (4.5, 2.0)
PERSON = (0.6, 0.6)


@dataclass(frozen=True)
class Box:
    """One road user: place and heading now, velocity (m/s), and from which to before which of the seven times it is there."""

    x: float
    y: float
    yaw: float = 0.0
    velocity: tuple[float, float] = (0.0, 0.0)
    size: tuple[float, float] = CAR
    kind: int = VEHICLE
    there: tuple[int, int] = (0, 7)
    category: str = "made-up"
    seen: bool = True
    lidar: bool = True


def agents(boxes: Sequence[Box]) -> Agents:
    count = len(boxes)
    start = np.array([[box.x, box.y] for box in boxes], dtype=float).reshape(count, 1, 2)
    velocity = np.array([box.velocity for box in boxes], dtype=float).reshape(count, 1, 2)
    centres = start + velocity * plan_times()[:, None]
    valid = np.zeros((count, 7), dtype=bool)
    for row, box in enumerate(boxes):
        valid[row, box.there[0] : box.there[1]] = True
    yaws = np.array([[box.yaw] * 7 for box in boxes], dtype=float).reshape(count, 7)
    return Agents(
        centres=np.where(valid[..., None], centres, np.nan),
        yaws=np.where(valid, yaws, np.nan),
        sizes=np.array([box.size for box in boxes], dtype=float).reshape(count, 2),
        kinds=np.array([box.kind for box in boxes], dtype=np.int64),
        valid=valid,
        categories=[box.category for box in boxes],
        seen=np.array([box.seen for box in boxes], dtype=bool),
        has_lidar=np.array([box.lidar for box in boxes], dtype=bool),
    )


def poses(actions: FloatArray) -> FloatArray:
    """(6, 2) actions to (7, 3) places and headings, now first."""
    headings = np.cumsum(actions[:, 0] * actions[:, 1] * LIGHTEMMA.dt)
    return np.vstack([np.zeros(3), np.column_stack([integrate(actions), headings])])


def around(*boxes: Box, recorded: FloatArray | None = None, pose: Pose | None = None) -> Surroundings:
    """Boxes around a car that recorded ``recorded`` actions (none, if left out, is a stationary car)."""
    ego = poses(np.zeros((6, 2)) if recorded is None else recorded)
    return Surroundings(pose=pose or Pose(0.0, 0.0, 0.0), ego=ego, route=ego[:, :2], agents=agents(boxes))


def run_of(name: str, frames: Sequence[Frame], plans: Sequence[FloatArray | None]) -> RunScores:
    """A run that planned ``plans``; None is a frame without a plan."""
    records = [
        make_record(frame, plan, "ok" if plan is not None else "format:prose")
        for frame, plan in zip(frames, plans, strict=True)
    ]
    return score(name, make_manifest(name, frames), records)
