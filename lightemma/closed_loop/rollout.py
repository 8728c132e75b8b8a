"""What would come of a plan: it is driven in a copy of the world, which itself is not touched."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.plan_follower import PlanFollower
from lightemma.closed_loop.records import EpisodeOutcome, ScoreParts
from lightemma.closed_loop.world import World
from lightemma.closed_loop.world_checks import car_of, info_of, is_over, outcome_of
from lightemma.frame import FloatArray


@dataclass(frozen=True, slots=True)
class Rollout:
    """Where a plan led.

    Attributes:
        outcome: the numbers of the episode from its start to the end of the plan; compare it with those of other plans from
            the same moment. Its end is ``horizon`` where the episode was not over.
        score: made of these.
        times: (n,) seconds from now, of every step of the world, 0 included.
        trace: (n, 5) x and y (metres) and heading (radians) of the rear axle in the world, speed (m/s) and curvature (1/m).
    """

    outcome: EpisodeOutcome
    score: ScoreParts
    times: FloatArray
    trace: FloatArray


def rollout(world: World, actions: FloatArray) -> Rollout:
    """Drives a plan to its end in a copy of a world, or to the end of the episode if that comes first.

    Args:
        world: at a decision; it is not touched.
        actions: (m, 2) pairs of speed (m/s) and curvature (1/m), half a second each, as the closed loop follows them.

    Raises:
        ValueError: if the actions are not that.
        WorldFault: if the world breaks its contract.
    """
    pairs = np.array(actions, dtype=np.float64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs) or not np.isfinite(pairs).all():
        raise ValueError(f"the actions of a rollout have the shape {pairs.shape} or are not finite; give (m, 2) pairs")
    other = world.copy()
    try:
        info = info_of(other)
        # A single pair is held: a follower wants to know how the speed goes on.
        plan = pairs if len(pairs) > 1 else np.tile(pairs, (2, 1))
        follower = PlanFollower(plan, info.steps_per_action, other.limits)
        trace = [_row(other)]
        for tick in range(len(pairs) * info.steps_per_action):
            if is_over(other):
                break
            other.step(*follower.command(tick))
            trace.append(_row(other))
        outcome = outcome_of(other, info)
        if not is_over(other):
            outcome = msgspec.structs.replace(outcome, end="horizon")
    finally:
        other.close()
    times: FloatArray = np.arange(len(trace), dtype=np.float64) * float(info.action_dt)
    return Rollout(outcome, score_of(outcome, info.knows), times, np.array(trace))


def _row(world: World) -> tuple[float, float, float, float, float]:
    car = car_of(world)
    return car.pose.x, car.pose.y, car.pose.heading, car.speed, car.curvature
