"""How long planning takes in real time, and plans that are none."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest

from lightemma.backends.base import Backend, Completion, Request
from lightemma.backends.config import Limits, ModelConfig
from lightemma.closed_loop.drivers import own_driver, run_names
from lightemma.closed_loop.episodes_of_world import EpisodesOfWorld
from lightemma.closed_loop.hosts import InProcessHost
from lightemma.closed_loop.records import read_episodes
from lightemma.closed_loop.spec import LoopRules, episodes
from lightemma.run_folder.store import read_frames
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.jobs import make_jobs
from lightemma.sessions.session import Session
from tests.closed_loop import odd_planners
from tests.closed_loop.fake_world import FakeFactory

PLACE = "tests.closed_loop.odd_planners"
REAL_TIME = LoopRules(real_time=True)


class Factory(FakeFactory):
    drivers = {**FakeFactory.drivers, "odd-driver": odd_planners.OddDriver}  # noqa: RUF012 -- read only


def drive(out: Path, *planners: str, rules: LoopRules | None = None, seeds=(0,), backend: Backend | None = None):
    rules = rules or LoopRules()
    names = [f"{PLACE}:{name}" if name[0].isupper() else name for name in planners]
    benchmark = Benchmark(world="city", planners=names, models=["m"] if backend else [])
    jobs = make_jobs(benchmark, lambda _: backend, run_names(rules), own_driver(Factory.drivers))
    work = EpisodesOfWorld(
        episodes(["open"], list(seeds)), rules, lambda: InProcessHost(Factory()), {"renderer": "fake"}
    )
    return Session(work, jobs, out, None).run()


@pytest.fixture
def clock(monkeypatch):
    """Time passes in planners only."""
    odd_planners.CLOCK[0] = 0.0
    monkeypatch.setattr("lightemma.planners.planning.time.perf_counter", lambda: odd_planners.CLOCK[0])


def gaps(folder: Path) -> set[float]:
    stamps = [frame.timestamp for frame in read_frames(folder)]
    return {(after - before) / 1e6 for before, after in pairwise(stamps)}


@pytest.mark.parametrize(
    ("planner", "seconds", "between"), [("Slow", 1.3, 1.3), ("Quick", 0.0, 0.5), ("SaysSo", 0.2, 0.5)]
)
def test_in_real_time_a_planner_without_calls_takes_its_time(tmp_path, clock, planner, seconds, between):
    drive(tmp_path, planner, rules=REAL_TIME)
    (folder,) = tmp_path.glob("drive-*")
    assert gaps(folder) == {between}
    assert {frame.moved_on_s for frame in read_frames(folder)} == {seconds}


def test_without_real_time_nothing_says_how_long_the_world_moved_on(tmp_path, clock):
    drive(tmp_path, "Slow")
    (folder,) = tmp_path.glob("drive-*")
    assert gaps(folder) == {0.5}
    assert b"moved_on_s" not in (folder / "frames.jsonl").read_bytes()


class HalfSecond(Backend):
    """Answers in half a second, as it says."""

    async def generate(self, request: Request) -> Completion:
        odd_planners.CLOCK[0] += 0.5
        return Completion("Yes.", latency_s=0.5)


def test_thinking_beside_the_calls_counts_and_stored_answers_count_as_recorded(tmp_path, clock):
    config = ModelConfig(name="half", provider="made-up", model="half", limits=Limits(attempts=1))
    drive(tmp_path, "AsksAndThinks", rules=REAL_TIME, backend=HalfSecond(config))
    (folder,) = tmp_path.glob("drive-*")
    assert {frame.moved_on_s for frame in read_frames(folder)} == {1.5}
    again = tmp_path / "again"
    again.mkdir()
    (again / "responses.sqlite").write_bytes((tmp_path / "responses.sqlite").read_bytes())
    drive(again, "AsksAndThinks", rules=REAL_TIME, backend=HalfSecond(config))
    first = read_frames(again / folder.name)[0]
    assert [call.cached for call in first.calls] == [True]
    assert first.moved_on_s == 0.5


@pytest.mark.parametrize("planner", odd_planners.ODD)
def test_what_is_no_plan_costs_its_decision_only(tmp_path, planner):
    outcome, other = drive(tmp_path, planner, "constant-action")
    assert (outcome.done, outcome.planner_errors, other.failed) == (1, 1, 0)
    frames = read_frames(tmp_path / f"drive-{planner.lower()}")
    for number, frame in enumerate(frames):
        assert frame.outcome == ("call:planner_error" if number % 3 == 1 else "ok")
        assert (frame.actions is None) == (frame.error is not None) == (number % 3 == 1)
    (record,) = read_episodes(tmp_path / f"drive-{planner.lower()}")
    assert (record.outcome.end, record.missing) == ("goal", sum(number % 3 == 1 for number in range(len(frames))))
    _all_finite(tmp_path / f"drive-{planner.lower()}" / "frames.jsonl")


def test_a_privileged_driver_without_a_plan_costs_its_decision_only(tmp_path):
    outcome, other = drive(tmp_path, "odd-driver", "expert")
    assert (outcome.done, outcome.planner_errors, other.planner_errors) == (1, 1, 0)
    frames = read_frames(tmp_path / "drive-odd-driver")
    assert [frame.outcome for frame in frames[:6]] == ["call:planner_error"] * 5 + ["ok"]
    assert "LookupError: no road" in frames[4].error
    assert "not all finite" in frames[1].error
    _all_finite(tmp_path / "drive-odd-driver" / "frames.jsonl")


def _all_finite(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        frame = json.loads(line)
        if frame["actions"] is None:
            assert frame["trajectory"] is None
        else:
            assert all(math.isfinite(value) for row in frame["actions"] + frame["trajectory"] for value in row)
