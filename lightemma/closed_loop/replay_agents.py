"""The agents around the car at a moment of a replay, in the form that the checks and figures of the open loop use."""

from __future__ import annotations

import numpy as np

from lightemma.agents import KINDS, OTHER, Agents, Surroundings, plan_times
from lightemma.closed_loop.replay import Replay
from lightemma.frame import FloatArray, Pose
from lightemma.kinematics import to_ego_frame
from lightemma.simulation.actor_kinds import ACTOR_KINDS

_KIND_OF = {"vehicle": KINDS.index("vehicle"), "person": KINDS.index("pedestrian"), "thing": OTHER}


def pose_at(replay: Replay, time: float) -> Pose:
    """The car's pose at a time, interpolated linearly between two steps.

    Args:
        replay: with at least one step.
        time: seconds since the episode's start.
    """
    x, y, heading = _along(*_car(replay), np.array([time]))[0]
    return Pose(float(x), float(y), float(heading))


def surroundings_at(replay: Replay, time: float) -> Surroundings:
    """All agents around the car from a moment to 3 s later, as they drove.

    Args:
        replay: with at least one step.
        time: seconds since the episode's start.
    """
    times, poses = _car(replay)
    pose = pose_at(replay, time)
    wanted = time + plan_times()
    ego = _within(times, poses, wanted, pose)
    route = to_ego_frame(poses[times >= time - 1e-6, :2], np.array([pose.x, pose.y]), pose.heading)
    seen: dict[int, list[tuple[float, float, float, float]]] = {}
    for step in replay.steps:
        for number, x, y, heading, _ in step.actors:
            seen.setdefault(number, []).append((step.time, x, y, heading))
    actors = [actor for actor in replay.actors if actor.number in seen]
    paths = [np.array(seen[actor.number]) for actor in actors]
    places = [_within(path[:, 0], path[:, 1:], wanted, pose) for path in paths]
    around = np.array(places).reshape(-1, len(wanted), 3)
    known = [ACTOR_KINDS.get(actor.kind) for actor in actors]
    agents = Agents(
        centres=around[:, :, :2],
        yaws=around[:, :, 2],
        sizes=np.array([(actor.length, actor.width) for actor in actors]).reshape(-1, 2),
        kinds=np.array([_KIND_OF[kind.struck] if kind else OTHER for kind in known], dtype=np.int64),
        valid=np.isfinite(around[:, :, 0]),
        categories=[kind.category if kind else actor.kind for kind, actor in zip(known, actors, strict=True)],
    )
    return Surroundings(pose, ego, route, agents)


def _car(replay: Replay) -> tuple[FloatArray, FloatArray]:
    """(n,) seconds and (n, 3) x, y, heading of the car."""
    return np.array([step.time for step in replay.steps]), np.array([step.ego[:3] for step in replay.steps])


def _along(times: FloatArray, poses: FloatArray, wanted: FloatArray) -> FloatArray:
    """(m, 3) poses at other times, (n, 3) at (n,) times; headings turn the short way."""
    columns = poses[:, 0], poses[:, 1], np.unwrap(poses[:, 2])
    return np.column_stack([np.interp(wanted, times, column) for column in columns])


def _within(times: FloatArray, poses: FloatArray, wanted: FloatArray, here: Pose) -> FloatArray:
    """(m, 3) x, y, heading in the ego frame ``here``; NaN before the first and after the last time, and in gaps."""
    placed = _along(times, poses, wanted)
    # An actor that left and came back has no position in between: steps are half a second apart.
    before = np.searchsorted(times, wanted + 1e-6, side="right") - 1
    after = np.searchsorted(times, wanted - 1e-6, side="left")
    inside = (before >= 0) & (after < len(times))
    gap = times[np.minimum(after, len(times) - 1)] - times[np.maximum(before, 0)]
    inside &= gap < 0.6
    local = to_ego_frame(placed[:, :2], np.array([here.x, here.y]), here.heading)
    result = np.column_stack([local, placed[:, 2] - here.heading])
    result[~inside] = np.nan
    return result
