"""Runs kinds of faults against the families' packages, through everything that stands between a planner and its model."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from unittest.mock import patch

from lightemma.backends.base import Backend, CallResult, Message, Request, TextPart
from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.registry import backend_class
from lightemma.calls.cache import FILE, ResponseCache
from lightemma.calls.caller import CallContext, ModelCaller
from lightemma.calls.cancellation import Cancellation
from lightemma.calls.identity import Identity
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.errors import UserError
from lightemma.outside_text import is_text
from lightemma.parsing import parse_answer
from lightemma.planners.call_record import text_outcome
from lightemma.run_folder.records import OK, Usage
from tests.fake_providers.dialects import DIALECTS, Dialect
from tests.fake_providers.fault_kinds import ENDS, STORED, TRIES, Kind
from tests.fake_providers.raw import RawServer, Sent

KEY = "sk-matrix-0123456789abcdef"


class _NoWaiting(Cancellation):
    """Notes how long was to be waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.check()


@dataclass(frozen=True)
class Ended:
    """What a kind ended in at one family.

    Attributes:
        outcome: of the last question.
        requests: that the server got.
        kept: whether the last answer is in the cache.
        message: what was said of a failure.
        usage: of the last answer, if it has any.
        wrong: what is not as it should be; empty if nothing.
    """

    outcome: str
    requests: int
    kept: bool
    message: str
    usage: Usage | None = None
    wrong: str = ""

    def __str__(self) -> str:
        return (
            f"{self.outcome} x{self.requests}{', kept' if self.kept else ''}{f' — {self.wrong}' if self.wrong else ''}"
        )


@dataclass(frozen=True)
class Row:
    """What a kind ended in, by family."""

    kind: Kind
    ended: dict[str, Ended]

    @property
    def right(self) -> bool:
        """Whether all families ended as they should."""
        return not any(one.wrong for one in self.ended.values())


async def matrix(kinds: Iterable[Kind], folder: Path, dialects: Sequence[Dialect] = DIALECTS) -> list[Row]:
    """Tries every kind at every family that can say it.

    Args:
        kinds: to try.
        folder: for the cache.
        dialects: the families.
    """
    with patch.dict(os.environ, {dialect.key_variable: KEY for dialect in dialects}):
        return await _matrix(kinds, folder, dialects)


async def _matrix(kinds: Iterable[Kind], folder: Path, dialects: Sequence[Dialect]) -> list[Row]:
    async with RawServer() as server:
        backends = {(d.name, fast): _backend(d, server, fast) for d in dialects for fast in (False, True)}
        numbers = count(1)
        try:
            with ResponseCache(folder / FILE) as cache:
                return [
                    Row(
                        kind,
                        {
                            d.name: await _tried(
                                kind, d, backends[d.name, kind.impatient], server, cache, next(numbers)
                            )
                            for d in dialects
                            if d.name in kind.families
                        },
                    )
                    for kind in kinds
                ]
        finally:
            for backend in backends.values():
                await backend.aclose()


def _backend(dialect: Dialect, server: RawServer, impatient: bool) -> Backend:
    config = ModelConfig(
        name=dialect.name,
        provider=dialect.provider,
        model="model-1",
        base_url=server.address + dialect.path,
        api_key_env=dialect.key_variable,
        temperature=None,
        limits=Limits(attempts=TRIES, timeout_s=0.25 if impatient else 30.0),
    )
    return backend_class(config)(config)


async def _tried(
    kind: Kind, dialect: Dialect, backend: Backend, server: RawServer, cache: ResponseCache, number: int
) -> Ended:
    waiting = list(kind.answers(dialect))

    def next_answer(path: str) -> Sent:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    server.next_answer, server.requests, server.sent = next_answer, 0, 0
    cancellation = _NoWaiting()
    limits = ProviderLimits(backend.config.limits)
    context = CallContext(limits, Monitor("matrix"), cancellation, cache=cache, rng=random.Random(0))
    caller = ModelCaller(backend, context)
    outcome, message, request, usage = "", "", None, None
    for ask in range(kind.asks):
        request = Request((Message("user", (TextPart(f"Plan {number}.{ask}"),)),), "t", "action")
        try:
            result = await caller(request)
        except UserError as error:
            outcome, message = ENDS, str(error)
            break
        except Exception as error:
            outcome, message = f"CRASH {type(error).__name__}", str(error)
            break
        outcome, message = _outcome(result), result.error or ""
        usage = result.completion.usage if result.completion else None
    assert request is not None
    kept = cache.get(Identity(backend).asked(request)) is not None
    ended = Ended(outcome, server.requests, kept, message, usage)
    return replace(ended, wrong=_wrong(kind, dialect, ended, server, cancellation.waits))


def _outcome(result: CallResult) -> str:
    outcome = text_outcome(result)
    if outcome != OK or result.completion is None:
        return outcome
    return parse_answer(result.completion.text, "strict").outcome


def _wrong(kind: Kind, dialect: Dialect, ended: Ended, server: RawServer, waits: list[float]) -> str:
    right = kind.right_for(dialect)
    if right == STORED:
        return "" if ended.outcome == OK or ended.outcome.startswith("call:") else f"not stored: {ended.message[:80]}"
    if ended.outcome != right:
        return f"expected {right} ({ended.message[:80]})"
    if ended.requests != kind.requests_for(dialect):
        return f"expected {kind.requests_for(dialect)} requests"
    # What the model said counts as its answer, however badly said; a failure never does.
    if ended.kept != (right == OK or right.startswith("format:")):
        return "expected otherwise in the cache"
    if kind.waits is not None and not (waits and kind.waits[0] <= waits[0] <= kind.waits[1]):
        return f"expected a wait of {kind.waits[0]:g} to {kind.waits[1]:g} s, not {waits[:1]}"
    if kind.most_sent is not None and server.sent > kind.most_sent:
        return f"{server.sent / 2**20:.0f} MiB were read"
    if not is_text(ended.message) or len(ended.message) > 2_000 or "\x1b" in ended.message or KEY in ended.message:
        return "its message cannot be shown"
    return ""
