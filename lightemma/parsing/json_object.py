"""The JSON object that a prompt set asks for: exactly it, or what is wrong with it."""

from __future__ import annotations

import json
import re
from typing import Any

from lightemma.parsing.kinds import MAX_ANSWER_CHARACTERS, PAIRS, Kind, Reading

_FENCE = "```"


def read_object(text: str) -> Reading:
    """Reads ``{"actions": [{"speed": v, "curvature": c} x 6]}`` and nothing else."""
    value = loads(text)
    if value is None or isinstance(value, list):
        return Reading(None, refusal(text))
    pairs = value.get("actions") if isinstance(value, dict) and set(value) == {"actions"} else None
    if not isinstance(pairs, list):
        return Reading(None, "invalid_json")
    if len(pairs) != PAIRS:
        return Reading(None, "wrong_count")
    read: list[tuple[float, float]] = []
    for pair in pairs:
        if not isinstance(pair, dict) or set(pair) != {"speed", "curvature"}:
            return Reading(None, "wrong_shape")
        speed, curvature = pair["speed"], pair["curvature"]
        if not (is_number(speed) and is_number(curvature)):
            return Reading(None, "wrong_shape")
        read.append((to_float(speed), to_float(curvature)))
    return Reading(read, None, 0, len(text), named=True)


def refusal(text: str) -> Kind:
    """Why a text is not the object that was asked for."""
    stripped = text.strip()
    if stripped.startswith(_FENCE) and stripped.endswith(_FENCE) and len(stripped) >= 2 * len(_FENCE):
        return "code_fence"
    if "{" not in text:
        return "prose" if not re.search(r"\d", text) else "invalid_json"
    return "truncated" if text.count("{") > text.count("}") else "invalid_json"


def loads(text: str) -> Any:
    """A text as JSON; None for one that is none, too long or nested too deeply, or has a key twice."""
    if len(text) > MAX_ANSWER_CHARACTERS:
        return None
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        return None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a key twice: two readings")
    return dict(pairs)


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def to_float(value: float) -> float:
    """A number as float, infinity for an integer beyond all floats."""
    try:
        return float(value)
    except OverflowError:
        return float("inf")
