"""How much of a server's throughput the call pool gets, and how often it is refused: five servers in simulated time.

Each server is run by the real pool and the real loop over items, with the waits of a refused call; no call is sent, and no
second is waited. The best fixed level is found by trying fixed levels; where the number of places changes, it is that of each
phase. ``run`` is the whole run, ``steady`` its second half, or half of the last phase. Ends with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import math
import random
import selectors
from collections.abc import Callable
from dataclasses import dataclass, field

import script_input

from lightemma.backends.config import Limits
from lightemma.calls.caller import CallContext
from lightemma.calls.cancellation import Cancellation
from lightemma.calls.concurrency import run_concurrently
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.retry import wait_before

TARGET = 0.95
REFUSED = 0.02
#: Seconds from a refused call to its 429.
REFUSAL_S = 0.02
ROUNDS = 240


class _Impatient(selectors.DefaultSelector):
    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.passed += timeout or 0.0
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose sleeps end at once and move its clock."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        """Simulated seconds."""
        return self._impatient.passed


@dataclass
class Server:
    """What a server does with a call: ``work`` is the seconds that the call takes alone."""

    def offer(self, now: float) -> tuple[bool, float | None]:
        """Whether the call is taken, and what a refusal says of the time to wait."""
        return True, None

    async def serve(self, work: float) -> None:
        """Computes the answer."""
        await asyncio.sleep(work)


@dataclass
class Places(Server):
    """Takes as many calls at a time as it has places, by rounds of calls; refuses others."""

    phases: tuple[int, ...]
    seconds: float
    busy: int = 0

    def offer(self, now: float) -> tuple[bool, float | None]:
        phase = min(int(now / self.seconds * len(self.phases)), len(self.phases) - 1)
        return self.busy < self.phases[phase], 1.0

    async def serve(self, work: float) -> None:
        self.busy += 1
        try:
            await asyncio.sleep(work)
        finally:
            self.busy -= 1


@dataclass
class Shared(Server):
    """Computes all calls side by side; ``speed`` of their number is the sum of the work done per second."""

    speed: Callable[[int], float]
    _left: dict[int, float] = field(default_factory=dict)
    _futures: dict[int, asyncio.Future[None]] = field(default_factory=dict)
    _each: float = 0.0
    _then: float = 0.0
    _order: itertools.count[int] = field(default_factory=itertools.count)
    _timer: asyncio.TimerHandle | None = None

    async def serve(self, work: float) -> None:
        loop = asyncio.get_running_loop()
        self._advance(loop)
        mine = next(self._order)
        self._left[mine], self._futures[mine] = self._each + work, loop.create_future()
        self._plan(loop)
        await self._futures[mine]

    def _advance(self, loop: asyncio.AbstractEventLoop) -> None:
        number = len(self._left)
        if number:
            self._each += (loop.time() - self._then) * self.speed(number) / number
        self._then = loop.time()

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._left:
            first, number = min(self._left.values()), len(self._left)
            wait = max(0.0, (first - self._each) * number / self.speed(number))
            self._timer = loop.call_later(wait + 1e-9, self._end, loop)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        self._advance(loop)
        for one in [one for one, at in self._left.items() if at <= self._each + 1e-9]:
            del self._left[one]
            future = self._futures.pop(one)
            if not future.done():
                future.set_result(None)
        self._plan(loop)


@dataclass
class Bucket(Server):
    """Takes so many calls per second, and a second's worth at once."""

    rate: float
    says: bool
    credit: float = math.nan
    then: float = 0.0

    def offer(self, now: float) -> tuple[bool, float | None]:
        full = max(1.0, self.rate)
        credit = full if math.isnan(self.credit) else min(full, self.credit + (now - self.then) * self.rate)
        taken = credit >= 1.0
        self.credit, self.then = credit - taken, now
        return taken, (1.0 - credit) / self.rate if self.says and not taken else None


def thrashing(number: int) -> float:
    """21.7 per second at 24 calls of a second, 16.4 at 46."""
    alone = min(float(number), 24.0) / (1.0 + 0.106 * (min(number, 24) / 24.0) ** 4)
    return alone if number <= 24 else 21.7 * (24.0 / number) ** 0.43


@dataclass(frozen=True)
class Lengths:
    """Seconds of the calls alone: ``mean``; uniform within 30 %, or lognormal; by stage where they differ."""

    mean: float
    kind: str = "even"

    def draw(self, rng: random.Random, at: int) -> float:
        """The work of a frame's call number ``at``."""
        if self.kind == "lognormal":
            return self.mean * rng.lognormvariate(-0.18, 0.6)
        mean = self.mean * (1.8, 0.6, 0.6)[at] if self.kind == "stages" else self.mean
        return mean * rng.uniform(0.7, 1.3)


KINDS = ("even", "lognormal", "stages")


@dataclass
class Seen:
    """What happened: when calls were answered and refused, and the level over time."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    levels: list[tuple[float, float]] = field(default_factory=list)
    begun: int = 0
    done: int = 0
    ended: float = 0.0

    def rate(self, begin: float, end: float) -> float:
        """Answers per second."""
        return sum(begin <= at < end for at in self.answered) / (end - begin)

    def share_refused(self) -> float:
        """Of all calls."""
        return len(self.refused) / max(1, len(self.refused) + len(self.answered))


def drive(server: Server, lengths: Lengths, seconds: float, fixed: int | None = None, seed: int = 1) -> Seen:
    """Drives frames of three calls for so many simulated seconds."""
    rng, seen = random.Random(seed), Seen()

    async def whole() -> None:
        loop = asyncio.get_running_loop()
        limits = ProviderLimits(Limits(), fixed=fixed, clock=loop.time)
        pool, ending = limits.pool, Cancellation()
        context = CallContext(limits, Monitor("run"), ending, rng=rng)

        async def one(_: int) -> None:
            seen.begun += 1
            for at in range(3):
                work, attempt = lengths.draw(rng, at), 0
                while True:
                    attempt += 1
                    place = await pool.acquire(at)
                    taken, wait = server.offer(loop.time())
                    if taken:
                        await server.serve(work)
                        pool.release(place)
                        seen.answered.append(loop.time())
                        break
                    await asyncio.sleep(REFUSAL_S)
                    pool.release(place, "rate_limited", wait)
                    seen.refused.append(loop.time())
                    await asyncio.sleep(wait_before(attempt, wait, rng))
            seen.done += 1

        def frames() -> itertools.takewhile[int]:
            return itertools.takewhile(lambda _: loop.time() < seconds, itertools.count())

        async def watch() -> None:
            while True:
                seen.levels.append((loop.time(), pool.level))
                await asyncio.sleep(seconds / 60)

        watching = asyncio.ensure_future(watch())
        await run_concurrently(frames(), one, context)
        watching.cancel()

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(whole())
    return seen


@dataclass(frozen=True)
class Case:
    """A server under its name; ``phases``: places one after the other."""

    name: str
    server: Callable[[float], Server]
    phases: tuple[int, ...] = ()


def cases(mean: float) -> list[Case]:
    """The five servers, for calls of ``mean`` seconds alone (their rates are those at one second, but the bucket's)."""

    return [
        Case("40 places", lambda s: Places((40,), s), (40,)),
        Case("40 -> 10 -> 40", lambda s: Places((40, 10, 40), s), (40, 10, 40)),
        Case("thrashing", lambda _: Shared(thrashing)),
        Case("processor sharing", lambda _: Shared(lambda n: min(float(n), 20.0))),
        Case("5 per second", lambda _: Bucket(5.0, says=False)),
        Case("5 per second, says when", lambda _: Bucket(5.0, says=True)),
    ]


def best(case: Case, lengths: Lengths, seconds: float) -> tuple[float, str]:
    """Answers per second at the best fixed level, and that level."""
    if case.phases:
        per_second = sum(case.phases) / len(case.phases) / lengths.mean
        return per_second, "/".join(map(str, case.phases))
    if case.name.startswith("5 per"):
        return 5.0, "rate"
    short = min(seconds, 40 * lengths.mean)
    found = {
        n: drive(case.server(short), lengths, short, n, seed=7).rate(short / 4, short) for n in (20, 22, 24, 27, 30)
    }
    level = max(found, key=lambda n: found[n])
    return found[level], str(level)


def main() -> int:
    """Prints the figures; 1 if a target is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=script_input.amount, nargs="+", default=[1])
    options.add_argument("--mean", type=script_input.positive, nargs="+", default=[1.0, 10.0])
    options.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options.add_argument("--only", default="")
    options.add_argument("--rounds", type=script_input.count, default=ROUNDS, help="length of a run in mean answers")
    options.add_argument("--levels", action="store_true", help="prints the level over time")
    chosen, missed = options.parse_args(), 0
    names = [case.name for case in cases(chosen.mean[0])]
    if not any(chosen.only in name for name in names):
        options.error(f"argument --only: '{chosen.only}' is in none of {', '.join(names)}")
    for mean, kind in itertools.product(chosen.mean, chosen.kinds):
        lengths, seconds = Lengths(mean, kind), chosen.rounds * mean
        print(f"answers of {mean:g} s, {kind}, {seconds:g} s a run")
        for case in cases(mean):
            if chosen.only not in case.name:
                continue
            top, level = best(case, lengths, seconds)
            for seed in chosen.seeds:
                seen = drive(case.server(seconds), lengths, seconds, seed=seed)
                whole = seen.rate(0, seconds) / top
                final = top if not case.phases else case.phases[-1] / mean
                steady = seen.rate(seconds * (5 / 6 if len(case.phases) > 1 else 1 / 2), seconds) / final
                refused = seen.share_refused()
                met = steady >= TARGET and refused < REFUSED and seen.begun == seen.done
                missed += not met
                print(
                    f"  {case.name:24} best {top:5.2f}/s at {level:9} run {whole:5.2f}  steady {steady:5.2f}  "
                    f"refused {refused:6.2%}  lost {seen.begun - seen.done}{'' if met else '  missed'}",
                    flush=True,
                )
                if chosen.levels:
                    print("    " + " ".join(f"{level:.0f}" for _, level in seen.levels[:60]))
    return int(missed > 0)


if __name__ == "__main__":
    script_input.ends(main)
