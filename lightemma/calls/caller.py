"""One call from a planner to its backend: looked up, let through, timed, tried again, kept. Failures are named, not raised."""

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
class CallServices:
    """What stands between a planner and its backend.

    Attributes:
        gate: pool and caps of the provider.
        monitor: is told of every answer.
        cancellation: ends the run.
        budget: dollars that may be spent.
        price: of a million tokens, or None.
        cache: answers given before, or None.
        rng: of the waiting times.
    """

    gate: ProviderLimits
    monitor: Monitor
    cancellation: Cancellation
    budget: Budget = field(default_factory=lambda: Budget(None))
    price: ResolvedPrice | None = None
    cache: ResponseCache | None = None
    rng: random.Random = field(default_factory=random.Random)


class ModelCaller:
    """The way planners ask a backend (a ``Call``).

    Every failure comes back as a ``CallResult``; only those that would fail every further call alike (a wrong key, an
    unknown model, no credit) end the run.

    Args:
        backend: who is asked.
        services: what stands in between; by default a pool of the model's own limits and nothing else.
        role: which of the planner's models this is.

    Attributes:
        answered_as: the model as the provider names the one that answered last.
    """

    def __init__(self, backend: Backend, services: CallServices | None = None, role: str = MAIN) -> None:
        self.answered_as: str | None = None
        self._role = role
        self._backend = backend
        self._options = backend.options.model_dump(mode="json")
        self._services = services or CallServices(
            ProviderLimits(backend.config.limits), Monitor(backend.config.name), Cancellation()
        )

    async def __call__(self, request: Request) -> CallResult:
        """Asks until there is an answer, or no further try is worth it.

        Raises:
            UserError: if no further call can succeed either.
            Cancelled: if the run is ending; nothing was asked.
        """
        cache = self._services.cache
        key = call_key(self._backend.config, self._options, request) if cache is not None else ""
        if cache is not None:
            kept = cache.get(key)
            if kept is not None:
                self.answered_as = kept.model or self.answered_as
                self._services.monitor.call_done(kept.usage, None, cached=True)
                return self._named(CallResult(kept, latency_s=kept.latency_s, attempts=0, cached=True))
        return self._named(await self._ask(request, key))

    def _named(self, result: CallResult) -> CallResult:
        return replace(result, role=self._role, model=self._backend.config.name)

    async def _ask(self, request: Request, key: str) -> CallResult:
        services = self._services
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
                services.monitor.retries += 1
                services.monitor.retrying += 1
                try:
                    await services.cancellation.sleep(wait_before(attempt, error.retry_after_s, services.rng))
                finally:
                    services.monitor.retrying -= 1
                continue
            self.answered_as = completion.model or self.answered_as
            if services.cache is not None:
                # Kept with its seconds, so that a replayed run tells the same latency.
                services.cache.put(key, self._backend.config.name, replace(completion, latency_s=latency))
            return CallResult(completion, latency_s=latency, attempts=attempt)

    async def _attempt(self, request: Request) -> tuple[Completion, float]:
        """One try: waits for its turn, sends, and tells pool, budget and monitor how it went."""
        services = self._services
        services.cancellation.check()
        gate, limits = services.gate, self._backend.config.limits
        most_input = most_input_tokens(request)
        await gate.requests.take(1)
        if limits.tokens_per_minute is not None:
            await gate.tokens.take(most_input + self._backend.config.max_output_tokens)
        # Later calls go first: a frame that is begun is finished before another is.
        place = await gate.pool.acquire(-request.place)
        try:
            services.cancellation.check()
            reserved = services.budget.reserve(self._dearest(most_input))
        except BudgetSpent:
            gate.pool.cancel()
            services.cancellation.request(f"the next call might go beyond `max_cost` {services.budget.cap:g}")
            raise Cancelled from None
        except Cancelled:
            gate.pool.cancel()
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
                raise  # a fault of ours
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
        services, config = self._services, self._backend.config
        if failure == "cancelled":
            services.gate.pool.cancel()
        else:
            services.gate.pool.release(place, failure, retry_after_s)
        if failure_kind(failure).slows_down:
            services.monitor.refused += 1
        answered = failure is None
        # An answer nobody counted, or a call given up half-way, may have been charged: it stays booked at its dearest.
        unsure = answered or failure == "cancelled" or failure_kind(failure).may_be_charged
        spent = self._cost(usage) if usage else (reserved if unsure else 0.0)
        services.budget.settle(reserved, spent)
        if config.limits.tokens_per_minute is not None:
            used = usage.input + usage.output if usage else (0 if not answered else most_input)
            services.gate.tokens.correct(used - most_input - config.max_output_tokens)
        if answered:
            services.monitor.call_done(usage, spent if services.price else None, cached=False)

    def _dearest(self, most_input: int) -> float:
        price = self._services.price
        if price is None or self._services.budget.cap is None:
            return 0.0
        most = Usage(input=most_input, output=self._backend.config.max_output_tokens, cache_write=most_input)
        return max(cost(price, most), cost(price, Usage(input=most_input, output=most.output)))

    def _cost(self, usage: Usage) -> float:
        price = self._services.price
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
