"""The JSON object that a prompt set asks for: exactly it, or what is wrong with it."""

from __future__ import annotations

import json
import re
from typing import Any

from lightemma.parsing.kinds import MAX_ANSWER_CHARACTERS, PAIRS, Kind, Reading

_FENCE = "```"


def read_object(text: str) -> Reading:
    """Reads ``{"actions": [{"speed": v, "curvature": c} x 6]}`` and nothing else."""
    value = _loads(text)
    if value is None or isinstance(value, list):
        return Reading(None, _refusal(text))
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
        if not (_is_number(speed) and _is_number(curvature)):
            return Reading(None, "wrong_shape")
        read.append((_to_float(speed), _to_float(curvature)))
    return Reading(read, None, 0, len(text), named=True)


def _refusal(text: str) -> Kind:
    stripped = text.strip()
    if stripped.startswith(_FENCE) and stripped.endswith(_FENCE) and len(stripped) >= 2 * len(_FENCE):
        return "code_fence"
    if "{" not in text:
        return "prose" if not re.search(r"\d", text) else "invalid_json"
    return "truncated" if text.count("{") > text.count("}") else "invalid_json"


def _loads(text: str) -> Any:
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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _to_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")
