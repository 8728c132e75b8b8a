"""Names of light and weather, written in the same way for drives, data sets and episodes."""

from __future__ import annotations

from itertools import product
from typing import get_args

from lightemma.errors import UserError, near_names
from lightemma.simulation.state import Conditions, Light, Weather

_LIGHTS: tuple[Light, ...] = get_args(Light)
_WEATHERS: tuple[Weather, ...] = get_args(Weather)


def conditions_name(conditions: Conditions) -> str:
    """The shortest name, such as ``day``, ``dusk``, ``rain`` or ``dusk-rain``; without ``day`` and ``clear`` if possible."""
    parts = [part for part in (conditions.light, conditions.weather) if part not in ("day", "clear")]
    return "-".join(parts) or "day"


#: Every light with every weather, by name.
ALL_CONDITIONS: dict[str, Conditions] = {
    conditions_name(each): each
    for each in (Conditions(light, weather) for light, weather in product(_LIGHTS, _WEATHERS))
}
#: Those whose name has one part, in the order of the tables.
CONDITIONS: dict[str, Conditions] = {name: ALL_CONDITIONS[name] for name in ("day", "dusk", "rain", "fog")}


def conditions_named(name: str) -> Conditions:
    """The light and weather of one name; its parts may be in any order, and ``day`` and ``clear`` may be left out.

    Raises:
        UserError: if a part is unknown, or there are two lights or two weathers.
    """
    parts = name.split("-")
    lights = [light for light in _LIGHTS if light in parts]
    weathers = [weather for weather in _WEATHERS if weather in parts]
    if len(lights) + len(weathers) != len(parts) or len(lights) > 1 or len(weathers) > 1:
        raise UserError(
            f"There is no condition '{name}'; {near_names(name, ALL_CONDITIONS)} Join a light "
            f"({', '.join(_LIGHTS)}) and a weather ({', '.join(_WEATHERS)}) by a hyphen, such as dusk-rain."
        )
    return Conditions(lights[0] if lights else "day", weathers[0] if weathers else "clear")


def parse_conditions(text: str) -> list[Conditions]:
    """Conditions of a comma-separated list such as ``day,dusk,rain,dusk-fog``; ``all`` means every one.

    Raises:
        UserError: if a name is unknown, or none is given.
    """
    names = [part.strip() for part in text.split(",") if part.strip()]
    if names == ["all"]:
        return list(ALL_CONDITIONS.values())
    if not names:
        raise UserError("No condition is named; give day, dusk, rain, dusk-rain or several with commas, or all.")
    return list(dict.fromkeys(conditions_named(name) for name in names))
