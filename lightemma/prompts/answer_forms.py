"""The forms of answers that prompts ask for, as JSON schemas and regular expressions that a backend can hold a model to."""

from __future__ import annotations

from typing import Any

from lightemma.protocol import LIGHTEMMA


def object_schema(**properties: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _six(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": LIGHTEMMA.plan_steps, "maxItems": LIGHTEMMA.plan_steps, "items": item}


_ACTIONS = _six(
    object_schema(
        speed={"type": "number", "description": "metres per second"},
        curvature={"type": "number", "description": "1/metre, positive bends left"},
    )
)
_POINTS = _six(
    object_schema(
        x={"type": "number", "description": "metres ahead"},
        y={"type": "number", "description": "metres to the left"},
    )
)

#: The schema of an ``answer: json`` prompt set.
ACTION_SCHEMA = object_schema(actions=_ACTIONS)

_NUMBER = r"-?(0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?"
_PAIR = rf"\({_NUMBER}, {_NUMBER}\)"
#: What an ``answer: list`` prompt set asks for, as a regular expression: six pairs of few digits, so that no answer
#: is endless. The strict parser accepts everything that matches it.
ACTION_REGEX = rf"\[{_PAIR}(, {_PAIR}){{{LIGHTEMMA.plan_steps - 1}}}\]"

#: Form of answer -> schema; forms without one are written as a list.
SCHEMAS: dict[str, dict[str, Any]] = {
    "json": ACTION_SCHEMA,
    "reasoned-json": object_schema(reasoning={"type": "string"}, actions=_ACTIONS),
    "points-json": object_schema(points=_POINTS),
}
#: Form of answer -> regular expression.
REGEXES: dict[str, str] = {
    "list": ACTION_REGEX,
    "reasoned": r"[^\[\]]{1,1500}\n" + ACTION_REGEX,
    "points": ACTION_REGEX,
}


def choice_schema(count: int) -> dict[str, Any]:
    """The JSON object that names one of ``count`` candidates, numbered from 1."""
    return object_schema(choice={"type": "integer", "enum": list(range(1, count + 1))})


def choice_regex(count: int) -> str:
    """The number of one of ``count`` candidates, numbered from 1."""
    return "|".join(str(number) for number in range(1, count + 1)).join("()")
