"""The scenarios: fourteen situations with a known right answer, drawn anew by every seed."""

from __future__ import annotations

import zlib

import numpy as np

from lightemma.errors import UserError, near_names
from lightemma.protocol import LIGHTEMMA, Protocol
from lightemma.simulation.ego import Limits
from lightemma.simulation.scenarios import following, junctions, obstacles, open_road
from lightemma.simulation.scenarios.base import Scenario, Stage
from lightemma.simulation.state import Conditions
from lightemma.simulation.world import World

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario for module in (open_road, following, junctions, obstacles) for scenario in module.SCENARIOS
}

#: Light and weather by name.
CONDITIONS: dict[str, Conditions] = {
    "day": Conditions(),
    "dusk": Conditions("dusk"),
    "rain": Conditions(weather="rain"),
    "fog": Conditions(weather="fog"),
}


def make_world(
    name: str,
    seed: int,
    conditions: Conditions = Conditions(),  # noqa: B008 - frozen
    left_hand: bool = False,
    limits: Limits | None = Limits(),  # noqa: B008 - frozen
    protocol: Protocol = LIGHTEMMA,
) -> World:
    """A world at time 0 of an episode.

    Args:
        name: of a scenario.
        seed: draws speeds, distances, times, traffic and surroundings.
        conditions: light and weather.
        left_hand: whether traffic keeps to the left.
        limits: of the ego car, None for one that obeys at once.
        protocol: see `World`.

    Raises:
        UserError: if there is no such scenario.
    """
    if name not in SCENARIOS:
        raise UserError(f"There is no scenario {name!r}; {near_names(name, SCENARIOS)}")
    scenario = SCENARIOS[name]
    key = zlib.crc32(name.encode())
    stage = Stage(
        scenario,
        np.random.default_rng([seed, key, 0]),
        np.random.default_rng([seed, key, 1]),
        conditions,
        left_hand,
    )
    return World(scenario.build(stage), seed, conditions, limits, protocol)


__all__ = ["CONDITIONS", "SCENARIOS", "Scenario", "make_world"]
