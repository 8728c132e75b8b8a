"""Which part a scene is in, so that no two parts share a street; and proof that they do not."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lightemma.distillation.rows import DpoRow, SftRow
from lightemma.errors import UserError
from lightemma.simulation.dataset.split import TEST_DIGIT, VALIDATION_DIGIT, Part, split_of
from lightemma.simulation.scenarios import SCENARIOS

PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Partition:
    """How scenes are split.

    Attributes:
        held_out: scenarios, recorded scenes or places that are for the test only; of a scenario also its twins, which share its
            streets.
        first_seed: simulated seeds below this are for the test only, such as those of the public suite.
    """

    held_out: frozenset[str] = frozenset()
    first_seed: int = 0

    def simulated(self, scenario: str, seed: int, family: str = "") -> tuple[Part, str]:
        """The part of a simulated scene, and its group: scenarios of one seed share streets, so the seed is the group.

        Args:
            scenario: its name.
            seed: of everything random in it.
            family: the scenario whose streets it shares.
        """
        streets = family or _family(scenario)
        held = bool({scenario, streets, _family(scenario)} & {*self.held_out, *map(_family, self.held_out)})
        part: Part = "test" if held or seed < self.first_seed else split_of(scenario, seed)
        # A family that is held out is a test of its own: its seed's other scenarios, in other streets, may be learnt from.
        return part, f"city {streets} {seed}" if held else f"city {seed}"

    def recorded(self, scene: str, location: str = "") -> tuple[Part, str]:
        """The part of a recorded scene, drawn from its name: a tenth validation, a tenth test; and its group, the scene."""
        if scene in self.held_out or (location and location in self.held_out):
            return "test", f"scene {scene}"
        digit = int(hashlib.sha256(f"lightemma distillation/{scene}".encode()).hexdigest()[:8], 16) % 10
        part: Part = {VALIDATION_DIGIT: "validation", TEST_DIGIT: "test"}.get(digit, "train")  # type: ignore[assignment]
        return part, f"scene {scene}"


def _family(scenario: str) -> str:
    """The name of the streets that a scenario shares with its twins; its own where it is none of the package's."""
    own = SCENARIOS.get(scenario)
    return scenario if own is None else own.family or own.name


def check_apart(rows: Iterable[SftRow | DpoRow], towns: Iterable[tuple[str, Part]] = ()) -> None:
    """Makes sure that no two parts share a group, a frame's picture or a town.

    Args:
        rows: of a data set.
        towns: digest of the houses and part of each simulated scene.

    Raises:
        UserError: if they do.
    """
    parts: dict[str, set[Part]] = defaultdict(set)
    for row in rows:
        parts[row.group].add(row.part)
        for picture in row.pictures:
            parts[f"picture {picture.sha256}"].add(row.part)
    for town, part in towns:
        if town:
            parts[f"town {town}"].add(part)
    shared = sorted(name for name, found in parts.items() if len(found) > 1)
    if shared:
        raise UserError(
            f"{len(shared)} of {len(parts)} scenes, pictures and towns are in two parts of the split, first '{shared[0]}'; the "
            "same scene may have been given under two names: leave one of them out."
        )


def without_parts(wanted: Collection[Part], have: Collection[Part]) -> list[Part]:
    """The wanted parts of which there is nothing."""
    return [part for part in wanted if part not in have]
