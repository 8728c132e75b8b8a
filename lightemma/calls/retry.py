"""How long to wait before a failed call is tried again; ``lightemma.failures`` says which kinds are tried again."""

from __future__ import annotations

import random

from lightemma.backends.base import CallError

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
#: Providers are given the time they ask for up to this; a call that would have to wait longer counts as failed.
LONGEST_OBEYED_S = 600.0
#: While a provider that has answered before answers nobody, a call is tried so many times more, at these distances: an outage
#: of about two minutes passes without failed frames.
OUTAGE_TRIES = 20
OUTAGE_WAIT_S = (5.0, 8.0)
#: Waits from this length on are said aloud.
SAID_S = 20.0


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


def outage_wait(rng: random.Random) -> float:
    """Seconds between two tries during an outage."""
    return rng.uniform(*OUTAGE_WAIT_S)


def asks_too_long(error: CallError) -> bool:
    """Whether a provider asks for more time than it is given."""
    return error.retry_after_s is not None and error.retry_after_s > LONGEST_OBEYED_S
