"""What calls cost: one formula for the table, the budget and the live view."""

from __future__ import annotations

from collections.abc import Mapping

from lightemma.run_folder.records import Usage


def dollars(price: Mapping[str, float | None], usage: Usage) -> float:
    """Dollars for one call, never below 0.

    Args:
        price: dollars per million tokens under ``input``, ``output``, ``cached_input`` and ``cache_write``; the last two as
            ``input`` where they are missing or None.
        usage: what was counted; cached and cache-write tokens are parts of its input, reasoning of its output. Counts that
            contradict this are cut to what is possible.
    """
    dear, output = price["input"] or 0.0, price["output"] or 0.0
    cheap, write = price.get("cached_input"), price.get("cache_write")
    sent, made = max(usage.input, 0), max(usage.output, 0)
    cached = min(max(usage.cached_input, 0), sent)
    written = min(max(usage.cache_write, 0), sent - cached)
    millionths = (
        (sent - cached - written) * dear
        + cached * (dear if cheap is None else cheap)
        + written * (dear if write is None else write)
        + made * output
    )
    return millionths / 1e6
