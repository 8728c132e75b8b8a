"""What identifies a drive: scenario, seed, conditions and side of the road, with its name and description."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from lightemma.simulation.state import Conditions, Light, Weather


@dataclass(frozen=True, slots=True, order=True)
class Drive:
    """One drive of the expert; equal drives are equal to the last bit.

    Attributes:
        scenario: name of the scenario.
        seed: of everything that varies within the scenario.
        light: ``day`` or ``dusk``.
        weather: ``clear``, ``rain`` or ``fog``.
        left_hand: whether traffic keeps to the left.
    """

    scenario: str
    seed: int = 0
    light: Light = "day"
    weather: Weather = "clear"
    left_hand: bool = False

    @property
    def conditions(self) -> Conditions:
        """Light and weather."""
        return Conditions(self.light, self.weather)

    @property
    def name(self) -> str:
        """The scene's name, such as ``sim-red-light-000`` or ``sim-red-light-003-dusk-rain-left``."""
        extras: list[str] = [part for part in (self.light, self.weather) if part not in {"day", "clear"}]
        extras += ["left"] if self.left_hand else []
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
    scenarios: list[str], seeds: list[int], conditions: list[Conditions], left_hand: bool = False
) -> list[Drive]:
    """Every scenario with every seed in all conditions."""
    return [
        Drive(scenario, seed, each.light, each.weather, left_hand)
        for scenario in scenarios
        for seed in seeds
        for each in conditions
    ]
