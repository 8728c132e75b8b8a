"""Thinking that is part of an answer's text."""

from __future__ import annotations

_OPENS, _CLOSES = "<think>", "</think>"


def split_thinking(text: str) -> tuple[str, str]:
    """The answer, and the block of thinking at its beginning (empty if there is none).

    Chat templates that open the block themselves leave only the closing tag in the answer; a block that never closes was cut
    at the token limit and leaves no answer.
    """
    thinking, closing, rest = text.partition(_CLOSES)
    opened = thinking.lstrip().startswith(_OPENS)
    if closing and (opened or _OPENS not in thinking):
        return rest.lstrip(), thinking + closing
    return ("", text) if opened else (text, "")
