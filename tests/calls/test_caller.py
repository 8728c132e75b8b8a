"""Between planner and backend: answers are stored, failures tried again according to their kind, and costs limited."""

import asyncio
import random
import statistics
from itertools import pairwise

import pytest

from lightemma.backends.base import Backend, CallError, Completion, Message, Request, TextPart
from lightemma.backends.config import Limits, ModelConfig
from lightemma.calls.budget import Budget
from lightemma.calls.cache import ResponseCache
from lightemma.calls.caller import CallContext, ModelCaller
from lightemma.calls.cancellation import Cancellation, Cancelled
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import ResolvedPrice
from lightemma.calls.retry import wait_before
from lightemma.errors import UserError
from lightemma.failures import FAILURES
from lightemma.run_folder.records import Usage


class Served(Backend):
    """Gives the next of a list of answers and failures, and repeats the last one."""

    def __init__(self, *replies, delay: float = 0.0, **limits) -> None:
        super().__init__(
            ModelConfig(name="m", provider="served", model="m", max_output_tokens=100, limits=Limits(**limits))
        )
        self.replies, self.delay, self.asked = list(replies), delay, 0

    async def generate(self, request: Request) -> Completion:
        self.asked += 1
        await asyncio.sleep(self.delay)
        reply = self.replies[min(self.asked, len(self.replies)) - 1]
        if isinstance(reply, Exception):
            raise reply
        return reply


ANSWER = Completion("fine", Usage(1000, 0, 50))
LONG = "word " * 900  # more than the thousand tokens that the answers are counted with


class NoWaiting(Cancellation):
    """Notes the requested sleeping times instead of sleeping."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.check()


def request(text: str = "what?") -> Request:
    return Request((Message("user", (TextPart(text),)),), "token", "scene")


def ask(backend, *requests, **settings):
    """Sends requests one after the other; returns the results and the context."""

    async def drive():
        cancellation = settings.pop("cancellation", None) or NoWaiting()
        context = CallContext(
            ProviderLimits(backend.config.limits), Monitor("m"), cancellation, rng=random.Random(1), **settings
        )
        caller = ModelCaller(backend, context)
        results = [await caller(one) for one in requests or (request(),)]
        assert context.limits.pool.in_flight == 0
        return results, context

    return asyncio.run(drive())


@pytest.mark.parametrize("kind", [kind for kind, follows in FAILURES.items() if follows.retried])
def test_temporary_failures_are_tried_again_until_there_is_an_answer(kind):
    backend = Served(CallError(kind, "later"), CallError(kind, "later"), ANSWER)
    (result,), context = ask(backend)
    assert result.completion == ANSWER
    assert result.attempts == backend.asked == 3
    assert context.monitor.retries == 2
    assert context.monitor.retrying == 0


@pytest.mark.parametrize("kind", ["refused", "content_filter", "bad_request", "not_recorded"])
def test_permanent_failures_are_not_tried_again(kind):
    backend = Served(CallError(kind, "no"))
    (result,), _ = ask(backend)
    assert (result.completion, result.failure, backend.asked) == (None, kind, 1)


@pytest.mark.parametrize(
    ("kind", "text"), [("auth", "key"), ("model_not_found", "knows no model"), ("no_credit", "credit")]
)
def test_failures_of_the_settings_end_the_run_immediately(kind, text):
    backend = Served(CallError(kind, "wrong"))
    with pytest.raises(UserError, match=text):
        ask(backend)
    assert backend.asked == 1


def test_attempts_are_counted_and_limited():
    backend = Served(CallError("overloaded", "busy"), attempts=4)
    (result,), context = ask(backend)
    assert (result.failure, result.attempts, backend.asked) == ("overloaded", 4, 4)
    assert len(context.cancellation.slept) == 3


def test_the_provider_is_given_the_time_it_asks_for():
    backend = Served(CallError("rate_limited", "slow down", retry_after_s=7.0), ANSWER)
    _, context = ask(backend)
    assert 7.0 <= context.cancellation.slept[0] <= 7.7


def test_waits_grow_are_spread_and_have_a_limit():
    rng = random.Random(2)
    medians = [statistics.median(wait_before(attempt, None, rng) for _ in range(400)) for attempt in range(1, 8)]
    assert all(first < second for first, second in pairwise(medians))
    assert max(wait_before(50, None, rng) for _ in range(200)) <= 60.0
    assert len({wait_before(3, None, rng) for _ in range(20)}) == 20


def test_a_call_that_hangs_times_out():
    backend = Served(ANSWER, delay=5.0, timeout_s=0.05, attempts=1)
    (result,), _ = ask(backend)
    assert result.failure == "timeout"


def test_an_answer_is_paid_for_once(tmp_path):
    backend = Served(ANSWER)
    with ResponseCache(tmp_path / "c") as cache:
        (first, second, other), context = ask(backend, request(), request(), request("else?"), cache=cache)
    assert backend.asked == 2
    assert (first.cached, second.cached, other.cached) == (False, True, False)
    assert second.completion.text == "fine"
    assert second.latency_s == pytest.approx(first.latency_s)
    assert (context.monitor.calls, context.monitor.cached) == (2, 1)


def test_a_failure_is_not_stored(tmp_path):
    backend = Served(CallError("bad_request", "no"), ANSWER)
    with ResponseCache(tmp_path / "c") as cache:
        (first, second), _ = ask(backend, request(), request(), cache=cache)
    assert first.failure == "bad_request"
    assert second.completion == ANSWER


def test_nothing_is_asked_once_the_run_is_ending():
    backend, cancellation = Served(ANSWER), NoWaiting()
    cancellation.request("enough")
    with pytest.raises(Cancelled):
        ask(backend, cancellation=cancellation)
    assert backend.asked == 0


PRICE = ResolvedPrice(input=1.0, output=10.0, cached_input=0.1, cache_write=1.25, table="test")


def test_dollars_are_counted_by_the_tokens_used():
    _, context = ask(Served(ANSWER), price=PRICE)
    assert context.monitor.dollars == pytest.approx((1000 * 1.0 + 50 * 10.0) / 1e6)
    assert context.budget.spent == pytest.approx(context.monitor.dollars)


def test_the_cost_limit_holds_with_calls_in_progress():
    cap = 0.02

    async def drive():
        stop, budget = Cancellation(), Budget(cap)
        backend = Served(ANSWER, delay=0.01, concurrency=16)
        context = CallContext(ProviderLimits(backend.config.limits), Monitor("m"), stop, budget, PRICE)
        caller = ModelCaller(backend, context)
        results = await asyncio.gather(*(caller(request(f"{n} {LONG}")) for n in range(100)), return_exceptions=True)
        return backend, budget, stop, results

    backend, budget, stop, results = asyncio.run(drive())
    assert budget.spent <= cap
    assert 5 <= backend.asked < 100
    assert "`max_cost`" in stop.reason
    assert all(isinstance(result, Cancelled) or result.completion == ANSWER for result in results)


def test_an_answer_without_token_counts_is_counted_at_its_highest_cost():
    _, context = ask(Served(Completion("fine")), price=PRICE, budget=Budget(1.0))
    assert context.budget.spent > 100 * 10.0 / 1e6


@pytest.mark.parametrize("cap", [0.0, -1.0, float("nan")])
def test_a_cap_must_be_above_zero(cap):
    with pytest.raises(UserError, match="max_cost"):
        Budget(cap)
