"""Faults of a provider, and when they happen."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

#: Faults that are an error's status, and which.
STATUSES = {
    "rate_limited": 429,
    "no_credit": 429,
    "payment_required": 402,
    "server_error": 500,
    "bad_gateway": 502,
    "overloaded": 503,
    "overloaded_529": 529,
    "auth": 401,
    "forbidden": 403,
    "unknown_model": 404,
    "bad_request": 400,
    "prompt_refused": 400,
}
#: Faults of the connection or of the body's form.
BROKEN = frozenset({"hang", "trickle", "reset", "reset_early", "invalid_json", "html", "empty_body", "raw"})
#: Answers that are in order and of no use.
USELESS = frozenset({"no_usage", "content_filter", "prompt_blocked", "refusal", "length", "empty", "malformed"})
#: Possible ends of one request of a batch, besides an error's status.
UNANSWERED = frozenset({"expired", "canceled"})


@dataclass(frozen=True)
class Fault:
    """One fault.

    ``Fault("answer", text=…)`` is an answer with a given text, ``Fault("raw", text=…)`` a body with status 200.

    Attributes:
        kind: a key of STATUSES, or one of BROKEN, USELESS or UNANSWERED, or ``answer``.
        retry_after: the ``Retry-After`` header of an error, or Google's ``retryDelay`` where ``in_body`` says so.
        in_body: whether the wait is in the body instead of in a header.
        message: the error's sentence.
        delay_s: seconds that ``hang`` lasts, and that other faults wait first.
        text: the text of the answer, or the body.
        cached: tokens that the answer says were read from the cache.
    """

    kind: str
    retry_after: str | None = None
    in_body: bool = False
    message: str | None = None
    delay_s: float | None = None
    text: str | None = None
    cached: int = 0

    def __post_init__(self) -> None:
        if self.kind not in {*STATUSES, *BROKEN, *USELESS, *UNANSWERED, "answer"}:
            raise ValueError(f"there is no fault {self.kind!r}")

    @classmethod
    def read(cls, said: str | Mapping[str, Any] | None) -> Fault | None:
        """A fault from its name, or from its fields."""
        if said is None:
            return None
        return cls(said) if isinstance(said, str) else cls(**said)

    def as_dict(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


@dataclass
class Schedule:
    """Which request gets which fault.

    Attributes:
        seed: of the chances.
        upcoming: faults of the next requests, in order; None lets one pass.
        numbered: faults by the request's number, from 1.
        rates: kind of fault to the share of requests that get it; which ones is a matter of their numbers.
        retry_after: the wait of faults by rate.
    """

    seed: int = 0
    upcoming: deque[Fault | None] = field(default_factory=deque)
    numbered: dict[int, Fault] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    retry_after: str | None = None

    def choose(self, number: int) -> Fault | None:
        """The fault of the request with this number."""
        if number in self.numbered:
            return self.numbered[number]
        if self.upcoming:
            return self.upcoming.popleft()
        if not self.rates:
            return None
        chance = random.Random(f"fault {self.seed} {number}").random()
        for kind, rate in self.rates.items():
            if chance < rate:
                return Fault(kind, retry_after=self.retry_after if kind in {"rate_limited", "overloaded"} else None)
            chance -= rate
        return None

    def add(self, faults: Iterable[Fault | None]) -> None:
        """Faults for the requests after those that have one already."""
        self.upcoming.extend(faults)
