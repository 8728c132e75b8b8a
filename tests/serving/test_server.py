"""A server's life: started once, warmed up, watched, started again, ended with all that it started."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time

import pytest

from lightemma.errors import UserError
from lightemma.serving import server as server_module
from lightemma.serving.orphan_registry import FOLDER, read_notes
from lightemma.serving.pool import ServerPool
from lightemma.serving.probe import counters
from lightemma.serving.server import Server, ServerLostError
from tests.serving.kit import carrying, launch, wait_until


@pytest.fixture
def marker(tmp_path):
    """A text in the environment of all servers of a test; no process may have it afterwards."""
    text = f"TEST_FOLDER={tmp_path}"
    yield {"TEST_FOLDER": str(tmp_path)}
    left = carrying(text)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "processes are left"


def starts(folder):
    return [json.loads(line) for line in (folder / "server.jsonl").read_text().splitlines()]


def test_a_server_is_started_once_for_all_who_wait_and_ended_with_its_worker(tmp_path, marker):
    async def scenario():
        pool = ServerPool(tmp_path)
        server = pool.join(launch(marker), tmp_path / "run")
        assert not server.is_up
        first, *others = await asyncio.gather(*(server.ready() for _ in range(5)))
        assert all(running is first for running in others)
        (note,) = read_notes(tmp_path / FOLDER).values()
        processes = carrying(f"TEST_FOLDER={tmp_path}")
        assert note.server.pid in processes
        assert len(processes) == 3, "the watchdog, the server, its worker"
        assert counters(first.address, 5.0) == {"input_tokens": 124, "output_tokens": 20}, "asked once, with a picture"
        await pool.leave(server)
        assert carrying(f"TEST_FOLDER={tmp_path}") == []

    asyncio.run(scenario())
    assert not (tmp_path / FOLDER).exists()
    (start,) = starts(tmp_path / "run")
    assert (start["how"], start["version"]) == ("stopped", "0.0.fake")
    assert start["counted"] == {"input_tokens": 0, "output_tokens": 0}, "the request that warmed it up is not counted"
    assert "starting" in (tmp_path / "run" / "server.log").read_text()


@pytest.mark.parametrize(
    ("env", "more", "sentence"),
    [
        ({"FAKE_FAIL_STARTS": "1"}, {}, r"ended with status 1 before it was healthy: ValueError: no room .*\(log: .*log\)"),
        ({"FAKE_DIE_AT": "0"}, {}, r"was healthy, but failed at its first request .*the made-up engine dropped dead"),
        ({"FAKE_STARTUP_S": "60"}, {"startup_timeout_s": 0.5}, r"was not healthy within 0\.5 s"),
        ({}, {"extra": ["--served-model-name", "another"]}, r"serves another instead of made/up"),
    ],
)  # fmt: skip
def test_a_start_that_fails_is_one_sentence_and_leaves_nothing(tmp_path, marker, env, more, sentence):
    async def scenario():
        server = Server(launch({**marker, **env}, **more), tmp_path)
        server.start_log.join(tmp_path / "run")
        with pytest.raises(UserError, match=sentence) as failed:
            await server.ready()
        assert "\n" not in str(failed.value)
        assert carrying(f"TEST_FOLDER={tmp_path}") == []
        with pytest.raises(UserError) as again:
            await server.ready()
        assert again.value is failed.value, "a start that failed is not tried again by the next call"

    asyncio.run(scenario())
    (start,) = starts(tmp_path / "run")
    assert (start["how"], start["counted"]) == ("did not start", None)


def test_a_server_that_refuses_pictures_is_not_taken(tmp_path, marker):
    async def scenario():
        # Says it takes none, but the options do not know.
        server = Server(launch(marker, limit_images=None, extra=["--limit-mm-per-prompt", '{"image": 0}']), tmp_path)
        with pytest.raises(UserError, match=r"refused a request with a picture \(HTTP 400: At most 0 image"):
            await server.ready()
        textual = Server(launch(marker, limit_images=0), tmp_path)
        await textual.ready()
        await textual.stop()

    asyncio.run(scenario())


def test_a_start_that_is_given_up_leaves_nothing(tmp_path, marker):
    async def scenario():
        server = Server(launch({**marker, "FAKE_STARTUP_S": "60"}), tmp_path)
        waiting = asyncio.create_task(server.ready())
        assert await asyncio.to_thread(wait_until, lambda: len(carrying(f"TEST_FOLDER={tmp_path}")) == 3)
        waiting.cancel()  # one caller stops waiting: the start continues for the others
        await asyncio.gather(waiting, return_exceptions=True)
        assert len(carrying(f"TEST_FOLDER={tmp_path}")) == 3
        await server.stop()

    asyncio.run(scenario())


def test_a_loop_that_ends_takes_a_server_that_is_starting_along(tmp_path, marker):
    async def scenario():
        waiting = asyncio.create_task(Server(launch({**marker, "FAKE_STARTUP_S": "60"}), tmp_path).ready())
        assert await asyncio.to_thread(wait_until, lambda: len(carrying(f"TEST_FOLDER={tmp_path}")) == 3)
        del waiting

    asyncio.run(scenario())


def test_a_server_that_takes_no_notice_is_killed(tmp_path, marker):
    async def scenario():
        server = Server(launch({**marker, "FAKE_STUBBORN": "1"}, grace_s=0.3), tmp_path)
        await server.ready()
        await server.stop()

    asyncio.run(scenario())


def test_a_dead_server_is_started_again_until_it_may_not(tmp_path, marker):
    async def scenario():
        env = {**marker, "FAKE_STATE": str(tmp_path / "starts"), "FAKE_FAIL_STARTS": "3"}
        server = Server(launch(env, restarts=2), tmp_path)
        server.start_log.join(tmp_path / "run")
        first = await server.ready()
        await server.doubt(first)
        assert server.is_up, "a server that is well is left alone"
        os.kill(server._process.pid, signal.SIGKILL)  # the watchdog
        server._process.wait(20)
        await asyncio.gather(*(server.doubt(first) for _ in range(4)))
        assert not server.is_up
        second = await server.ready()
        assert second.number == 2
        await server.doubt(first)
        assert server.is_up, "failures of the server before say nothing about this one"
        watchdog = server._process
        for pid in carrying(f"TEST_FOLDER={tmp_path}"):
            os.kill(pid, signal.SIGKILL)
        watchdog.wait(20)
        await server.doubt(second)
        with pytest.raises(ServerLostError, match=r"died 3 times \(ValueError: no room .*options\.restarts"):
            await server.ready()
        with pytest.raises(ServerLostError):
            await server.ready()
        await server.stop()

    asyncio.run(scenario())
    assert [start["how"] for start in starts(tmp_path / "run")] == ["died", "died", "did not start"]


def test_a_server_that_hangs_is_distinguished_from_a_slow_one(tmp_path, marker, monkeypatch):
    monkeypatch.setattr(server_module, "_HANG_S", 0.5)

    async def scenario():
        state = {**marker, "FAKE_STATE": str(tmp_path / "starts"), "FAKE_HANG_AT": "1st:1"}
        hung = Server(launch(state), tmp_path)
        running = await hung.ready()
        asked = time.monotonic()
        running.answered()
        await hung.doubt(running, timed_out_since=asked)
        assert hung.is_up, "others were answered meanwhile"
        await hung.doubt(running)
        assert hung.is_up, "healthy, and no call waited without an answer"
        await hung.doubt(running, timed_out_since=time.monotonic())
        assert not hung.is_up
        await hung.stop()

        slow = Server(launch(marker), tmp_path)
        running = await slow.ready()
        await slow.doubt(running, timed_out_since=time.monotonic())
        assert slow.is_up, "no call was answered, but a very short one is answered immediately"
        await slow.stop()

    asyncio.run(scenario())


def test_equal_launches_share_one_server(tmp_path, marker):
    async def scenario():
        pool = ServerPool(tmp_path)
        one, two = (pool.join(launch(marker), tmp_path / name) for name in ("one", "two"))
        other = pool.join(launch({**marker, "X": "1"}), tmp_path / "other")
        assert one is two
        assert other is not one
        await one.ready()
        await pool.leave(one)
        assert one.is_up, "another user still needs it"
        await pool.leave(two)
        assert not one.is_up
        assert carrying(f"TEST_FOLDER={tmp_path}") == []
        await other.ready()
        await pool.aclose()

    asyncio.run(scenario())
    logs = [tmp_path / name / "server.log" for name in ("one", "two")]
    assert logs[0].samefile(logs[1])
    assert starts(tmp_path / "one") == starts(tmp_path / "two")


def test_an_earlier_log_is_kept(tmp_path, marker):
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "server.log").write_text("of yesterday")

    async def scenario():
        pool = ServerPool(tmp_path)
        server = pool.join(launch(marker), tmp_path / "one")
        pool.join(launch(marker), tmp_path / "two")
        await server.ready()
        await pool.aclose()

    asyncio.run(scenario())
    kept = list((tmp_path / "two").glob("server-*.log"))
    assert [path.read_text() for path in kept] == ["of yesterday"]
    assert "starting" in (tmp_path / "two" / "server.log").read_text()
