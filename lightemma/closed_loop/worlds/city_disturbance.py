"""Disturbed starts: the car begins where its driver would not have it, so that a way back can be learnt."""

from __future__ import annotations

import hashlib
import math

import numpy as np

from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.simulation.perturb import Perturbation, draw_perturbation, perturbed
from lightemma.simulation.world import CitySimulation

#: The most that a start is disturbed: 0.6 m, 8 degrees, 3 m/s.
MOST = Perturbation(0.6, math.radians(8.0), 3.0)
#: Draws, each smaller than the one before, until the car fits on the road; if none does, it starts where it was.
DRAWS = 8


def disturbed(simulation: CitySimulation, spec: EpisodeSpec) -> CitySimulation:
    """The simulation with its car pushed sideways, turned, too fast or too slow, by amounts from the episode's name.

    Args:
        simulation: at the episode's start; it is not changed.
        spec: the episode; its name is the seed.
    """
    rng = np.random.default_rng(list(hashlib.sha256(f"lightemma disturbed/{spec.name}".encode()).digest()))
    for draw in range(DRAWS):
        share = 1.0 - draw / DRAWS
        most = Perturbation(MOST.sideways * share, MOST.turned * share, MOST.faster)
        moved = perturbed(simulation, draw_perturbation(rng, most))
        if moved is not None:
            return moved
    return simulation
