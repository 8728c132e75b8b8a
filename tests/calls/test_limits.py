"""The pool finds a provider's limit, keeps it, and follows it when it changes."""

import asyncio
import heapq
import itertools
import random
import selectors
from contextlib import nullcontext

import pytest

from lightemma.backends.config import Limits
from lightemma.calls.caller import CallContext
from lightemma.calls.cancellation import Cancellation
from lightemma.calls.concurrency import aside, run_concurrently
from lightemma.calls.limits import COLLAPSE, LATENCY_WINDOW, CallPool, ProviderLimits, RateCap
from lightemma.calls.monitor import Monitor


class World:
    """A provider with a capacity, in simulated time: no test waits or depends on the machine."""

    def __init__(self, pool: CallPool, capacity: int, latency: float = 1.0, seed: int = 3) -> None:
        self.pool, self.capacity, self.latency = pool, capacity, latency
        self.rng = random.Random(seed)
        self.now = 0.0
        self.flying = 0
        self.log: list[tuple[float, bool]] = []
        self._events: list[tuple[float, int, float, bool]] = []
        self._order = itertools.count()

    def clock(self) -> float:
        return self.now

    async def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            while self.pool.room > 0:
                started = await self.pool.acquire()
                served = self.flying < self.capacity
                self.flying += served
                takes = self.latency * self.rng.uniform(0.7, 1.3) if served else 0.02
                heapq.heappush(self._events, (self.now + takes, next(self._order), started, served))
            self.now, _, started, served = heapq.heappop(self._events)
            self.flying -= served
            self.log.append((self.now, served))
            self.pool.release(started, None if served else "rate_limited", None if served else 1.0)

    def since(self, moment: float) -> tuple[float, float]:
        """Share of the capacity used, and share of calls refused, from a moment on."""
        served = sum(ok for when, ok in self.log if when >= moment)
        refused = sum(not ok for when, ok in self.log if when >= moment)
        return served * self.latency / (self.capacity * (self.now - moment)), refused / (served + refused)


def world(capacity: int, **settings) -> World:
    pool = CallPool(clock=lambda: made.now)
    made = World(pool, capacity, **settings)
    return made


@pytest.mark.parametrize("capacity", [5, 10, 40, 150])
def test_a_limit_is_found_and_kept(capacity):
    there = world(capacity)
    asyncio.run(there.run(120))
    used, refused = there.since(30)
    assert used >= 0.90
    assert refused < 0.02


def test_the_level_follows_a_limit_that_changes():
    there = world(60)
    asyncio.run(there.run(60))
    there.capacity = 20
    asyncio.run(there.run(60))
    assert there.pool.level < 23
    there.capacity = 80
    asyncio.run(there.run(400))
    assert there.pool.level > 60


def test_a_fixed_pool_never_changes_and_never_allows_more():
    async def drive() -> int:
        pool, most = CallPool(fixed=4), 0

        async def call() -> None:
            nonlocal most
            started = await pool.acquire()
            most = max(most, pool.in_flight)
            await asyncio.sleep(0)
            pool.release(started, "rate_limited", 1.0)

        await asyncio.gather(*(call() for _ in range(50)))
        assert pool.level == 4
        assert pool.in_flight == 0
        return most

    assert asyncio.run(drive()) == 4


def test_a_level_that_is_not_used_does_not_grow():
    async def drive() -> float:
        pool = CallPool()
        for _ in range(500):
            pool.release(await pool.acquire())
        return pool.level

    assert asyncio.run(drive()) == 8.0


def test_slow_answers_lower_the_level():
    now = 0.0

    async def drive() -> tuple[float, float]:
        nonlocal now
        pool = CallPool(clock=lambda: now)

        async def round_of(latency: float) -> None:
            nonlocal now
            started = [await pool.acquire() for _ in range(max(pool.room, 1))]
            now += latency
            for one in started:
                pool.release(one)

        for _ in range(6):
            await round_of(1.0)
        before = pool.level
        for _ in range(2 + LATENCY_WINDOW // 4):
            await round_of(2.0 * COLLAPSE)
        return before, pool.level

    before, after = asyncio.run(drive())
    assert after < before


def test_later_stages_have_priority_and_ties_go_by_arrival():
    async def drive() -> list[str]:
        pool, order = CallPool(fixed=1), []
        first = await pool.acquire()

        async def call(name: str, at: int) -> None:
            started = await pool.acquire(at)
            order.append(name)
            pool.release(started)

        tasks = [
            asyncio.create_task(call(*one)) for one in (("scene", 0), ("intent", 1), ("scene 2", 0), ("action", 2))
        ]
        await asyncio.sleep(0)
        pool.release(first)
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(drive()) == ["action", "intent", "scene", "scene 2"]


def test_abandoned_waiters_release_their_places():
    async def drive() -> int:
        pool = CallPool(fixed=2)
        held = [await pool.acquire() for _ in range(2)]
        waiting = [asyncio.create_task(pool.acquire()) for _ in range(5)]
        await asyncio.sleep(0)
        for task in waiting[:3]:
            task.cancel()
        pool.release(held[0])
        waiting[3].cancel()  # may have its place already
        await asyncio.gather(*waiting, return_exceptions=True)
        pool.release(held[1])
        if not waiting[4].cancelled():
            pool.release(waiting[4].result())
        return pool.in_flight

    assert asyncio.run(drive()) == 0


class _Impatient(selectors.DefaultSelector):
    """Does not wait for events that are due later, but moves the clock forward."""

    passed = 0.0

    def select(self, timeout=None):
        self.passed += timeout or 0.0
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop in simulated time: sleeps end immediately, and the clock moves by their length."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.passed


def in_simulated_time(coroutine):
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(coroutine)


def test_no_call_is_sent_before_the_time_that_the_provider_asked_for():
    async def drive() -> tuple[bool, float]:
        loop = asyncio.get_running_loop()
        pool = CallPool(clock=loop.time)
        for _ in range(30):
            pool.release(await pool.acquire(), "rate_limited", 0.2)
            if pool.room <= 0 or not pool._free():
                break
        shut = not pool._free()
        begun = loop.time()
        pool.release(await pool.acquire())
        return shut, loop.time() - begun

    shut, waited = in_simulated_time(drive())
    assert shut
    assert waited == pytest.approx(0.2)


def test_a_rate_cap_allows_its_rate_and_no_more():
    async def drive() -> float:
        loop = asyncio.get_running_loop()
        cap = RateCap(60_000, clock=loop.time)  # 1,000 a second, 5,000 available
        begun = loop.time()
        for _ in range(52):
            await cap.take(100)
        return loop.time() - begun

    assert in_simulated_time(drive()) == pytest.approx(0.2)  # 200 more than were available


def test_no_cap_never_waits_and_provider_limits_come_from_the_settings():
    async def drive() -> None:
        loop = asyncio.get_running_loop()
        await RateCap(None, clock=loop.time).take(1e12)
        assert loop.time() == 0.0

    in_simulated_time(drive())
    assert ProviderLimits(Limits(concurrency=7)).pool.level == 7
    assert ProviderLimits(Limits(concurrency=7), fixed=3).pool.level == 3
    assert ProviderLimits(Limits()).pool.adapts


def seconds_of_a_run(frames: int, places: int, *, known: bool = True, seed: int = 1) -> float:
    """Wall time of three calls a frame of 2 s each, +-30 %, over the ideal; ``known``: the number of frames is."""
    rng, worked = random.Random(seed), 0.0

    async def drive() -> float:
        loop = asyncio.get_running_loop()
        limits = ProviderLimits(Limits(), fixed=places, clock=loop.time)
        context = CallContext(limits, Monitor("run"), Cancellation())

        async def one(_: int) -> None:
            nonlocal worked
            for at in range(3):
                started, takes = await limits.pool.acquire(at), rng.uniform(1.4, 2.6)
                worked += takes
                await asyncio.sleep(takes)
                limits.pool.release(started)

        await run_concurrently(range(frames), one, context, count=frames if known else None)
        assert not limits.pool.at_the_end  # nothing is left behind for the next run
        return loop.time()

    return in_simulated_time(drive()) / (worked / places)


@pytest.mark.parametrize(("frames", "most"), [(81, 1.18), (208, 1.08), (1500, 1.03)])
def test_places_stay_in_use_to_the_end_of_a_run(frames, most):
    assert seconds_of_a_run(frames, 64) <= most
    assert seconds_of_a_run(frames, 64) < seconds_of_a_run(frames, 64, known=False)


def test_one_call_at_a_time_goes_frame_by_frame_to_the_end():
    pool = CallPool(fixed=1)
    pool.left(pool, 0)
    assert not pool.at_the_end


def begun_and_ended(places: int, *, steps_aside: bool) -> tuple[float, list[int]]:
    """24 items that first make no call for 6 s, then two calls of 1 s each: seconds, and the order in which they began."""
    order: list[int] = []

    async def drive() -> float:
        loop = asyncio.get_running_loop()
        limits = ProviderLimits(Limits(), fixed=places, clock=loop.time)
        context = CallContext(limits, Monitor("run"), Cancellation())

        async def one(item: int) -> None:
            order.append(item)
            with aside() if steps_aside else nullcontext():
                await asyncio.sleep(6.0)
            for at in range(2):
                started = await limits.pool.acquire(at)
                await asyncio.sleep(1.0)
                limits.pool.release(started)

        await run_concurrently(range(24), one, context)
        return loop.time()

    return in_simulated_time(drive()), order


def test_an_item_that_makes_no_call_holds_up_no_calls_of_others():
    ideal = 24 * 2 / 2
    assert begun_and_ended(2, steps_aside=True)[0] == pytest.approx(ideal + 6.0)
    assert begun_and_ended(2, steps_aside=False)[0] > 1.4 * ideal
    assert begun_and_ended(1, steps_aside=True) == (pytest.approx(24 * 8.0), list(range(24))), (
        "one by one stays one by one"
    )


def test_outside_of_an_item_stepping_aside_does_nothing():
    with aside():
        pass
    with pytest.raises(ValueError, match="of the item"), aside():
        raise ValueError("of the item")


def test_the_end_is_that_of_all_runs_on_a_provider():
    pool = CallPool(fixed=10)
    pool.left("long run", 500)
    pool.left("short run", 1)
    assert not pool.at_the_end
    pool.left("long run", None)
    assert pool.at_the_end


class Busy(World):
    """A provider without places: the more calls, the slower; beyond ``capacity`` fewer are answered per second."""

    async def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            while self.pool.room > 0:
                started = await self.pool.acquire()
                self.flying += 1
                over = max(0.0, self.flying / self.capacity - 1.0)
                takes = self.latency * self.rng.uniform(0.7, 1.3) * (1.0 + 2.0 * over)
                heapq.heappush(self._events, (self.now + takes, next(self._order), started, True))
            self.now, _, started, _ = heapq.heappop(self._events)
            self.flying -= 1
            self.log.append((self.now, True))
            self.pool.release(started)


@pytest.mark.parametrize("latency", [1.0, 10.0])
def test_a_server_that_slows_down_is_not_flooded(latency):
    made = Busy(CallPool(clock=lambda: made.now), 24, latency)
    asyncio.run(made.run(200 * latency))
    assert made.since(120 * latency)[0] >= 0.9
    assert 18 <= made.pool.level <= 34


@pytest.mark.parametrize("seed", [3, 4])
def test_an_old_limit_is_found_again_soon(seed):
    there = world(40, seed=seed)
    asyncio.run(there.run(40))
    there.capacity = 10
    asyncio.run(there.run(30))
    assert there.pool.level <= 11
    there.capacity = 40
    asyncio.run(there.run(8 * 1.3))  # eight of the longest round trips
    assert there.pool.level >= 36


@pytest.mark.parametrize("latency", [1.0, 6.0])
def test_a_limit_of_calls_per_second_is_found_as_a_rate(latency):
    rate, rng = 5.0, random.Random(5)

    async def drive() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        limits = ProviderLimits(Limits(), clock=loop.time)
        credit, then, taken, refused = rate, 0.0, 0, 0

        async def one(_: int) -> None:
            nonlocal credit, then, taken, refused
            while True:
                place = await limits.pool.acquire()
                now = loop.time()
                credit, then = min(rate, credit + (now - then) * rate), now
                if credit >= 1.0:
                    credit -= 1.0
                    await asyncio.sleep(latency * rng.uniform(0.7, 1.3))
                    limits.pool.release(place)
                    taken += now >= 300
                    return
                await asyncio.sleep(0.02)
                limits.pool.release(place, "rate_limited")
                refused += now >= 300
                await asyncio.sleep(rng.uniform(0.2, 1.0))

        items = itertools.takewhile(lambda _: loop.time() < 500, itertools.count())
        await run_concurrently(items, one, CallContext(limits, Monitor("run"), Cancellation()))
        return taken, refused

    taken, refused = in_simulated_time(drive())
    assert taken >= 0.93 * rate * 200
    assert refused < 0.02 * taken
