"""How soon the city's expert comes how far in an episode: what a driver's time is measured by."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lightemma.closed_loop.plan_follower import TICKS_PER_ACTION, TICKS_PER_S
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.frame import FloatArray
from lightemma.simulation.conditions import conditions_named
from lightemma.simulation.events import Referee
from lightemma.simulation.expert import Expert
from lightemma.simulation.scenarios import make_world


def expert_time(spec: EpisodeSpec, progress: float) -> float:
    """Seconds after which the expert has come as far in the same episode; its whole time if it never comes that far.

    Args:
        spec: the episode.
        progress: metres along the route.
    """
    times, reached = _drive(
        str(spec.options.get("scenario", spec.scenario)), spec.seed, spec.conditions, spec.left_hand
    )
    after = int(np.searchsorted(reached, progress - 1e-6))
    if after == 0:
        return 0.0
    if after >= len(reached):
        return float(times[-1])
    before = after - 1
    share = (progress - reached[before]) / max(reached[after] - reached[before], 1e-9)
    return float(times[before] + share * (times[after] - times[before]))


@lru_cache(maxsize=512)
def _drive(scenario: str, seed: int, conditions: str, left_hand: bool) -> tuple[FloatArray, FloatArray]:
    """(n,) seconds and (n,) metres of progress of the expert's drive, every step; about 0.3 s of a processor."""
    simulation = make_world(scenario, seed, conditions_named(conditions), left_hand=left_hand)
    referee, expert = Referee(simulation), Expert()
    reached = [0.0]
    plan = expert.plan(simulation).actions
    while not referee.finished:
        if (len(reached) - 1) % TICKS_PER_ACTION == 0:
            plan = expert.plan(simulation).actions
        simulation.step(*plan[0].tolist())
        referee.look()
        reached.append(referee.progress)
    return np.arange(len(reached)) / TICKS_PER_S, np.array(reached)
