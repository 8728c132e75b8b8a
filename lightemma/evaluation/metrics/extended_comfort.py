"""Whether a planner's consecutive plans agree on how the ride will feel: NAVSIM v2's two-frame extended comfort.

navsim ``pdm_comfort_metrics.py`` (``ego_is_two_frame_extended_comfort``) takes two plans half a second apart, where they
overlap, and the root mean square of their differences. It drives both by a simulated controller at 10 Hz and smooths;
here they are compared step by step as planned, so numbers compare with one another and not with NAVSIM's.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from lightemma.agents import IntArray
from lightemma.evaluation.metrics.comfort import Motion
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray

#: The largest root mean square of the differences, by what differs: m/s^2 and m/s^3 (sizes of the whole acceleration and
#: its change), rad/s and rad/s^2.
EXTENDED_BOUNDS = MappingProxyType({"accel": 0.7, "jerk": 0.5, "yaw_rate": 0.1, "yaw_accel": 0.1})
#: Steps of half a second from one plan to the next are these many at most; a hole in the recording is no next frame.
_MOST_GAP = 1.5


def next_frames(run: RunScores) -> IntArray:
    """(n,) which frame of the run is the next key frame; -1 where there is none, or it is more than 0.75 s later."""
    rows = {key: row for row, key in enumerate(zip(run.scenes, run.frame_index.tolist(), strict=True))}
    found = np.array([rows.get((scene, index + 1), -1) for scene, index in rows], dtype=np.int64)
    gap = (run.timestamps[found] - run.timestamps) / 1e6
    following: IntArray = np.where((found >= 0) & (gap <= _MOST_GAP * run.protocol.dt), found, -1)
    return following


def plan_differences(felt: Motion, following: IntArray) -> dict[str, FloatArray]:
    """How much each plan and the next one differ during the five steps that both have.

    Args:
        felt: what n plans feel like.
        following: (n,) the next frame of each, -1 where there is none.

    Returns:
        By name as in ``EXTENDED_BOUNDS``, (n,) root mean squares; NaN where one of the two has no plan.
    """
    quantities = {"accel": felt.total_accel, "jerk": felt.jerk, "yaw_rate": felt.yaw_rate, "yaw_accel": felt.yaw_accel}
    found = {}
    for name, steps in quantities.items():
        apart = np.where(following[:, None] >= 0, steps[:, 1:] - steps[following, :-1], np.nan)
        found[name] = np.sqrt(np.mean(apart**2, axis=1))
    return found


def extended_comfort(differences: dict[str, FloatArray]) -> FloatArray:
    """(n,) 1.0 where a plan and the next one differ by no more than the bounds, 0.0 where by more, NaN where unknown."""
    known = ~np.isnan(differences["accel"])
    within = np.all([differences[name] <= bound for name, bound in EXTENDED_BOUNDS.items()], axis=0)
    comfortable: FloatArray = np.where(known, within.astype(np.float64), np.nan)
    return comfortable
