"""Between planner and backend: answers are stored, failures tried again according to their kind, and costs limited."""

import asyncio
import random
import sqlite3
import statistics
from itertools import pairwise

import pytest

from lightemma.backends.base import Backend, CallError, Completion, Message, Request, TextPart
from lightemma.backends.config import Limits, ModelConfig
from lightemma.calls.budget import Budget
from lightemma.calls.cache import ResponseCache
from lightemma.calls.caller import CallContext, ModelCaller
from lightemma.calls.cancellation import Cancellation, Cancelled
from lightemma.calls.health import CONFIRMED, EQUAL_FAILURES
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import ResolvedPrice
from lightemma.calls.retry import LONGEST_OBEYED_S, wait_before
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


def stray(kind: str) -> CallError:
    return CallError(kind, "no")


FATAL = [kind for kind, follows in FAILURES.items() if follows.fatal]


@pytest.mark.parametrize("kind", FATAL)
def test_a_single_fatal_failure_after_answers_is_tried_again(kind):
    backend = Served(ANSWER, stray(kind), ANSWER)
    (first, second), _ = ask(backend, request("1"), request("2"))
    assert (first.completion, second.completion, backend.asked) == (ANSWER, ANSWER, 3)


@pytest.mark.parametrize("kind", FATAL)
def test_a_fatal_failure_of_one_call_is_one_failed_call(kind):
    backend = Served(ANSWER, stray(kind), stray(kind), ANSWER)
    results, _ = ask(backend, *(request(str(n)) for n in range(3)))
    assert [result.failure for result in results] == [None, kind, None]
    assert backend.asked == 4


@pytest.mark.parametrize("kind", FATAL)
def test_fatal_failures_in_a_row_end_the_run_after_answers_too(kind):
    backend = Served(ANSWER, stray(kind))
    with pytest.raises(UserError, match=r"'m'"):
        ask(backend, *(request(str(n)) for n in range(50)))
    assert backend.asked == 1 + 2 * CONFIRMED


@pytest.mark.parametrize("kind", FATAL)
def test_answers_in_between_begin_the_count_anew(kind):
    replies = [ANSWER]
    for _ in range(3):
        replies += [stray(kind)] * (2 * (CONFIRMED - 1)) + [ANSWER]
    results, _ = ask(Served(*replies), *(request(str(n)) for n in range(1 + 3 * CONFIRMED)))
    assert sum(result.failure == kind for result in results) == 3 * (CONFIRMED - 1)


EQUAL = [
    ("bad_request", "Unsupported value: 'temperature' does not support 0.0 with this model.", "temperature: null"),
    (
        "bad_request",
        "Unsupported parameter: 'max_tokens' is not supported; use 'max_completion_tokens'.",
        "max_output_tokens",
    ),
    ("bad_request", "This model's maximum context length is 4096 tokens.", "context_tokens"),
    ("bad_request", "At most 1 image(s) may be provided in one request.", "--limit-mm-per-prompt"),
    ("bad_request", "This model does not support image input.", "reads pictures"),
    ("bad_request", "response_format is not supported", "answer's form"),
    ("bad_request", "Seed must be null.", "remove `seed`"),
    ("rate_limited", "You exceeded your daily quota.", "until the quota is renewed"),
    ("rate_limited", "slow down", "requests_per_minute"),
    ("timeout", "no whole answer within 120 s", "timeout_s"),
    ("connection", "refused", "lightemma doctor"),
    ("invalid_response", "not JSON", "/v1"),
    ("server_error", "out of memory", "server's log"),
]


@pytest.mark.parametrize(("kind", "words", "mends"), EQUAL)
def test_equal_failures_without_an_answer_stop_the_run_with_what_mends_them(kind, words, mends):
    backend = Served(CallError(kind, words), attempts=1)
    with pytest.raises(UserError) as caught:
        ask(backend, *(request(str(n)) for n in range(60)))
    assert backend.asked == EQUAL_FAILURES
    assert words in str(caught.value)
    assert mends in str(caught.value)


@pytest.mark.parametrize("kind", ["content_filter", "refused", "backend_error", "not_recorded"])
def test_what_one_question_met_says_nothing_about_the_others(kind):
    results, _ = ask(Served(CallError(kind, "no"), attempts=1), *(request(str(n)) for n in range(40)))
    assert {result.failure for result in results} == {kind}


def test_failures_of_different_kinds_do_not_stop_a_run():
    replies = [CallError(kind, "no") for _ in range(9) for kind in ("bad_request", "server_error", "timeout")]
    results, _ = ask(Served(*replies, ANSWER, attempts=1), *(request(str(n)) for n in range(28)))
    assert results[-1].completion == ANSWER


def test_requests_that_are_refused_after_answers_do_not_stop_a_run():
    replies = [ANSWER, *[CallError("bad_request", "too long")] * 30, ANSWER]
    results, _ = ask(Served(*replies), *(request(str(n)) for n in range(32)))
    assert sum(result.failure == "bad_request" for result in results) == 30


def test_a_provider_that_is_gone_for_good_stops_a_run():
    replies = [ANSWER, CallError("rate_limited", "daily quota")]
    with pytest.raises(UserError, match=r"the last \d+ calls of 'm' failed in the same way.*quota"):
        ask(Served(*replies, attempts=1), *(request(str(n)) for n in range(60)))


class Simulated(Cancellation):
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.check()


class Down(Served):
    """Answers, except within an outage."""

    def __init__(self, time: Simulated, first: float, last: float, kind: str) -> None:
        super().__init__(ANSWER)
        self.time, self.first, self.last, self.kind = time, first, last, kind

    async def generate(self, request: Request) -> Completion:
        self.asked += 1
        if self.first <= self.time.now < self.last:
            raise CallError(self.kind, "down")
        self.time.now += 1.0
        return ANSWER


@pytest.mark.parametrize("kind", [kind for kind, follows in FAILURES.items() if follows.outage])
@pytest.mark.parametrize("seconds", [30.0, 60.0, 90.0])
def test_an_outage_is_waited_for(kind, seconds, caplog):
    time = Simulated()
    backend = Down(time, 3.0, 3.0 + seconds, kind)
    results, _ = ask(backend, *(request(str(n)) for n in range(8)), cancellation=time)
    assert {result.failure for result in results} == {None}
    assert time.now >= seconds
    assert "does not answer any more" in caplog.text
    assert "answers again" in caplog.text


def test_an_outage_that_lasts_fails_calls_and_then_stops_the_run():
    time = Simulated()
    backend = Down(time, 3.0, 1e9, "connection")
    with pytest.raises(UserError, match="connection"):
        ask(backend, *(request(str(n)) for n in range(80)), cancellation=time)
    assert 100.0 <= time.now <= 2 * 3600.0


def test_one_call_that_fails_while_others_are_answered_is_no_outage():
    class Poisoned(Served):
        async def generate(self, request: Request) -> Completion:
            self.asked += 1
            if request.messages[0].text == "poison":
                await asyncio.sleep(0)
                raise CallError("server_error", "crash")
            return ANSWER

    backend = Poisoned(attempts=4)

    async def drive():
        between = CallContext(ProviderLimits(backend.config.limits), Monitor("m"), NoWaiting(), rng=random.Random(1))
        caller = ModelCaller(backend, between)
        await caller(request("first"))

        async def others():
            for n in range(40):
                await caller(request(str(n)))
                await asyncio.sleep(0)

        poison, _ = await asyncio.gather(caller(request("poison")), others())
        return poison

    result = asyncio.run(drive())
    assert (result.failure, result.attempts) == ("server_error", 4)


def test_a_wait_beyond_the_cap_is_not_waited_for_and_is_said(caplog):
    backend = Served(CallError("rate_limited", "daily quota", retry_after_s=LONGEST_OBEYED_S + 1))
    (result,), between = ask(backend)
    assert (result.failure, backend.asked, between.cancellation.slept) == ("rate_limited", 1, [])
    assert "asks to wait 601 s" in caplog.text
    assert "600 s at most" in caplog.text


def test_a_long_wait_is_obeyed_and_said(caplog):
    backend = Served(CallError("rate_limited", "slow", retry_after_s=90.0), ANSWER)
    _, between = ask(backend)
    assert between.cancellation.slept[0] >= 90.0
    assert "asks to wait 90 s" in caplog.text


IMPOSSIBLE = [
    Usage(-1, 0, -1),
    Usage(10, 0, -1),
    Usage(10, -5, 3),
    Usage(10, 11, 3),
    Usage(10, 6, 3, cache_write=6),
    Usage(10, 0, 3, 4),
    Usage(0, 0, 0),
    Usage(10**9, 0, 3),
    Usage(10, 0, 10**12),
]


@pytest.mark.parametrize("usage", IMPOSSIBLE)
def test_counts_that_cannot_be_are_estimated_and_booked_at_their_dearest(usage, tmp_path):
    backend = Served(Completion("fine", usage))
    with ResponseCache(tmp_path / "c") as cache:
        (first, again), between = ask(backend, request(), request(), price=PRICE, budget=Budget(1.0), cache=cache)
    counted = first.completion.usage
    assert counted.source == "estimate"
    assert 0 < counted.input < 1000
    assert 0 < counted.output <= 100
    assert again.completion.usage == counted
    assert 0 < between.monitor.dollars <= between.budget.spent
    assert between.budget.spent >= 100 * 10.0 / 1e6


@pytest.mark.parametrize("usage", [Usage(1000, 900, 50), Usage(3000, 0, 100, 90), Usage(10, 4, 3, 3, cache_write=6)])
def test_counts_that_can_be_are_believed(usage):
    (result,), _ = ask(Served(Completion("fine", usage)))
    assert result.completion.usage == usage


def test_the_cap_waits_for_calls_in_progress_to_settle():
    """Eight calls at a time are feared to cost more than all of them do."""
    backend = Served(ANSWER, delay=0.001, concurrency=8)
    dearest = (20 + 900 * 5 // 3) * 1.25e-6 + 100 * 10e-6
    cap = 3 * dearest + 40 * 1500e-6

    async def drive():
        stop, budget = Cancellation(), Budget(cap)
        between = CallContext(ProviderLimits(backend.config.limits), Monitor("m"), stop, budget, PRICE)
        caller = ModelCaller(backend, between)
        results = await asyncio.gather(*(caller(request(f"{n} {LONG}")) for n in range(40)))
        return stop, budget, results

    stop, budget, results = asyncio.run(drive())
    assert stop.reason is None
    assert all(result.completion == ANSWER for result in results)
    assert budget.spent == pytest.approx(40 * 1500e-6)


def test_calls_that_wait_for_dollars_end_with_the_run():
    async def drive():
        stop, budget = Cancellation(), Budget(1.0)
        budget.reserve(0.9)
        waiting = asyncio.ensure_future(budget.room(stop))
        await asyncio.sleep(0)
        stop.request("enough")
        with pytest.raises(Cancelled):
            await waiting

    asyncio.run(drive())


def test_two_who_ask_the_same_pay_once(tmp_path):
    backend = Served(ANSWER, delay=0.01)

    async def drive():
        with ResponseCache(tmp_path / "c") as mine, ResponseCache(tmp_path / "c") as other:
            callers = [
                ModelCaller(
                    backend,
                    CallContext(ProviderLimits(backend.config.limits), Monitor("m"), Cancellation(), cache=cache),
                )
                for cache in (mine, other)
            ]
            return await asyncio.gather(*(caller(request()) for caller in callers for _ in range(2)))

    results = asyncio.run(drive())
    assert backend.asked == 1
    assert sorted(result.cached for result in results) == [False, True, True, True]


def test_who_waits_asks_itself_when_the_first_one_failed(tmp_path):
    backend = Served(CallError("bad_request", "no"), ANSWER, delay=0.01)

    async def drive():
        with ResponseCache(tmp_path / "c") as cache:
            between = CallContext(ProviderLimits(backend.config.limits), Monitor("m"), Cancellation(), cache=cache)
            caller = ModelCaller(backend, between)
            return await asyncio.gather(caller(request()), caller(request()))

    first, second = asyncio.run(drive())
    assert (first.failure, second.completion, backend.asked) == ("bad_request", ANSWER, 2)


def test_an_answer_that_cannot_be_kept_is_used_and_the_runs_end(tmp_path):
    backend = Served(Completion("long " * 100_000, Usage(10, 0, 3)))
    with ResponseCache(tmp_path / "c") as cache:
        (pages,) = cache._database.execute("PRAGMA page_count").fetchone()
        cache._database.execute(f"PRAGMA max_page_count = {pages}")
        (result,), between = ask(backend, cache=cache)
        cache._database.execute("PRAGMA max_page_count = 100000")
    assert result.completion.text.startswith("long")
    assert "Make room" in between.cancellation.reason


def test_a_cache_that_stays_locked_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("lightemma.calls.cache_file._BUSY_S", 0.0)
    with ResponseCache(tmp_path / "c") as cache:
        cache._database.execute("PRAGMA journal_mode = DELETE")
        other = sqlite3.connect(tmp_path / "c", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match="stays locked by another program"):
            ask(Served(ANSWER), cache=cache)
        other.close()


def test_a_model_is_checked_before_its_first_call_and_not_for_answers_kept(tmp_path):
    checked = []

    def refuse(config):
        checked.append(config.name)
        raise UserError("The server is not up.")

    with ResponseCache(tmp_path / "c") as cache:
        ask(Served(ANSWER), cache=cache)
        (kept,), _ = ask(Served(ANSWER), cache=cache, check=refuse)
        assert (kept.cached, checked) == (True, [])
        backend = Served(ANSWER)
        with pytest.raises(UserError, match="not up"):
            ask(backend, request("new"), cache=cache, check=refuse)
    assert (backend.asked, checked) == (0, ["m"])


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


# --- what is no answer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("finish", ["refused", "content_filter"])
def test_what_is_no_answer_is_in_no_cache(tmp_path, finish):
    backend = Served(Completion("[(1, 2)]", finish_reason=finish), ANSWER)
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        (first,), _ = ask(backend, cache=cache)
        (second,), _ = ask(backend, cache=cache)
        (third,), _ = ask(backend, cache=cache)
    assert (first.completion.finish_reason, second.completion, third.cached) == (finish, ANSWER, True)
    assert backend.asked == 2


def test_thinking_alone_fails_the_call_and_ten_of_them_stop_the_run(tmp_path):
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        (result,), _ = ask(Served(Completion("<think>[(1, 2)]", Usage(9, 0, 9))), cache=cache)
        assert (result.completion, result.failure, len(cache)) == (None, "reasoning_only", 0)
    backend = Served(Completion("[THINK]hm"), attempts=6)
    with pytest.raises(UserError, match="reasoning parser"):
        ask(backend, *(request(str(n)) for n in range(60)))
    assert backend.asked == EQUAL_FAILURES


def test_an_answer_that_thinking_left_no_tokens_for_is_said_once(caplog):
    backend = Served(Completion("<think>hm", finish_reason="length"))
    results, _ = ask(backend, *(request(str(n)) for n in range(3)))
    assert {(one.completion.text, one.completion.reasoning) for one in results} == {("", "hm")}
    assert caplog.text.count("raise `max_output_tokens`") == 1
