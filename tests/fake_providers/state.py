"""Settings and memory of a server of made-up models."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fake_providers.asked import Asked
from tests.fake_providers.faults import Fault

Format = Literal["chat", "responses", "anthropic", "google"]


@dataclass
class Settings:
    """How the server behaves; all of it can be changed while it runs.

    Attributes:
        latency_s: mean seconds that an answer takes.
        jitter: how far a single one may be from the mean, as a share of it.
        capacity: most concurrent calls; one more gets 429. None for no limit.
        capacity_retry_after: the ``Retry-After`` that comes with it.
        seed: of latencies and faults by rate.
        keys: keys that are taken; None for any.
        models: models that there are; None for all that do not begin with ``unknown``.
        malformed_rate: share of plans in a wrong form.
        max_pictures: pictures in one request; one more gets vLLM's 400. None for no limit.
        context_tokens: longest input and output together; beyond it comes vLLM's 400. None for no limit.
        batch_delay_s: seconds until a batch is finished.
        batches_per_page: how many batches one page of their list holds.
        batch_outcome: how batches end: ``completed``, or ``failed``, ``expired`` or ``cancelled`` as a whole.
        keep: how many requests are kept to look at.
    """

    latency_s: float = 0.0
    jitter: float = 0.0
    capacity: int | None = None
    capacity_retry_after: str | None = "1"
    seed: int = 0
    keys: frozenset[str] | None = None
    models: frozenset[str] | None = None
    malformed_rate: float = 0.0
    max_pictures: int | None = None
    context_tokens: int | None = None
    batch_delay_s: float = 0.0
    batch_outcome: str = "completed"
    batches_per_page: int = 100
    keep: int = 1000


@dataclass
class Received:
    """One request as it came.

    Attributes:
        number: from 1.
        format: of the wire.
        path: with the query.
        headers: names in lower case.
        body: as read from JSON.
        asked: what it asks, or None if it could not be read.
        status: what it was answered with, or None while it is in progress or if the connection broke.
        fault: the fault that was ordered, or None.
    """

    number: int
    format: Format
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    asked: Asked | None = None
    status: int | None = None
    fault: str | None = None


@dataclass
class Counts:
    """What happened so far.

    Attributes:
        requests: that asked for an answer, with any outcome.
        served: answers with status 200, by the request's digest.
        rejected: requests beyond the capacity.
        faults: by kind.
        in_flight: calls in progress.
        peak: most concurrent calls.
    """

    requests: int = 0
    served: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    peak: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For ``GET /_stats``."""
        return {
            "requests": self.requests,
            "answered": self.served.total(),
            "distinct": len(self.served),
            "rejected": self.rejected,
            "in_flight": self.in_flight,
            "peak": self.peak,
            "faults": dict(self.faults),
            "served": dict(self.served),
        }


@dataclass
class Batch:
    """A batch: what was handed over, and when.

    Attributes:
        id: its id.
        format: of the requests.
        items: key and request.
        model: Google names it once for the whole batch.
        name: the name it was given.
        made_at: on the clock of ``time.monotonic``.
        delay_s: seconds until it is finished.
        outcome: how it ends.
        faults: faults of single requests, by key.
        results: filled once it is finished.
        labels: what it can be found by.
        torn: whether its results' last line is cut.
    """

    id: str
    format: Format
    items: list[tuple[str, dict[str, Any]]]
    model: str = ""
    name: str | None = None
    made_at: float = field(default_factory=time.monotonic)
    delay_s: float = 0.0
    outcome: str = "completed"
    faults: dict[str, Fault] = field(default_factory=dict)
    results: list[dict[str, Any]] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    torn: bool = False

    @property
    def finished(self) -> bool:
        """Whether its time has come."""
        return time.monotonic() >= self.made_at + self.delay_s


@dataclass
class Memory:
    """What the server keeps in memory.

    Attributes:
        counts: of requests.
        log: the last requests.
        timeline: digest, status, start and end of every request, seconds since the epoch.
        cached: digests of prompts up to their picture that were marked for caching.
        files: OpenAI's, by id.
        batches: by id.
        batch_faults: for single requests of the batches to come, by key.
    """

    counts: Counts = field(default_factory=Counts)
    log: deque[Received] = field(default_factory=deque)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    cached: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    batch_faults: dict[str, Fault] = field(default_factory=dict)
