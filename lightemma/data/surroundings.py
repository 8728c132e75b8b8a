"""Who is around the key frames of one scene during the next three seconds, from tracks of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.agents import Agents, BoolArray, IntArray, Surroundings, plan_times
from lightemma.data.tracks import HOLD, Tracks
from lightemma.frame import FloatArray, Frame, Pose
from lightemma.kinematics import to_ego_frame, wrapped
from lightemma.protocol import LIGHTEMMA


@dataclass(frozen=True)
class TrackedAgents:
    """Everyone but the recorded car in one scene.

    Attributes:
        tracks: where each of ``a`` agents is when, metres, world.
        sizes: (a, 2) length and width, metres.
        kinds: (a,) codes of ``lightemma.agents.KINDS``.
        categories: (a) names such as ``vehicle.car``.
        visible: (n,) whether the cameras see more than 40 % of the agent, for every box of ``tracks``; None where unknown.
        has_lidar: (n,) whether at least one lidar point is in the box; None where unknown.
    """

    tracks: Tracks
    sizes: FloatArray
    kinds: IntArray
    categories: Sequence[str]
    visible: BoolArray | None = None
    has_lidar: BoolArray | None = None


#: Seconds back from now over which ST-P3's planner sees: two key frames.
_SEEN_SINCE = 2 * LIGHTEMMA.dt


class SceneSurroundings:
    """The surroundings of each key frame of one scene.

    Agents' places are taken linearly in time between their two neighbouring boxes, headings by the shortest arc, since boxes
    need not be at the times of the plan's steps. Before its first and after its last box an agent stays there for 0.25 s;
    gaps of up to 1.25 s between two boxes are bridged.

    Args:
        tokens: (n) sample tokens of the key frames, in time order.
        times: (n,) microseconds, int64.
        places: (n, 2) metres, world: the car at each key frame.
        headings: (n,) radians, world.
        agents: everyone else; None where this is unknown.
        car: the car's own track, where it is known more often than at the key frames.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        times: npt.NDArray[np.int64],
        places: FloatArray,
        headings: FloatArray,
        agents: TrackedAgents | None = None,
        car: Tracks | None = None,
    ) -> None:
        self._rows = {token: row for row, token in enumerate(tokens)}
        self._times, self._places, self._headings = times, places, headings
        self._agents = agents
        self._car = car or Tracks(np.array([0, len(times)]), places, headings, times)

    def at(self, token: str) -> Surroundings | None:
        """The surroundings of a key frame; None where the scene has no such key frame."""
        row = self._rows.get(token)
        if row is None:
            return None
        here, heading = self._places[row], float(self._headings[row])
        wanted = self._times[row] + np.rint(plan_times() * 1e6).astype(np.int64)
        driven = self._car.at(wanted)[0][0]
        return Surroundings(
            pose=Pose(float(here[0]), float(here[1]), heading),
            ego=np.column_stack([to_ego_frame(driven[:, :2], here, heading), wrapped(driven[:, 2] - heading)]),
            route=to_ego_frame(self._places[row:], here, heading),
            agents=None if self._agents is None else _agents_at(self._agents, here, heading, wanted),
        )


def surroundings_of_frames(frames: Sequence[Frame]) -> SceneSurroundings:
    """The car's own poses and route, from a scene's benchmark frames alone; agents are unknown.

    Args:
        frames: of one scene, in time order; one at least.
    """
    last = frames[-1]
    cos, sin = np.cos(last.pose.heading), np.sin(last.pose.heading)
    future = np.empty((0, 2)) if last.future is None else last.future
    after = future @ np.array([[cos, sin], [-sin, cos]]) + np.array([last.pose.x, last.pose.y])
    places = np.concatenate([np.array([[f.pose.x, f.pose.y] for f in frames]), after])
    headings = np.array([f.pose.heading for f in frames] + [np.nan] * len(after))
    for row in range(len(frames), len(places)):
        step = places[row] - places[row - 1]
        # A stationary car keeps its heading.
        headings[row] = np.arctan2(step[1], step[0]) if np.linalg.norm(step) > 0.25 else headings[row - 1]
    step_us = round(LIGHTEMMA.dt * 1e6)
    times = [f.timestamp for f in frames] + [last.timestamp + step_us * (n + 1) for n in range(len(after))]
    tokens = [f.sample_token for f in frames]
    return SceneSurroundings(tokens, np.array(times, dtype=np.int64), places, headings)


def _agents_at(agents: TrackedAgents, here: FloatArray, heading: float, wanted: npt.NDArray[np.int64]) -> Agents:
    poses, valid = agents.tracks.at(wanted)
    present = np.flatnonzero(valid.any(axis=1))
    poses = poses[present]
    now = int(wanted[0])
    late, early = now + round(HOLD * 1e6), now - round(HOLD * 1e6)
    seen, has_lidar = agents.visible, agents.has_lidar
    return Agents(
        centres=to_ego_frame(poses[..., :2], here, heading),
        yaws=wrapped(poses[..., 2] - heading),
        sizes=agents.sizes[present],
        kinds=agents.kinds[present],
        valid=valid[present],
        categories=[agents.categories[number] for number in present.tolist()],
        seen=None if seen is None else agents.tracks.any_between(seen, early - round(_SEEN_SINCE * 1e6), late)[present],
        has_lidar=None if has_lidar is None else agents.tracks.any_between(has_lidar, early, late)[present],
    )
