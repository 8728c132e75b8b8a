"""Answers that can be kept: what cannot be written down, or is too long to be one, is a failed call and goes no further."""

from __future__ import annotations

from dataclasses import replace

from lightemma.backends.base import CallError, Completion
from lightemma.outside_text import is_text

#: Longest text of an answer, characters; one that may have more tokens may be longer in proportion.
LONGEST_TEXT = 1_000_000
CHARACTERS_PER_TOKEN = 8
#: Longest name of a model, characters.
LONGEST_NAME = 1_000
#: Counts beyond this are none, and cannot be read back from a file.
MOST_TOKENS = 2**40

#: Fields with texts, and how long each may be; None for the model's own words, of which there may be more.
_TEXTS = (
    ("text", None),
    ("finish_reason", LONGEST_NAME),
    ("model", LONGEST_NAME),
    ("failure", LONGEST_NAME),
    ("reasoning", None),
)


def storable(completion: Completion, max_output_tokens: int) -> Completion:
    """An answer that a record and the cache can hold.

    Args:
        completion: as a backend gave it; its fields have the right types.
        max_output_tokens: that were asked for.

    Returns:
        The answer; without its token counts if they are no counts.

    Raises:
        CallError: ``invalid_response`` if one of its texts cannot be written down, or is too long.
    """
    longest = max(LONGEST_TEXT, CHARACTERS_PER_TOKEN * max_output_tokens)
    for name, most in _TEXTS:
        value = getattr(completion, name)
        if isinstance(value, str):
            _check(name, value, most or longest)
    for one in completion.more:
        _check("text", one.text, longest)
        _check("reasoning", one.reasoning, longest)
        _check("failure", one.failure or "", LONGEST_NAME)
    usage = completion.usage
    if usage is not None:
        counts = (usage.input, usage.cached_input, usage.output, usage.reasoning, usage.cache_write)
        if min(counts) < 0 or max(counts) > MOST_TOKENS:
            return replace(completion, usage=None)
    return completion


def _check(name: str, value: str, most: int) -> None:
    if len(value) > most:
        raise CallError("invalid_response", f"the answer's {name} has {len(value):,} characters; {most:,} are the most")
    if not is_text(value):
        problem = f"the answer's {name} holds half a character (a lone surrogate), which cannot be written down"
        raise CallError("invalid_response", problem)
