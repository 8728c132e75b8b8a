"""How long to wait before a failed call is tried again; ``lightemma.failures`` says which kinds are tried again."""

from __future__ import annotations

import random

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0


def wait_before(attempt: int, retry_after_s: float | None, rng: random.Random) -> float:
    """Seconds before the next attempt: exponential with full jitter, and never less than the provider asked for.

    Source: "Exponential backoff and jitter", AWS Architecture Blog 2015 (full jitter).

    Args:
        attempt: attempts made so far, from 1.
        retry_after_s: what the provider asked for.
        rng: of the jitter.
    """
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt, 12))
    wait = rng.uniform(0.1, 1.0) * longest
    # Spread over a little more than the requested wait, or all refused calls would return together.
    return wait if retry_after_s is None else max(wait, retry_after_s * rng.uniform(1.0, 1.1))
