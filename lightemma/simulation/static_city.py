"""Builds the static city of a scenario: everything that stands still."""

from __future__ import annotations

import zlib

import numpy as np

from lightemma.simulation import ground, paint
from lightemma.simulation import scenery as surroundings
from lightemma.simulation.paint import Head
from lightemma.simulation.setup import Setup
from lightemma.simulation.state import City, Conditions


def build_city(setup: Setup, seed: int, conditions: Conditions) -> tuple[City, tuple[Head, ...]]:
    """The city around a setup, and its signal heads.

    Args:
        setup: gives the streets.
        seed: of houses, plants and lamps; each has its own random generator.
        conditions: light and weather.
    """
    streets = setup.streets
    # By scenario as well: the same houses in every scenario would tell nothing new, and leak over a split by scenario.
    seed = zlib.crc32(f"{setup.family or setup.name}/{seed}".encode()) >> 1
    clearance = surroundings.Clearance(streets)
    houses = surroundings.buildings(streets, np.random.default_rng([seed, 11]), clearance)
    city = City(
        name=setup.name,
        drivable=tuple(ground.drivable(streets)),
        lanes=tuple(ground.lanes(streets)),
        walkways=tuple(ground.walkways(streets)),
        markings=tuple(paint.markings(streets)),
        signs=tuple(paint.signs(setup)),
        buildings=tuple(houses),
        plants=(
            *surroundings.plants(streets, np.random.default_rng([seed, 12]), clearance, houses),
            *surroundings.island_plants(streets, np.random.default_rng([seed, 14])),
        ),
        lamp_posts=tuple(surroundings.lamp_posts(streets, np.random.default_rng([seed, 13]))),
        left_hand=streets.side < 0,
        conditions=conditions,
        seed=seed,
    )
    return city, tuple(paint.heads(setup))
