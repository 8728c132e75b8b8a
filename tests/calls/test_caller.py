"""Between planner and backend: answers kept, failures tried again as their kind deserves, dollars held back in time."""

import asyncio
import random
import statistics
from itertools import pairwise

import pytest

from lightemma.backends.base import Backend, CallError, Completion, Message, Request, TextPart
from lightemma.backends.config import Limits, ModelConfig
from lightemma.calls.budget import Budget
from lightemma.calls.cache import ResponseCache
from lightemma.calls.caller import CallServices, ModelCaller
from lightemma.calls.cancellation import Cancellation, Cancelled
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import ResolvedPrice
from lightemma.calls.retry import wait_before
from lightemma.errors import UserError
from lightemma.failures import FAILURES
from lightemma.run_folder.records import Usage


class Served(Backend):
    """Gives the next of a list of answers and failures; the last one again and again."""

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
    """Notes how long it was told to sleep instead of sleeping."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.check()


def request(text: str = "what?") -> Request:
    return Request((Message("user", (TextPart(text),)),), "token", "scene")


def ask(backend, *requests, **services):
    """Asks one after the other and gives back the results and what stood in between."""

    async def drive():
        cancellation = services.pop("cancellation", None) or NoWaiting()
        between = CallServices(
            ProviderLimits(backend.config.limits), Monitor("m"), cancellation, rng=random.Random(1), **services
        )
        caller = ModelCaller(backend, between)
        results = [await caller(one) for one in requests or (request(),)]
        assert between.gate.pool.in_flight == 0
        return results, between

    return asyncio.run(drive())


@pytest.mark.parametrize("kind", [kind for kind, follows in FAILURES.items() if follows.retried])
def test_passing_failures_are_tried_again_until_there_is_an_answer(kind):
    backend = Served(CallError(kind, "later"), CallError(kind, "later"), ANSWER)
    (result,), between = ask(backend)
    assert result.completion == ANSWER
    assert result.attempts == backend.asked == 3
    assert between.monitor.retries == 2
    assert between.monitor.retrying == 0


@pytest.mark.parametrize("kind", ["refused", "content_filter", "bad_request", "not_recorded"])
def test_failures_that_stay_are_not_tried_again(kind):
    backend = Served(CallError(kind, "no"))
    (result,), _ = ask(backend)
    assert (result.completion, result.failure, backend.asked) == (None, kind, 1)


@pytest.mark.parametrize(
    ("kind", "words"), [("auth", "key"), ("model_not_found", "knows no model"), ("no_credit", "credit")]
)
def test_failures_of_the_set_up_end_the_run_at_once(kind, words):
    backend = Served(CallError(kind, "wrong"))
    with pytest.raises(UserError, match=words):
        ask(backend)
    assert backend.asked == 1


def test_tries_are_counted_and_end():
    backend = Served(CallError("overloaded", "busy"), attempts=4)
    (result,), between = ask(backend)
    assert (result.failure, result.attempts, backend.asked) == ("overloaded", 4, 4)
    assert len(between.cancellation.slept) == 3


def test_the_provider_is_given_the_time_it_asks_for():
    backend = Served(CallError("rate_limited", "slow down", retry_after_s=7.0), ANSWER)
    _, between = ask(backend)
    assert 7.0 <= between.cancellation.slept[0] <= 7.7


def test_waits_grow_and_are_spread_and_never_run_away():
    rng = random.Random(2)
    medians = [statistics.median(wait_before(attempt, None, rng) for _ in range(400)) for attempt in range(1, 8)]
    assert all(first < second for first, second in pairwise(medians))
    assert max(wait_before(50, None, rng) for _ in range(200)) <= 60.0
    assert len({wait_before(3, None, rng) for _ in range(20)}) == 20


def test_a_call_that_hangs_is_given_up():
    backend = Served(ANSWER, delay=5.0, timeout_s=0.05, attempts=1)
    (result,), _ = ask(backend)
    assert result.failure == "timeout"


def test_an_answer_is_paid_for_once(tmp_path):
    backend = Served(ANSWER)
    with ResponseCache(tmp_path / "c") as cache:
        (first, second, other), between = ask(backend, request(), request(), request("else?"), cache=cache)
    assert backend.asked == 2
    assert (first.cached, second.cached, other.cached) == (False, True, False)
    assert second.completion.text == "fine"
    assert second.latency_s == pytest.approx(first.latency_s)
    assert (between.monitor.calls, between.monitor.cached) == (2, 1)


def test_a_failure_is_not_kept(tmp_path):
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
    _, between = ask(Served(ANSWER), price=PRICE)
    assert between.monitor.dollars == pytest.approx((1000 * 1.0 + 50 * 10.0) / 1e6)
    assert between.budget.spent == pytest.approx(between.monitor.dollars)


def test_the_cap_holds_with_calls_under_way():
    cap = 0.02

    async def drive():
        stop, budget = Cancellation(), Budget(cap)
        backend = Served(ANSWER, delay=0.01, concurrency=16)
        between = CallServices(ProviderLimits(backend.config.limits), Monitor("m"), stop, budget, PRICE)
        caller = ModelCaller(backend, between)
        results = await asyncio.gather(*(caller(request(f"{n} {LONG}")) for n in range(100)), return_exceptions=True)
        return backend, budget, stop, results

    backend, budget, stop, results = asyncio.run(drive())
    assert budget.spent <= cap
    assert 5 <= backend.asked < 100
    assert "`max_cost`" in stop.reason
    assert all(isinstance(result, Cancelled) or result.completion == ANSWER for result in results)


def test_an_answer_nobody_counted_is_booked_at_its_dearest():
    _, between = ask(Served(Completion("fine")), price=PRICE, budget=Budget(1.0))
    assert between.budget.spent > 100 * 10.0 / 1e6


@pytest.mark.parametrize("cap", [0.0, -1.0, float("nan")])
def test_a_cap_must_be_above_zero(cap):
    with pytest.raises(UserError, match="max_cost"):
        Budget(cap)
