"""What content read from JSON has too much of: whatever is looked at later is small and shallow."""

from __future__ import annotations

#: An answer is a few objects inside each other; what nests deeper breaks whatever walks through it.
_MOST_LEVELS = 60
#: Most values in one answer: checking millions takes longer than any model.
_MOST_VALUES = 50_000


def may_be_excessive(body: bytes | str) -> bool:
    """Whether what is read from a JSON text can have too much of anything; most answers are too short for that."""
    opening = (b"[", b"{") if isinstance(body, bytes) else ("[", "{")
    return len(body) > _MOST_VALUES or sum(map(body.count, opening)) > _MOST_LEVELS  # type: ignore[arg-type]


def excess_of(content: object) -> str | None:
    """What content read from JSON has too much of, as a clause; None if all of it may be looked at."""
    level, count = [content], 1
    for _ in range(_MOST_LEVELS):
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
        if not below:
            return None
        level, count = below, count + len(below)
        if count > _MOST_VALUES:
            return f"holds more than {_MOST_VALUES:,} values"
    return f"nests more than {_MOST_LEVELS} levels deep"
