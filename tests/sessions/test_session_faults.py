"""Faults of a whole command: a second process, endings with calls in flight, and what is said at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightemma.backends.base import CallError, Completion, Request
from lightemma.calls.cache import FILE as CACHE
from lightemma.calls.cancellation import Cancellation, cancelling_on_interrupt
from lightemma.calls.health import EQUAL_FAILURES
from lightemma.cli.running import ending
from lightemma.errors import UserError
from lightemma.evaluation.scores import load_scores
from lightemma.run_folder.lock import RunLock
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.run import Spending
from tests.conftest import lines_of_run
from tests.sessions.test_every_loop import LOOPS, Counting, Loop, folder_of, only


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> Loop:
    return LOOPS[request.param]


class Slow(Counting):
    """Takes its time, so that calls are in flight when something happens."""

    seconds = 0.05

    async def generate(self, request: Request) -> Completion:
        answer = await super().generate(request)
        await asyncio.sleep(self.seconds)
        return answer


def kept(results: Path) -> int:
    import sqlite3

    with sqlite3.connect(results / CACHE) as database:
        (count,) = database.execute("SELECT COUNT(*) FROM answers").fetchone()
        assert database.execute("SELECT COUNT(*) FROM claims").fetchone() == (0,)
    return int(count)


def test_a_run_that_is_being_driven_is_refused_before_anything_is_asked(loop, tmp_path):
    backend = Counting()
    with RunLock(folder_of(loop, tmp_path / "results")), pytest.raises(UserError, match="is being driven by process"):
        loop.open(tmp_path, only(backend)).run()
    assert backend.asked == 0
    loop.open(tmp_path, only(backend)).run()
    assert backend.asked == 4 * loop.calls
    assert not (folder_of(loop, tmp_path / "results") / ".lock").exists()


def test_a_second_process_writes_no_frame_and_pays_no_call(loop, tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from lightemma.errors import UserError\n"
        "from tests.sessions.test_every_loop import LOOPS, Counting, only\n"
        "backend = Counting()\n"
        "try: LOOPS[sys.argv[1]].open(Path(sys.argv[2]), only(backend)).run()\n"
        "except UserError as error: print(backend.asked, error)\n"
    )
    name = "closed" if loop.prefix else "open"
    said: list[str] = []
    backend = Counting()

    def meanwhile() -> None:
        words = [sys.executable, "-c", code, name, str(tmp_path)]
        said.append(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

    backend.at_call[2] = meanwhile
    loop.open(tmp_path, only(backend)).run()
    assert said[0].startswith("0 The run")
    assert f"process {os.getpid()}" in said[0]
    assert backend.asked == 4 * loop.calls
    frames = read_frames(folder_of(loop, tmp_path / "results"))
    assert len(lines_of_run(folder_of(loop, tmp_path / "results"))) == len(frames)


def test_two_runs_that_share_a_cache_pay_every_call_once(loop, tmp_path):
    """The same model by two planners: under two names they are two runs, of one command or of two."""
    backend = Slow()
    loop.open(tmp_path, only(backend), name="one").run()
    before = backend.asked
    loop.open(tmp_path, only(backend), name="two").run()
    assert backend.asked == before
    manifest = read_manifest(tmp_path / "results" / "two")
    assert (manifest.calls, manifest.cached_calls) == (before, before)
    first = read_manifest(tmp_path / "results" / "one")
    assert (first.calls, first.cached_calls) == (before, 0)


def test_what_came_from_the_cache_is_said_and_its_seconds_are_not_this_run_s(loop, tmp_path):
    backend = Slow()
    loop.open(tmp_path, only(backend), name="one").run()
    (outcome,) = loop.open(tmp_path, only(backend), name="two").run()
    count = outcome.calls
    assert (outcome.cached, count) == (count, 4 * loop.calls)
    assert f"{count} of {count} calls answered from the cache" in ending(outcome, loop.unit)
    seconds = [load_scores(tmp_path / "results" / name).latency for name in ("one", "two")]
    assert (seconds[0] > 0).all()
    assert (seconds[1] != seconds[1]).all(), "NaN"


def test_another_server_under_the_same_model_id_is_asked_itself(loop, tmp_path):
    backends = {
        "a": Counting("a", base_url="http://localhost:1/v1"),
        "b": Counting("b", base_url="http://localhost:2/v1"),
    }
    for backend in backends.values():
        backend.config = backend.config.model_copy(update={"model": "the same"})
    for name in backends:
        loop.open(tmp_path, backends.__getitem__, models=[name]).run()
    assert [backend.asked for backend in backends.values()] == [4 * loop.calls] * 2


@pytest.fixture
def hangup_counts() -> Iterator[None]:
    """A closed terminal ends a run, also where these tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangup_counts")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_calls_in_flight_are_kept_before_a_signal_ends_the_run(loop, tmp_path, monkeypatch, number):
    monkeypatch.setattr("lightemma.calls.concurrency.GRACE_S", 0.0)
    backend = Slow()
    backend.at_call[4] = lambda: os.kill(os.getpid(), number)
    (outcome,) = loop.open(tmp_path, only(backend), concurrency=3).run()
    assert outcome.stopped == "interrupted"
    assert kept(tmp_path / "results") == backend.asked, "no answer that was paid for is lost"
    again = Counting()
    loop.open(tmp_path, only(again)).run()
    assert backend.asked + again.asked == 4 * loop.calls


def test_an_ignored_hangup_stays_ignored():
    async def installed() -> object:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with cancelling_on_interrupt(Cancellation()):
                return signal.getsignal(signal.SIGHUP)
        finally:
            signal.signal(signal.SIGHUP, before)

    assert asyncio.run(installed()) == signal.SIG_IGN


FAULTS = {
    "a wrong key": CallError("auth", "no"),
    "an error of ours": RuntimeError("a fault"),
    "the disk": OSError("No space left on device"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_calls_in_flight_are_kept_before_an_error_ends_the_run(loop, tmp_path, monkeypatch, fault):
    monkeypatch.setattr("lightemma.calls.concurrency.GRACE_S", 0.0)
    answered = []

    class Failing(Slow):
        async def generate(self, request: Request) -> Completion:
            if self.asked == 2:
                self.asked += 1
                raise UserError(str(FAULTS[fault]))
            answer = await super().generate(request)
            answered.append(request)
            return answer

    with pytest.raises(UserError):
        loop.open(tmp_path, only(Failing()), concurrency=3).run()
    assert answered
    assert kept(tmp_path / "results") == len(answered)


def test_one_run_that_fails_leaves_the_others_alone(loop, tmp_path):
    good, bad = Counting("good"), Counting("bad")

    async def refuse(request: Request) -> Completion:
        raise CallError("auth", "no")

    bad.generate = refuse  # type: ignore[method-assign]
    with pytest.raises(UserError, match="refused the key for model 'bad'"):
        loop.open(tmp_path, {"good": good, "bad": bad}.__getitem__, models=["good", "bad"]).run()
    assert good.asked == 4 * loop.calls
    assert read_manifest(folder_of(loop, tmp_path / "results", "good")).ended is not None


def test_the_commonest_reason_is_in_the_closing_line(loop, tmp_path):
    backend = Counting()
    whole = backend.generate

    async def refuse(request: Request) -> Completion:
        answer = await whole(request)
        if request.stage == "action":
            raise CallError("content_filter", "The input was flagged.")
        return answer

    backend.generate = refuse  # type: ignore[method-assign]
    (outcome,) = loop.open(tmp_path, only(backend)).run()
    assert outcome.failed == 4
    assert "4 with failed calls, mostly content_filter: The input was flagged. (" in ending(outcome, loop.unit)


def test_the_same_refusal_for_every_frame_stops_the_run_at_once(loop, tmp_path):
    backend = Counting()

    async def refuse(request: Request) -> Completion:
        backend.asked += 1
        raise CallError("bad_request", "Unsupported value: 'temperature' does not support 0.0 with this model.")

    backend.generate = refuse  # type: ignore[method-assign]
    if loop.prefix:  # an episode has as many decisions as it takes
        with pytest.raises(UserError, match="temperature: null"):
            loop.open(tmp_path, only(backend), concurrency=2).run()
        assert backend.asked <= EQUAL_FAILURES + 4  # those in flight
        return
    (outcome,) = loop.open(tmp_path, only(backend)).run()  # fewer frames than it takes to be sure
    assert (outcome.failed, backend.asked) == (4, 4)
    assert "temperature" in ending(outcome, loop.unit)


def test_a_small_cap_that_is_enough_is_not_reached_by_fear(loop, tmp_path):
    """A call costs a dollar and is feared to cost six: three at a time would be feared beyond the cap at once."""
    backend = Slow()
    (outcome,) = loop.open(tmp_path, only(backend), concurrency=3).run(Spending(max_cost=4.0 * loop.calls + 6.0))
    assert (outcome.done, outcome.stopped) == (4, None)


def test_a_damaged_cache_is_moved_aside_and_the_run_continues(loop, tmp_path, caplog):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / CACHE).write_bytes(b"\xff" * 5000)
    backend = Counting()
    (outcome,) = loop.open(tmp_path, only(backend)).run()
    assert (outcome.done, backend.asked) == (4, 4 * loop.calls)
    assert "moved to 'responses.sqlite.damaged-1'" in caplog.text
