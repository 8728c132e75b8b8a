"""What is known about a scene besides its frames: where it was driven, in which light and in which weather."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NIGHT = re.compile(r"\bnight\b")
_RAIN = re.compile(r"\b(rain|rains|rainy|raining|rainfall|drizzle|drizzling)\b")
#: A road that is still wet is not rain: "after rain", "after the heavy rain", "no rain".
_NO_RAIN = re.compile(r"\b(after|no|without)\s+(\w+\s+)?rain\w*")

#: First word of a location -> side of the road.
_SIDES = {"singapore": "left", "boston": "right", "karlsruhe": "right", "simulated": "right"}


@dataclass(frozen=True, slots=True)
class SceneFacts:
    """Facts about one scene; an empty string is unknown.

    Attributes:
        location: the place's name as the data set gives it, such as ``singapore-onenorth``.
        light: ``day`` or ``night``.
        weather: ``dry`` or ``rain``.
        traffic: side of the road that traffic keeps to, ``left`` or ``right``.
    """

    location: str = ""
    light: str = ""
    weather: str = ""
    traffic: str = ""


def facts_from_text(location: str, description: str) -> SceneFacts:
    """Reads nuScenes' free-text description, such as "Night, after rain, many lights".

    nuScenes writes "night" and "rain" where they apply and nothing where they do not, so a description without them means day
    and dry. Scenes without a description (those of v1.0-test have none) stay unknown.

    Args:
        location: the log's location, or an empty string.
        description: the scene's description, or an empty string.
    """
    text = description.lower()
    traffic = traffic_side(location, description)
    if not text.strip():
        return SceneFacts(location=location.strip(), traffic=traffic)
    return SceneFacts(
        location=location.strip(),
        traffic=traffic,
        light="night" if _NIGHT.search(text) else "day",
        weather="rain" if _RAIN.search(_NO_RAIN.sub("", text)) else "dry",
    )


def traffic_side(location: str, description: str = "") -> str:
    """The side that traffic keeps to, where the place's name, or the simulator's description, says it.

    Args:
        location: the log's location, such as ``boston-seaport``.
        description: the scene's description.

    Returns:
        ``left``, ``right``, or an empty string.
    """
    if "left-hand traffic" in description.lower():
        return "left"
    place = re.split(r"[^a-z]+", location.lower().strip())[0]
    return _SIDES.get(place, "")
