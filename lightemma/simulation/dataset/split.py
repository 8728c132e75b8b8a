"""Which drives are for training, for choosing, and for the final test: by the seed, so that no two parts share a street."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

import numpy as np

from lightemma.simulation.state import City

Part = Literal["train", "validation", "test"]
#: The last digit of a seed decides.
VALIDATION_DIGIT: Final = 8
TEST_DIGIT: Final = 9
#: Seeds from here on are reserved for hidden suites, and so for the test.
RESERVED: Final = 1000


def split_of(scenario: str, seed: int, held_out: Collection[str] = ()) -> Part:
    """The part that a drive belongs to: test for seeds that end in 9 and reserved ones, validation for those that end in 8.

    Streets, houses, colours and traffic are drawn from the seed, so scenarios of one seed always share a part, whatever
    they share of the town: twins, light and weather, the side of the road, other drivers, disturbed starts.

    Args:
        scenario: its name.
        seed: of the drive.
        held_out: scenarios that are for the test only, with all their seeds.
    """
    if scenario in held_out or seed >= RESERVED or seed % 10 == TEST_DIGIT:
        return "test"
    return "validation" if seed % 10 == VALIDATION_DIGIT else "train"


def houses_of(city: City) -> str:
    """A digest of the houses of a town: equal where every house stands at the same place with the same look."""
    houses = sorted(f"{np.round(one.footprint, 2).tolist()} {one.height:.2f} {one.look}" for one in city.buildings)
    return hashlib.sha256("\n".join(houses).encode()).hexdigest()[:16]


def leaks(scenes: Collection[Mapping[str, Any]], held_out: Collection[str] = ()) -> list[tuple[str, str]]:
    """Pairs of scenes that share their houses but are in different parts; none if the split holds.

    Args:
        scenes: as ``simulation.json`` lists them, with ``name``, ``scenario``, ``seed`` and ``houses``.
        held_out: as for ``split_of``.
    """
    first: dict[tuple[str, Part], str] = {}
    for scene in scenes:
        part = split_of(scene["scenario"], scene["seed"], held_out)
        first.setdefault((scene["houses"], part), scene["name"])
    towns = {town for town, _ in first}
    found = []
    for town in sorted(towns):
        names = [first[key] for key in sorted(first) if key[0] == town]
        found += [(names[0], other) for other in names[1:]]
    return found
