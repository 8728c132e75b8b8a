"""Which drive: scenario, seed, conditions and the side of the road, and the names made of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import get_args

from lightemma.errors import UserError
from lightemma.simulation.state import Conditions, Light, Weather

_LIGHTS: tuple[Light, ...] = get_args(Light)
_WEATHERS: tuple[Weather, ...] = get_args(Weather)


@dataclass(frozen=True, slots=True, order=True)
class Drive:
    """One drive of the expert; equal drives are equal to the last bit.

    Attributes:
        scenario: name of the scenario.
        seed: of whatever varies within the scenario.
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
        extras: list[str] = [word for word in (self.light, self.weather) if word not in {"day", "clear"}]
        extras += ["left"] if self.left_hand else []
        return "-".join(["sim", self.scenario, f"{self.seed:03d}", *extras])

    def described(self, what: str) -> str:
        """The scene's description: that it is synthetic, the scenario, light and weather in words, and what happens."""
        side = ", left-hand traffic" if self.left_hand else ""
        return f"SYNTHETIC {self.scenario}, {self.light}, {self.weather}{side}: {what}"

    def seed_for(self, *purpose: object) -> int:
        """A seed of 32 bits for one purpose within the drive, unlike that of any other drive or purpose."""
        text = "/".join([self.name, *map(str, purpose)])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def parse_conditions(text: str) -> list[Conditions]:
    """Conditions of a comma-separated list such as ``day,dusk,rain,dusk-fog``; ``all`` means all there are.

    Raises:
        UserError: if a word is no light and no weather.
    """
    if text.strip() == "all":
        return [Conditions(light, weather) for light in _LIGHTS for weather in _WEATHERS]
    found: list[Conditions] = []
    for part in (part.strip() for part in text.split(",") if part.strip()):
        words = part.split("-")
        lights = [light for light in _LIGHTS if light in words]
        weathers = [weather for weather in _WEATHERS if weather in words]
        if len(lights) + len(weathers) != len(words) or len(lights) > 1 or len(weathers) > 1:
            raise UserError(
                f"There are no conditions '{part}'; join a light ({', '.join(_LIGHTS)}) and a weather "
                f"({', '.join(_WEATHERS)}) by a hyphen, such as dusk-rain; what is left out is day and clear."
            )
        conditions = Conditions(lights[0] if lights else "day", weathers[0] if weathers else "clear")
        if conditions not in found:
            found.append(conditions)
    if not found:
        raise UserError("--conditions is empty; give day, dusk, rain, dusk-rain or several with commas.")
    return found


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
