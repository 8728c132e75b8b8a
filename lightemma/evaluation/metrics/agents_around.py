"""The surroundings of many frames as flat arrays, gathered once and used for every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.agents import AgentLookup, Agents, BoolArray, IntArray, plan_times
from lightemma.frame import FloatArray
from lightemma.protocol import Protocol

#: nuScenes' vehicles and people that are in none of the ten classes of its detection task.
UNDETECTED = frozenset(
    {
        "vehicle.emergency.ambulance", "vehicle.emergency.police", "human.pedestrian.personal_mobility",
        "human.pedestrian.stroller", "human.pedestrian.wheelchair",
    }
)  # fmt: skip
#: Metres (and radians) beyond which a planned place is as good as this one, so that no sum overflows.
_FARTHEST = 1e6


@dataclass(frozen=True)
class AgentsAround:
    """What is around ``n`` frames; their ``a`` agents are listed frame after frame.

    Attributes:
        scenes: (n) scene names.
        known: (n,) whether the frame's agents are known (there may be none).
        poses: (n, 3) x, y (metres) and heading (radians) of the car in the world now; NaN without surroundings.
        ego: (n, 7, 3) recorded car at the times of a plan, ego frame; NaN where unknown.
        routes: (n) recorded places to the scene's end, (m, 2) metres, ego frame.
        owners: (a,) which frame an agent belongs to.
        centres: (a, 7, 2) metres, ego frame; NaN where not valid.
        yaws: (a, 7) radians.
        sizes: (a, 2) length and width, metres.
        kinds: (a,) codes of ``lightemma.agents.KINDS``.
        valid: (a, 7) whether the agent's place is known.
        detectable: (a,) whether its category is one of nuScenes' ten detection classes; others' categories all count.
        seen: (a,) whether the cameras saw it lately, see ``Agents``; True where unknown.
        has_lidar: (a,) whether a lidar point is in its box now; True where unknown.
        all_told: whether the data say both of every agent.
    """

    scenes: Sequence[str]
    known: BoolArray
    poses: FloatArray
    ego: FloatArray
    routes: Sequence[FloatArray]
    owners: IntArray
    centres: FloatArray
    yaws: FloatArray
    sizes: FloatArray
    kinds: IntArray
    valid: BoolArray
    detectable: BoolArray
    seen: BoolArray
    has_lidar: BoolArray
    all_told: bool

    @classmethod
    def gather(cls, scenes: Sequence[str], tokens: Sequence[str], lookup: AgentLookup) -> AgentsAround:
        """The surroundings of all frames, given by scene name and sample token."""
        found = [lookup(scene, token) for scene, token in zip(scenes, tokens, strict=True)]
        agents = [around.agents if around else None for around in found]
        present = [some for some in agents if some is not None]
        counts = [0 if some is None else len(some.kinds) for some in agents]
        times = len(plan_times())
        unknown_pose, unknown_ego = np.full(3, np.nan), np.full((times, 3), np.nan)
        return cls(
            scenes=scenes,
            known=np.array([some is not None for some in agents], dtype=np.bool_),
            poses=np.array(
                [[a.pose.x, a.pose.y, a.pose.heading] if a else unknown_pose for a in found], dtype=np.float64
            ).reshape(-1, 3),
            ego=np.array([a.ego if a else unknown_ego for a in found], dtype=np.float64).reshape(-1, times, 3),
            routes=[a.route if a else np.empty((0, 2)) for a in found],
            owners=np.repeat(np.arange(len(found)), counts),
            centres=_stacked(present, "centres", (0, times, 2)),
            yaws=_stacked(present, "yaws", (0, times)),
            sizes=_stacked(present, "sizes", (0, 2)),
            kinds=_stacked(present, "kinds", (0,)).astype(np.int64),
            valid=_stacked(present, "valid", (0, times)).astype(np.bool_),
            detectable=np.array(
                [name not in UNDETECTED for some in present for name in some.categories], dtype=np.bool_
            ),
            seen=_told([some.seen for some in present], present),
            has_lidar=_told([some.has_lidar for some in present], present),
            all_told=not any(some.seen is None or some.has_lidar is None for some in present),
        )


def planned_poses(trajectory: FloatArray, actions: FloatArray, protocol: Protocol) -> FloatArray:
    """Places and headings along a plan: its points, and the headings that its actions lead to (curvature x speed x dt).

    Args:
        trajectory: (n, 6, 2) metres, ego frame.
        actions: (n, 6, 2) speed (m/s) and curvature (1/m).
        protocol: gives ``dt``.

    Returns:
        (n, 7, 3) x, y (metres) and heading (radians), now (zeros) first; NaN where there is no plan.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a model may write any number
        headings = np.cumsum(actions[..., 0] * actions[..., 1] * protocol.dt, axis=1)
        poses = np.concatenate([trajectory, headings[..., None]], axis=2)
    planned = ~np.isnan(actions).any(axis=(1, 2), keepdims=True)
    poses = np.where(planned, np.clip(np.nan_to_num(poses), -_FARTHEST, _FARTHEST), np.nan)
    start = np.where(np.isnan(poses[:, :1]), np.nan, 0.0)
    whole: FloatArray = np.concatenate([start, poses], axis=1)
    return whole


def _told(told: Sequence[BoolArray | None], agents: Sequence[Agents]) -> BoolArray:
    """What the data say of every agent; True where they do not."""
    parts = [
        np.ones(len(some.kinds), dtype=np.bool_) if said is None else np.asarray(said, dtype=np.bool_)
        for said, some in zip(told, agents, strict=True)
    ]
    whole: BoolArray = np.concatenate(parts) if parts else np.empty(0, dtype=np.bool_)
    return whole


def _stacked(agents: Sequence[Agents], name: str, empty: tuple[int, ...]) -> FloatArray:
    parts = [getattr(some, name) for some in agents]
    stacked: FloatArray = np.concatenate(parts) if parts else np.empty(empty)
    return stacked
