"""Plans that are right by the protocol: what was recorded of the expert's own drive of the same episode."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from lightemma.closed_loop.plan_follower import TICKS_PER_ACTION
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.frame import FloatArray, Pose
from lightemma.kinematics import actions_from_poses
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.conditions import conditions_named
from lightemma.simulation.expert import Expert
from lightemma.simulation.geometry import wrap
from lightemma.simulation.scenarios import make_world

#: Half seconds recorded after the goal, so that the last plans are whole.
AFTER = LIGHTEMMA.plan_steps + 2
#: A deviation from the recorded line is corrected over this many half seconds, and at no more than these radians.
CORRECTION, STEEPEST = 2.3, 0.6


def recorded_plan(spec: EpisodeSpec, time: float, pose: Pose) -> FloatArray:
    """(6, 2) the pairs that were recorded of the expert's drive from a time on, led back to the recorded line.

    Args:
        spec: the episode.
        time: seconds since its start.
        pose: of the car.

    Raises:
        UserError: if there is no such scenario.
    """
    scenario = str(spec.options.get("scenario", spec.scenario))
    pairs, poses = _drive(scenario, spec.seed, spec.conditions, spec.left_hand)
    rows = np.minimum(round(time / LIGHTEMMA.dt) + np.arange(LIGHTEMMA.plan_steps), len(pairs) - 1)
    return led_back(pairs[rows], pose, poses)


def led_back(pairs: FloatArray, pose: Pose, line: FloatArray) -> FloatArray:
    """Recorded pairs with the turns in addition that lead a car back to the recorded line.

    Args:
        pairs: (n, 2) speed (m/s) and curvature (1/m) of every half second from now.
        pose: of the car.
        line: (m, 3) recorded poses, of which the nearest is taken.

    Returns:
        (n, 2).
    """
    actions: FloatArray = pairs.copy()
    error, askew = _deviation(pose, line)
    for action in actions:
        way = float(action[0]) * LIGHTEMMA.dt
        reach = CORRECTION * max(way, 1.2)
        lean = min(max(error / (1.5 * reach), -STEEPEST), STEEPEST)
        turn = -1.5 * (askew + lean) / reach
        action[1] += turn
        error += way * (askew + turn * way / 2.0)
        askew += turn * way
    return actions


def _deviation(pose: Pose, poses: FloatArray) -> tuple[float, float]:
    """Metres to the left of the recorded line, and radians to the left of its direction."""
    nearest = int(np.argmin(np.hypot(poses[:, 0] - pose.x, poses[:, 1] - pose.y)))
    x, y, heading = poses[nearest].tolist()
    error = (pose.y - y) * math.cos(heading) - (pose.x - x) * math.sin(heading)
    return error, wrap(pose.heading - heading)


@lru_cache(maxsize=64)
def _drive(scenario: str, seed: int, conditions: str, left_hand: bool) -> tuple[FloatArray, FloatArray]:
    """The expert's drive: (n, 2) pairs of every half second as a history has them, and (m, 3) poses of every step.

    Raises:
        UserError: if there is no such scenario.
    """
    simulation = make_world(scenario, seed, conditions_named(conditions), left_hand=left_hand)
    expert, places, poses = Expert(), [tuple(simulation.history_poses[-1, :2])], []
    after = 0
    while after < AFTER:
        pose = simulation.ego.pose
        places.append((pose.x, pose.y))
        speed, curvature = expert.plan(simulation).actions[0].tolist()
        for _ in range(TICKS_PER_ACTION):
            pose = simulation.ego.pose
            poses.append((pose.x, pose.y, pose.heading))
            simulation.step(speed, curvature)
        over = (
            float(simulation.traffic.at[0]) >= simulation.setup.goal or simulation.time >= simulation.setup.time_limit
        )
        after += over
    times: FloatArray = np.arange(len(places), dtype=np.float64) * LIGHTEMMA.dt
    return actions_from_poses(np.array(places), times), np.array(poses)
