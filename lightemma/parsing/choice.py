"""The number of a candidate: the whole answer is one of 1 to N, or the JSON object ``{"choice": n}``."""

from __future__ import annotations

import re

from lightemma.parsing.json_object import loads
from lightemma.parsing.kinds import MAX_ANSWER_CHARACTERS
from lightemma.protocol import Tier
from lightemma.run_folder.records import OK, format_outcome

_WHOLE_RE = re.compile(r"[0-9]{1,4}")
_NUMBER_RE = re.compile(r"(?<![\d.,-])[0-9]{1,4}(?![\d]|[.,]\d)")
_NAMED_RE = re.compile(
    r"(?:choice|choose|candidate|option|number|answer)\W{0,12}([0-9]{1,4})(?![\d]|[.,]\d)", re.IGNORECASE
)


def read_choice(text: str, count: int, tier: Tier = "strict", *, cut: bool = False) -> tuple[int | None, str]:
    """Which candidate an answer names.

    Args:
        text: the answer.
        count: how many candidates there are, numbered from 1.
        tier: ``strict`` takes the number alone, or the JSON object; ``tolerant`` also a text that names one candidate only;
            ``first-numbers`` the first number of the text.
        cut: whether the provider says that the answer was cut at the token limit.

    Returns:
        The candidate's place, from 0, and ``ok``; None and ``format:<kind>`` if there is none.
    """
    number, kind = _read(text, tier)
    if number is not None and 1 <= number <= count:
        return number - 1, OK
    if number is not None:
        return None, format_outcome("wrong_count")
    return None, format_outcome("truncated" if cut and kind != "empty" else kind)


def _read(text: str, tier: Tier) -> tuple[int | None, str]:
    stripped = text.strip()
    if not stripped:
        return None, "empty"
    if len(text) > MAX_ANSWER_CHARACTERS:
        return None, "too_long"
    if _WHOLE_RE.fullmatch(stripped):
        return int(stripped), ""
    value = loads(stripped)
    if isinstance(value, dict) and set(value) == {"choice"} and type(value["choice"]) is int:
        return value["choice"], ""
    if tier == "strict":
        return None, "prose" if _NUMBER_RE.search(text) else "wrong_shape"
    named = list(dict.fromkeys(int(one) for one in _NAMED_RE.findall(text)))
    numbers = named or list(dict.fromkeys(int(one) for one in _NUMBER_RE.findall(text)))
    if tier == "first-numbers":
        numbers = numbers[:1]
    if not numbers:
        return None, "prose"
    return (numbers[0], "") if len(numbers) == 1 else (None, "ambiguous")
