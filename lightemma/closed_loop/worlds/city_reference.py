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
from lightemma.simulation.world import CitySimulation


def expert_time(spec: EpisodeSpec, progress: float) -> float:
    """Seconds after which the expert has come as far in the same episode; its whole time if it never comes that far.

    Args:
        spec: the episode.
        progress: metres along the route.
    """
    drive = _drive(str(spec.options.get("scenario", spec.scenario)), spec.seed, spec.conditions, spec.left_hand)
    reached = drive.as_far_as(progress - 1e-6)
    times = np.arange(len(reached)) / TICKS_PER_S
    after = int(np.searchsorted(reached, progress - 1e-6))
    if after == 0:
        return 0.0
    if after >= len(reached):
        return float(times[-1])
    before = after - 1
    share = (progress - reached[before]) / max(reached[after] - reached[before], 1e-9)
    return float(times[before] + share * (times[after] - times[before]))


class _Drive:
    """The expert's drive, which goes on only as far as somebody came: about 0.3 s of a processor to its end."""

    def __init__(self, simulation: CitySimulation) -> None:
        self._simulation = simulation
        self._referee, self._expert = Referee(simulation), Expert()
        self._reached = [0.0]
        self._plan = np.zeros((0, 2))

    def as_far_as(self, progress: float) -> FloatArray:
        """(n,) metres of progress after every step, to this progress (metres) or the drive's end."""
        reached = self._reached
        while reached[-1] < progress and not self._referee.finished:
            if (len(reached) - 1) % TICKS_PER_ACTION == 0:
                self._plan = self._expert.plan(self._simulation).actions
            self._simulation.step(*self._plan[0].tolist())
            self._referee.look()
            reached.append(self._referee.progress)
        return np.array(reached)


@lru_cache(maxsize=256)
def _drive(scenario: str, seed: int, conditions: str, left_hand: bool) -> _Drive:
    return _Drive(make_world(scenario, seed, conditions_named(conditions), left_hand=left_hand))
