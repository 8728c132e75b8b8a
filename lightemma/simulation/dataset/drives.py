"""What identifies a drive: scenario, seed, conditions, side of the road and driver, with its name and description."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from lightemma.simulation.state import Conditions, Light, Weather

#: The driver that knows the city; the others are in docs/collecting.md.
EXPERT = "expert"


@dataclass(frozen=True, slots=True, order=True)
class Drive:
    """One drive; equal drives are equal to the last bit.

    Attributes:
        scenario: name of the scenario.
        seed: of everything that varies within the scenario.
        light: ``day`` or ``dusk``.
        weather: ``clear``, ``rain`` or ``fog``.
        left_hand: whether traffic keeps to the left.
        driver: who drives, as the command line names it.
        disturbed: whether the car starts beside its place, turned, too fast or too slow.
    """

    scenario: str
    seed: int = 0
    light: Light = "day"
    weather: Weather = "clear"
    left_hand: bool = False
    driver: str = EXPERT
    disturbed: bool = False

    @property
    def conditions(self) -> Conditions:
        """Light and weather."""
        return Conditions(self.light, self.weather)

    @property
    def name(self) -> str:
        """The scene's name, such as ``sim-red-light-000`` or ``sim-red-light-003-dusk-rain-left-noisy-expert-disturbed``."""
        extras: list[str] = [part for part in (self.light, self.weather) if part not in {"day", "clear"}]
        extras += ["left"] if self.left_hand else []
        extras += [re.sub(r"[^A-Za-z0-9.]+", "-", self.driver).strip("-")] if self.driver != EXPERT else []
        extras += ["disturbed"] if self.disturbed else []
        return "-".join(["sim", self.scenario, f"{self.seed:03d}", *extras])

    def described(self, what: str) -> str:
        """The scene's description: that it is synthetic, the scenario, light and weather, and what happens."""
        side = ", left-hand traffic" if self.left_hand else ""
        return f"SYNTHETIC {self.scenario}, {self.light}, {self.weather}{side}: {what}"

    def seed_for(self, *purpose: object) -> int:
        """A seed of 32 bits for one purpose within the drive, different from that of every other drive or purpose."""
        text = "/".join([self.name, *map(str, purpose)])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def drives_of(
    scenarios: list[str],
    seeds: list[int],
    conditions: list[Conditions],
    left_hand: bool = False,
    driver: str = EXPERT,
    disturbed: bool = False,
) -> list[Drive]:
    """Every scenario with every seed in all conditions."""
    return [
        Drive(scenario, seed, each.light, each.weather, left_hand, driver, disturbed)
        for scenario in scenarios
        for seed in seeds
        for each in conditions
    ]
