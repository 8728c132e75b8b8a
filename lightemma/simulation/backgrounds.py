"""Which episodes are seen before the same houses and plants: what a split of drives must not tear apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from lightemma.simulation.state import City


def background_of(city: City) -> str:
    """A digest of how the town looks, wherever it is and on whichever side traffic keeps.

    Heights, colours and windows of houses and plants count, not where they stand: in left-hand traffic the same town is its
    mirror image, and has the same background.
    """
    looks = [f"{house.height:.3f} {house.look}" for house in city.buildings]
    looks += [f"{plant.kind} {plant.height:.3f} {plant.look}" for plant in city.plants]
    return hashlib.sha256("\n".join([str(city.seed), *sorted(looks)]).encode()).hexdigest()[:16]


def shared_backgrounds(cities: Iterable[tuple[str, City]]) -> list[tuple[str, ...]]:
    """The names of episodes that share a background, in groups of two or more.

    Args:
        cities: names of episodes with their cities.
    """
    groups: dict[str, list[str]] = {}
    for name, city in cities:
        groups.setdefault(background_of(city), []).append(name)
    return [tuple(names) for names in groups.values() if len(names) > 1]
