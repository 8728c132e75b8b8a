"""One call from a planner to its backend: cache, limits, time-out, retries. A failure is a result, not an exception."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field, replace

from lightemma.backends.base import Backend, CallError, CallResult, Completion, Request
from lightemma.backends.plugin_faults import checked_answer, is_plugin
from lightemma.calls.budget import Budget, BudgetSpent, most_input_tokens
from lightemma.calls.cache import ResponseCache, call_key
from lightemma.calls.cancellation import Cancellation, Cancelled
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import ResolvedPrice, cost
from lightemma.calls.retry import wait_before
from lightemma.errors import UserError
from lightemma.failures import failure_kind
from lightemma.plugins import error_line
from lightemma.run_folder.records import MAIN, Usage


@dataclass
class CallContext:
    """What a call passes on its way to the backend.

    Attributes:
        limits: of the provider: concurrent calls and rates.
        monitor: counts every answer.
        cancellation: ends the run.
        budget: dollars that may be spent.
        price: of a million tokens, or None if it is unknown.
        cache: answers of earlier calls, or None.
        rng: for random waiting times.
    """

    limits: ProviderLimits
    monitor: Monitor
    cancellation: Cancellation
    budget: Budget = field(default_factory=lambda: Budget(None))
    price: ResolvedPrice | None = None
    cache: ResponseCache | None = None
    rng: random.Random = field(default_factory=random.Random)


class ModelCaller:
    """Sends a planner's requests to a backend (a ``Call``).

    Every failure comes back as a ``CallResult``; only those that every further call would meet too (a wrong
    key, an unknown model, no credit) end the run.

    Args:
        backend: receives the requests.
        context: limits, budget, cache and more; by default the model's own limits and nothing else.
        role: which of the planner's models this is.

    Attributes:
        answered_as: the model as the provider names the one that answered last.
    """

    def __init__(self, backend: Backend, context: CallContext | None = None, role: str = MAIN) -> None:
        self.answered_as: str | None = None
        self._role = role
        self._backend = backend
        self._options = backend.options.model_dump(mode="json")
        self._context = context or CallContext(
            ProviderLimits(backend.config.limits), Monitor(backend.config.name), Cancellation()
        )

    async def __call__(self, request: Request) -> CallResult:
        """Tries until there is an answer, or another attempt cannot help.

        Raises:
            UserError: if no further call can succeed either.
            Cancelled: if the run is ending; no request was sent.
        """
        cache = self._context.cache
        key = call_key(self._backend.config, self._options, request) if cache is not None else ""
        if cache is not None:
            stored = cache.get(key)
            if stored is not None:
                self.answered_as = stored.model or self.answered_as
                self._context.monitor.call_done(stored.usage, None, cached=True)
                return self._named(CallResult(stored, latency_s=stored.latency_s, attempts=0, cached=True))
        return self._named(await self._ask(request, key))

    def _named(self, result: CallResult) -> CallResult:
        return replace(result, role=self._role, model=self._backend.config.name)

    async def _ask(self, request: Request, key: str) -> CallResult:
        context = self._context
        attempts = self._backend.config.limits.attempts
        attempt = 0
        while True:
            attempt += 1
            started = time.perf_counter()
            try:
                completion, latency = await self._attempt(request)
            except CallError as error:
                latency = time.perf_counter() - started
                if failure_kind(error.kind).fatal:
                    raise UserError(_fatal_sentence(self._backend, error)) from error
                if attempt >= attempts or not failure_kind(error.kind).retried:
                    return CallResult(None, error.kind, error.message, latency, attempt)
                context.monitor.retries += 1
                context.monitor.retrying += 1
                try:
                    await context.cancellation.sleep(wait_before(attempt, error.retry_after_s, context.rng))
                finally:
                    context.monitor.retrying -= 1
                continue
            self.answered_as = completion.model or self.answered_as
            if context.cache is not None:
                # Stored with its seconds, so that a replayed run reports the same latency.
                context.cache.put(key, self._backend.config.name, replace(completion, latency_s=latency))
            return CallResult(completion, latency_s=latency, attempts=attempt)

    async def _attempt(self, request: Request) -> tuple[Completion, float]:
        """One attempt: waits for its turn, sends, and reports the result to limits, budget and monitor."""
        context = self._context
        context.cancellation.check()
        provider, limits = context.limits, self._backend.config.limits
        most_input = most_input_tokens(request)
        await provider.requests.take(1)
        if limits.tokens_per_minute is not None:
            await provider.tokens.take(most_input + self._backend.config.max_output_tokens)
        # Later calls of a frame have priority: frames in progress are finished before others begin.
        place = await provider.pool.acquire(-request.place)
        try:
            context.cancellation.check()
            reserved = context.budget.reserve(self._highest_cost(most_input))
        except BudgetSpent:
            provider.pool.cancel()
            context.cancellation.request(f"the next call might exceed `max_cost` {context.budget.cap:g}")
            raise Cancelled from None
        except Cancelled:
            provider.pool.cancel()
            raise
        failure: str | None = "cancelled"
        retry_after_s: float | None = None
        usage: Usage | None = None
        started = time.perf_counter()
        try:
            async with asyncio.timeout(limits.timeout_s):
                completion = checked_answer(self._backend, await self._backend.generate(request))
            failure, usage = None, completion.usage
            latency = completion.latency_s
            return completion, latency if latency is not None else time.perf_counter() - started
        except TimeoutError:
            failure = "timeout"
            raise CallError("timeout", f"no answer within {limits.timeout_s:g} s") from None
        except CallError as error:
            failure, retry_after_s = error.kind, error.retry_after_s
            raise
        except (UserError, Cancelled):
            raise
        except Exception as error:
            if not is_plugin(self._backend.implementation):
                raise  # a fault of lightemma
            failure = "backend_error"
            raise CallError("backend_error", error_line(error)) from error
        finally:
            self._settle(place, failure, retry_after_s, usage, reserved, most_input)

    def _settle(
        self,
        place: float,
        failure: str | None,
        retry_after_s: float | None,
        usage: Usage | None,
        reserved: float,
        most_input: int,
    ) -> None:
        context, config = self._context, self._backend.config
        if failure == "cancelled":
            context.limits.pool.cancel()
        else:
            context.limits.pool.release(place, failure, retry_after_s)
        if failure_kind(failure).slows_down:
            context.monitor.refused += 1
        answered = failure is None
        # An answer without token counts, or a call that was abandoned, may have been charged: it counts with its highest cost.
        unsure = answered or failure == "cancelled" or failure_kind(failure).may_be_charged
        spent = self._cost(usage) if usage else (reserved if unsure else 0.0)
        context.budget.settle(reserved, spent)
        if config.limits.tokens_per_minute is not None:
            used = usage.input + usage.output if usage else (0 if not answered else most_input)
            context.limits.tokens.correct(used - most_input - config.max_output_tokens)
        if answered:
            context.monitor.call_done(usage, spent if context.price else None, cached=False)

    def _highest_cost(self, most_input: int) -> float:
        price = self._context.price
        if price is None or self._context.budget.cap is None:
            return 0.0
        most = Usage(input=most_input, output=self._backend.config.max_output_tokens, cache_write=most_input)
        return max(cost(price, most), cost(price, Usage(input=most_input, output=most.output)))

    def _cost(self, usage: Usage) -> float:
        price = self._context.price
        return 0.0 if price is None else cost(price, usage)


def _fatal_sentence(backend: Backend, error: CallError) -> str:
    config = backend.config
    return failure_kind(error.kind).ends_run.format(
        provider=config.provider,
        name=config.name,
        model=config.model,
        message=error.message,
        key=f"the key in {config.api_key_env}" if config.api_key_env else "api_key_env in its YAML",
    )
