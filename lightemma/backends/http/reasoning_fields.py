"""Thinking that servers send apart from the answer, each in fields of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: ``reasoning_content``, ``reasoning``, ``reasoning_details``, ``thinking``, ``thinking_blocks``, ``thought``, …
_FIELD = re.compile(r"reasoning|thinking|thought|^cot$|chain_of_thought")
_TEXTS = ("text", "thinking", "reasoning", "reasoning_content", "summary", "content")
_DEEPEST = 6


def thinking_in(fields: Mapping[str, Any], content: object) -> list[Any]:
    """What a message holds of thinking, in whatever form.

    Args:
        fields: of the message, besides its content.
        content: some servers send a list of parts, of which some are thinking.
    """
    parts = content if isinstance(content, list) else ()
    apart = [part for part in parts if isinstance(part, dict) and _is_thinking(part)]
    return [*(value for name, value in fields.items() if _FIELD.search(name)), *apart]


def _is_thinking(part: Mapping[str, Any]) -> bool:
    return part.get("thought") is True or _FIELD.search(str(part.get("type"))) is not None


def texts_of(value: object, depth: int = 0) -> str:
    """All texts in a field of thinking; equal ones once, since some servers send them in two fields."""
    if isinstance(value, str):
        return value
    if depth >= _DEEPEST or not value:
        return ""
    if isinstance(value, list):
        return "\n".join(dict.fromkeys(text for one in value if (text := texts_of(one, depth + 1))))
    if isinstance(value, dict):
        return "\n".join(text for name in _TEXTS if (text := texts_of(value.get(name), depth + 1)))
    return ""
