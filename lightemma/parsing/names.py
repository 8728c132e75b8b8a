"""Which quantity a name means: the key of an object, the heading of a column, the word before a number."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from lightemma.parsing.signs import CURVATURE_UNIT, SPEED_UNIT

Role = Literal["speed", "curvature", "count", "other"]

#: Words for speed and curvature, as patterns; the languages are those whose models and users are at hand.
SPEED_WORDS = (
    r"speeds?|velocit(?:y|ies)|vel|spd|速度|车速|速率|速さ|속도|속력"
    r"|скорост\w*|швидк\w*|ا?ل?سرع(?:ة|ات)"
    r"|geschwindigkeit(?:en)?|tempo|vitesses?|velocidad(?:es)?|velocidades?|velocità|snelhe(?:id|den)|prędkoś\w*|hız\w*"
    r"|गति"
)
CURVATURE_WORDS = (
    r"curvatures?|curv|kappas?|κ|曲率|곡률|кривизн?\w*"
    r"|ا?ل?انحناء\w*|ا?ل?تقوس|krümmung(?:en)?|courbures?|curvaturas?"
    r"|kromming(?:en)?|krzywizn\w*|eğrilik\w*|वक्रता"
)
_SPEED_RE = re.compile(rf"(?:^|[^a-z])(?:{SPEED_WORDS})(?![a-z])")
_CURVATURE_RE = re.compile(rf"(?:^|[^a-z])(?:{CURVATURE_WORDS})(?![a-z])")
_OTHER_RE = re.compile(
    r"(?:^|[^a-z])(?:way-?points?|positions?|coordinates?|coords?|lat(?:itude)?|lon(?:gitude)?|lng|easting|northing|lateral|longitudinal"
    r"|headings?|yaw\w*|angular|angles?|steer\w*|wheel|throttle|brak\w+|accel\w*|acceleration\w*|deceleration\w*|jerk|distances?"
    r"|radius|radii|displacement|offset|delta|d[xyv]|rate|change|increase|decrease|difference|Δ\w*|坐标|位置"
    r"|角度?|加速度|转向\w*|半径|距离|уг\w*|радиус\w*"
    r"|координат\w*|ускорен\w*)(?![a-z])"
)
_COUNT_RE = re.compile(
    r"(?:^|[^a-z])(?:steps?|time\w*|index|idx|sec|seconds?|horizon|frames?|points?|pairs?|rows?|no|nr|seq|时间|时刻|步\w*"
    r"|序号|врем\w*|шаг\w*|zeit\w*|schritt\w*|temps|pas|tiempo|tempo|paso|خطوة)(?![a-z])"
)
_UNIT_WORDS_RE = re.compile(r"(?<=\S) (?:m ?p?s|(?:rad |inv |per |one per )?m)$")
_LETTERS = {
    "v": "speed",
    "u": "speed",
    "vs": "speed",
    "c": "curvature",
    "k": "curvature",
    "cs": "curvature",
    "ks": "curvature",
}
_OTHER_LETTERS = {"x", "y", "z", "a", "dx", "dy", "dv"}
_COUNT_LETTERS = {"t", "i", "n", "s", "ts", "id", "step", "#", "第"}


@lru_cache(maxsize=4096)
def role_of(name: str) -> Role | None:
    """What a name means, or None if it says nothing of the kind.

    A name of both (``speed_curvature``) says nothing; ``angular velocity`` and ``radius of curvature`` mean something else.
    """
    name = name.strip().lower()
    plain = re.sub(r"[\W\d_]+", " ", name).strip()
    if not plain:
        return "count" if name.startswith("#") else None
    plain = _UNIT_WORDS_RE.sub("", plain)
    if plain in _LETTERS:
        return _LETTERS[plain]  # type: ignore[return-value]
    if plain in _OTHER_LETTERS:
        return "other"
    if plain in _COUNT_LETTERS:
        return "count"
    speed, curvature = _SPEED_RE.search(plain) is not None, _CURVATURE_RE.search(plain) is not None
    if speed and curvature:
        return None
    if _OTHER_RE.search(plain):
        return "other"
    if speed or curvature:
        return "speed" if speed else "curvature"
    return "count" if _COUNT_RE.search(plain) else None


def role_of_unit(text: str) -> Role | None:
    """What the first unit mark in a text says of the number before it."""
    for character in text:
        if character == SPEED_UNIT:
            return "speed"
        if character == CURVATURE_UNIT:
            return "curvature"
    return None
