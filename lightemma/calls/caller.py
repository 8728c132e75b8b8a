"""One call from a planner to its backend: looked up, let through, timed, tried again, kept. Failures are named, not raised."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from lightemma.backends.base import Backend, CallError, CallResult, Completion, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.plugin_faults import check_fields, checked_answer, is_plugin
from lightemma.calls.budget import Budget, BudgetSpent, most_input_tokens
from lightemma.calls.cache import CacheBusy, ResponseCache
from lightemma.calls.cancellation import Cancellation, Cancelled
from lightemma.calls.health import Health
from lightemma.calls.identity import Asked, Identity
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import ResolvedPrice, cost
from lightemma.calls.retry import LONGEST_OBEYED_S, OUTAGE_TRIES, SAID_S, asks_too_long, outage_wait, wait_before
from lightemma.calls.storable import storable
from lightemma.calls.usage import with_believable_usage
from lightemma.errors import UserError
from lightemma.failures import failure_kind
from lightemma.plugins import error_line
from lightemma.run_folder.lock import Holder
from lightemma.run_folder.records import MAIN, Usage

#: Seconds between two looks whether another caller's answer has come; between two tries at a locked cache, and how many.
LOOK_S = 0.3
BUSY_S = 1.0
BUSY_TRIES = 60
#: What a system says whose processes have too many files open.
_TOO_MANY_FILES = "too many open files"

log = logging.getLogger(__name__)


@dataclass
class CallContext:
    """What stands between a planner and its backend.

    Attributes:
        limits: pool and caps of the provider.
        monitor: is told of every answer.
        cancellation: ends the run.
        budget: dollars that may be spent.
        price: of a million tokens, or None.
        cache: answers given before, or None.
        rng: of the waiting times.
        check: is given the model before it is asked for the first time; raises UserError if it cannot be asked.
        asking: calls that the backend has not answered yet.
    """

    limits: ProviderLimits
    monitor: Monitor
    cancellation: Cancellation
    budget: Budget = field(default_factory=lambda: Budget(None))
    price: ResolvedPrice | None = None
    cache: ResponseCache | None = None
    rng: random.Random = field(default_factory=random.Random)
    check: Callable[[ModelConfig], None] | None = None
    asking: int = 0


class ModelCaller:
    """The way planners ask a backend (a ``Call``).

    Every failure comes back as a ``CallResult``; only those that would fail every further call alike (a wrong key, an
    unknown model, no credit, the same refusal again and again) end the run. Once calls have been answered, one such failure is
    a failed call, and several in a row end the run.

    Args:
        backend: who is asked.
        context: what stands in between; by default a pool of the model's own limits and nothing else.
        role: which of the planner's models this is.

    Attributes:
        answered_as: the model as the provider names the one that answered last.
    """

    def __init__(self, backend: Backend, context: CallContext | None = None, role: str = MAIN) -> None:
        self.answered_as: str | None = None
        self._role = role
        self._backend = backend
        self._context = context or CallContext(
            ProviderLimits(backend.config.limits), Monitor(backend.config.name), Cancellation()
        )
        self._identity = Identity(backend) if self._context.cache is not None else None
        self._health = Health(backend.config)
        self._checked = False
        self._said: set[str] = set()

    async def __call__(self, request: Request) -> CallResult:
        """Asks until there is an answer, or no further try is worth it.

        Raises:
            UserError: if no further call can succeed either.
            Cancelled: if the run is ending; nothing was asked.
        """
        cache = self._context.cache
        if cache is None or self._identity is None:
            return await self._ask(request, None)
        asked = self._identity.asked(request)
        kept = await self._kept_or_claimed(asked, cache)
        if kept is not None:
            self.answered_as = kept.model or self.answered_as
            self._context.monitor.call_done(kept.usage, None, cached=True)
            return self._result(kept, latency_s=kept.latency_s, attempts=0, cached=True)
        try:
            return await self._ask(request, asked)
        finally:
            cache.release(asked)

    async def _kept_or_claimed(self, asked: Asked, cache: ResponseCache) -> Completion | None:
        """The answer given before, or None once the call is this caller's to make.

        Raises:
            UserError: if the cache stays locked.
            Cancelled: if the run ends while another caller is waited for.
        """
        busy = 0
        while True:
            try:
                found = cache.kept_or_claimed(asked)
                if not isinstance(found, Holder):
                    return found
            except CacheBusy:
                busy += 1
                if busy >= BUSY_TRIES:
                    cache.release(asked)
                    raise UserError(
                        f"The response cache '{cache.path}' stays locked by another program; close that, and give the same "
                        "command again."
                    ) from None
                await self._context.cancellation.sleep(BUSY_S)
                continue
            if not cache.is_mine(found):
                self._say_once("claim", f"{cache.words(found)} has asked the same calls; their answers are waited for.")
            await self._context.cancellation.sleep(LOOK_S)

    def _say_once(self, what: str, sentence: str) -> None:
        if what not in self._said:
            self._said.add(what)
            log.warning("%s: %s", self._backend.config.name, sentence)

    def _result(self, completion: Completion | None, **fields: Any) -> CallResult:
        return CallResult(completion, **fields, role=self._role, model=self._backend.config.name)

    async def _ask(self, request: Request, asked: Asked | None) -> CallResult:
        context, health = self._context, self._health
        if not self._checked:
            if context.check is not None:
                context.check(self._backend.config)  # before the mark: concurrent calls of other frames are refused too
            self._checked = True
        attempt = 0
        while True:
            attempt += 1
            started, answers = time.perf_counter(), context.limits.answers
            try:
                completion, latency = await self._attempt(request)
            except CallError as error:
                latency = time.perf_counter() - started
                wait = self._wait(attempt, error, answers)
                if wait is None:
                    sentence = health.failed(request.stage, error)
                    if sentence is not None:
                        raise UserError(sentence) from error
                    return self._result(
                        None, failure=error.kind, error=error.message, latency_s=latency, attempts=attempt
                    )
                context.monitor.retries += 1
                context.monitor.retrying += 1
                try:
                    await context.cancellation.sleep(wait)
                finally:
                    context.monitor.retrying -= 1
                continue
            health.answered(request.stage)
            self.answered_as = completion.model or self.answered_as
            self._answers_again()
            if completion.reasoning and not completion.text.strip():
                self._say_once(
                    "thinking", "thinking took all tokens of an answer, so that it is empty; raise `max_output_tokens`."
                )
            if asked is not None and completion.is_answer:
                # Kept with its seconds, so that a replayed run tells the same latency.
                self._keep(asked, replace(completion, latency_s=latency))
            return self._result(completion, latency_s=latency, attempts=attempt)

    def _keep(self, asked: Asked, completion: Completion) -> None:
        assert self._context.cache is not None
        try:
            self._context.cache.put(asked, completion)
        except UserError as error:
            # The answer is used, and kept in memory; the runs end as after Ctrl-C, so that others are not lost either.
            self._context.cancellation.whole.request(str(error).rstrip("."))

    def _wait(self, attempt: int, error: CallError, answers: int) -> float | None:
        """Seconds until the call is tried again; None if it is not.

        Args:
            attempt: tries made so far.
            error: of the last one.
            answers: how many the provider had given anybody before it.
        """
        context, most, kind = self._context, self._backend.config.limits.attempts, failure_kind(error.kind)
        if kind.fatal:
            # A single one after answers is mostly a gateway's; the first one of all is believed.
            return (
                wait_before(attempt, error.retry_after_s, context.rng) if self._health.answers and attempt < 2 else None
            )
        if not kind.retried or most == 1:
            return None
        if asks_too_long(error):
            self._say_once(
                "too long",
                f"the provider asks to wait {error.retry_after_s:.0f} s ({error.message}); calls are held back for "
                f"{LONGEST_OBEYED_S:.0f} s at most, so this one counts as failed.",
            )
            return None
        if attempt < most:
            wait = wait_before(attempt, error.retry_after_s, context.rng)
            if error.retry_after_s is not None and error.retry_after_s >= SAID_S:
                self._say_once("wait", f"the provider asks to wait {error.retry_after_s:.0f} s; it is given this time.")
            return wait
        provider = context.limits
        if not kind.outage or not provider.answers or provider.answers != answers or attempt >= most + OUTAGE_TRIES:
            return None  # others are answered meanwhile, or nobody ever was, or it takes too long
        if not provider.out:
            provider.out = True
            log.warning("%s does not answer any more (%s); it is waited for.", self._backend.config.name, error.message)
        return outage_wait(context.rng)

    def _answers_again(self) -> None:
        provider = self._context.limits
        provider.answers += 1
        if provider.out:
            provider.out = False
            log.warning("%s answers again.", self._backend.config.name)

    async def _turn(self, request: Request, most_input: int) -> tuple[float, float]:
        """Waits for a place in the pool, and for dollars: the moment the place was given, and what was set aside."""
        context = self._context
        while True:
            place = await context.limits.pool.acquire(request.place, self._backend.config.name)
            try:
                context.cancellation.check()
                return place, context.budget.reserve(self._highest_cost(most_input, self._most_output(request)))
            except BudgetSpent:
                context.limits.pool.cancel()
            except Cancelled:
                context.limits.pool.cancel()
                raise
            if not await context.budget.room(context.cancellation):
                context.cancellation.whole.request(f"the next call might exceed `max_cost` {context.budget.cap:g}")
                raise Cancelled

    async def _attempt(self, request: Request) -> tuple[Completion, float]:
        """One try: waits for its turn, sends, and tells pool, budget and monitor how it went."""
        context = self._context
        context.cancellation.check()
        provider, limits = context.limits, self._backend.config.limits
        most_input = self._most_input(request)
        await provider.requests.take(1)
        if limits.tokens_per_minute is not None:
            await provider.tokens.take(most_input + self._most_output(request))
        place, reserved = await self._turn(request, most_input)
        failure: str | None = "cancelled"
        retry_after_s: float | None = None
        usage: Usage | None = None
        believed = True
        started = time.perf_counter()
        context.asking += 1
        try:
            async with asyncio.timeout(limits.timeout_s):
                completion = checked_answer(self._backend, await self._backend.generate(request))
            check_fields(self._backend, completion)
            completion, believed = with_believable_usage(completion, request, self._backend.config)
            usage = completion.usage  # paid, whether it can be kept or not
            completion = storable(completion, self._backend.config.max_output_tokens)
            if not believed:
                self._say_once("usage", "the provider's token counts cannot be; estimates are used in their place.")
            failure, usage = None, completion.usage
            latency = completion.latency_s
            return completion, latency if latency is not None else time.perf_counter() - started
        except TimeoutError:
            failure = "timeout"
            raise CallError("timeout", f"no answer within {limits.timeout_s:g} s") from None
        except CallError as error:
            # With too many files open, fewer calls at a time are what helps.
            failure = "overloaded" if _TOO_MANY_FILES in error.message.lower() else error.kind
            retry_after_s = None if asks_too_long(error) else error.retry_after_s
            raise
        except (UserError, Cancelled):
            raise
        except Exception as error:
            if not is_plugin(self._backend.implementation):
                raise  # a fault of ours
            failure = "backend_error"
            raise CallError("backend_error", error_line(error)) from error
        finally:
            context.asking -= 1
            self._settle(request, place, failure, retry_after_s, usage, reserved, most_input, believed)

    def _most_input(self, request: Request) -> int:
        """The most tokens that a request can have; 0 where neither tokens nor dollars are limited, so that nobody asks."""
        context, limits = self._context, self._backend.config.limits
        priced = context.price is not None and context.budget.cap is not None
        return most_input_tokens(request) if priced or limits.tokens_per_minute is not None else 0

    def _most_output(self, request: Request) -> int:
        """Tokens of the longest answers that the call can bring."""
        return self._backend.config.max_output_tokens * max(1, min(request.samples, self._backend.several_answers))

    def _settle(
        self,
        request: Request,
        place: float,
        failure: str | None,
        retry_after_s: float | None,
        usage: Usage | None,
        reserved: float,
        most_input: int,
        believed: bool,
    ) -> None:
        context, config = self._context, self._backend.config
        if failure == "cancelled":
            context.limits.pool.cancel()
        else:
            context.limits.pool.release(place, failure, retry_after_s)
        if failure_kind(failure).slows_down:
            context.monitor.refused += 1
        answered = failure is None
        # An answer nobody counted, or a call given up half-way, may have been charged: it stays booked at its dearest.
        unsure = answered or failure == "cancelled" or failure_kind(failure).may_be_charged
        spent = self._cost(usage) if usage else (reserved if unsure else 0.0)
        context.budget.settle(reserved, spent if believed else max(spent, reserved))
        if config.limits.tokens_per_minute is not None:
            used = usage.input + usage.output if usage else (0 if not answered else most_input)
            context.limits.tokens.correct(used - most_input - self._most_output(request))
        if answered:
            context.monitor.call_done(usage, spent if context.price else None, cached=False)

    def _highest_cost(self, most_input: int, most_output: int) -> float:
        price = self._context.price
        if price is None or self._context.budget.cap is None:
            return 0.0
        most = Usage(input=most_input, output=most_output, cache_write=most_input)
        return max(cost(price, most), cost(price, Usage(input=most_input, output=most.output)))

    def _cost(self, usage: Usage) -> float:
        price = self._context.price
        return 0.0 if price is None else cost(price, usage)
