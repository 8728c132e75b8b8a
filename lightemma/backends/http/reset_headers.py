"""When a provider's rate limits are renewed, as its headers say it where there is no ``Retry-After``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

#: Pairs of headers: what is left of a limit, and when it is renewed.
_LIMITS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
)
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_USED_UP = re.compile(r"\br=0\b[^,]{0,80}?;\s?t=(\d{1,9})(?!\d)")
#: A number of seconds above this is a moment since 1970, in seconds or milliseconds.
_MOMENT_S = 1e9
_MOMENT_MS = 1e12


def reset_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds until the limits that are used up are renewed; None if no header says so.

    Args:
        headers: of an answer with status 429; any spelling of their names that the mapping takes.
        now: the moment; the present one if left out.
    """
    now = now or datetime.now(UTC)
    found = []
    for left, renewed in _LIMITS:
        text = headers.get(renewed)
        if text and _is_zero(headers.get(left)):
            seconds = _seconds(text.strip(), now)
            if seconds is not None:
                found.append(seconds)
    after = headers.get("x-ratelimit-reset-after")
    if after and (seconds := _seconds(after.strip(), now)) is not None:
        found.append(seconds)
    # The draft of the IETF has all in one header: ``"minute";r=0;t=11``.
    found += [float(seconds) for seconds in _USED_UP.findall(headers.get("ratelimit", "")[:1000])]
    return max(found, default=None)


def span_s(text: str) -> float | None:
    """Seconds of a span such as ``6m0s`` or ``120ms``; None for other texts."""
    spans = _SPAN.findall(text)
    if not spans or "".join(number + unit for number, unit in spans) != text:
        return None
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in spans)
    return seconds if math.isfinite(seconds) else None


def _is_zero(text: str | None) -> bool:
    try:
        return text is not None and float(text) <= 0
    except ValueError:
        return False


def _seconds(text: str, now: datetime) -> float | None:
    """A span (``6m0s``, ``1.5``), a number since 1970, or an ISO moment as seconds from now."""
    try:
        number = float(text)
    except ValueError:
        span = span_s(text)
        if span is not None:
            return span
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    if not math.isfinite(number) or number < 0:
        return None
    if number >= _MOMENT_S:
        return max(0.0, number / (1000.0 if number >= _MOMENT_MS else 1.0) - now.timestamp())
    return number
