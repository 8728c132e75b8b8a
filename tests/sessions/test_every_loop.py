"""A session does the same for its runs in both loops: over recorded frames, and in a world."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lightemma.backends.base import Backend, Completion, Request
from lightemma.backends.config import Limits, ModelConfig, Price
from lightemma.backends.vllm import VllmBackend
from lightemma.calls.cache import FILE as CACHE
from lightemma.cli.running import drive_runs
from lightemma.closed_loop.drivers import own_driver, run_names
from lightemma.closed_loop.episodes_of_world import EpisodesOfWorld
from lightemma.closed_loop.hosts import InProcessHost
from lightemma.closed_loop.spec import LoopRules, episodes
from lightemma.errors import UserError
from lightemma.run_folder.frame_lines import frames_file
from lightemma.run_folder.records import Usage
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import open_runs
from lightemma.sessions.jobs import make_jobs
from lightemma.sessions.run import Spending
from lightemma.sessions.session import Session
from tests.closed_loop.fake_world import FakeFactory
from tests.conftest import MadeUpSource, make_frames, plan_text, steady
from tests.serving.kit import carrying, config

Backends = Callable[[str], Backend]


@dataclass(frozen=True)
class Loop:
    """One loop: four frames or four episodes for every run.

    Attributes:
        prefix: of run names.
        open: a session of a results folder's parent, backends and settings of a benchmark.
        unit: what is counted.
        calls: of a model for one of them; None where that depends on its answers.
        command: name of the command.
    """

    prefix: str
    open: Callable[..., Session[Any]]
    unit: str
    calls: int
    command: str


def open_frames(folder: Path, backends: Backends, **settings: Any) -> Session[Any]:
    folder.mkdir(exist_ok=True)
    frames = []
    for number, frame in enumerate(make_frames({"scene-0001": 4})):
        picture = folder / f"{number}.jpg"
        Image.new("RGB", (32, 18), (30 * number, 120, 150)).save(picture)
        frames.append(replace(frame, image_path=picture))
    benchmark = Benchmark(data="made-up", **{"models": ["m"], "concurrency": 1, **settings})
    return open_runs(benchmark, folder / "results", MadeUpSource(frames), backends)


def open_episodes(folder: Path, backends: Backends, **settings: Any) -> Session[Any]:
    rules = LoopRules(replan=6)
    benchmark = Benchmark(world="city", **{"models": ["m"], "concurrency": 1, **settings})
    jobs = make_jobs(benchmark, backends, run_names(rules), own_driver(FakeFactory.drivers))
    work = EpisodesOfWorld(
        episodes(["open"], [0, 1, 2, 3]), rules, lambda: InProcessHost(FakeFactory()), {"renderer": "fake"}
    )
    return Session(work, jobs, folder / "results", benchmark.concurrency)


LOOPS = {
    "open": Loop("", open_frames, "frames", 3, "run"),
    # 60 m at 10 m/s in plans of 3 s: two decisions of three calls each.
    "closed": Loop("drive-", open_episodes, "episodes", 6, "drive"),
}


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> Loop:
    return LOOPS[request.param]


def folder_of(loop: Loop, results: Path, name: str = "m") -> Path:
    return results / f"{loop.prefix}{name}{'+replan-6' if loop.prefix else ''}"


class Counting(Backend):
    """Answers immediately, costs a dollar a call, and logs what is done with it."""

    def __init__(self, name: str = "m", gpus: int = 0, **settings: Any) -> None:
        values = {"limits": Limits(attempts=1), "price": Price(input=1000.0, output=0.0)} | settings
        super().__init__(ModelConfig(name=name, provider="made-up", model=name, **values))
        self.asked = 0
        self.log: list[str] = []
        self.prepared: list[tuple[Path, object]] = []
        self.gpus = gpus
        self.at_call: dict[int, Callable[[], None]] = {}

    @property
    def gpu_count(self) -> int:
        return self.gpus

    def prepare_run(self, folder: Path, servers: object) -> None:
        self.log.append("prepared")
        self.prepared.append((folder, servers))

    async def generate(self, request: Request) -> Completion:
        self.asked += 1
        self.log.append("asked")
        self.at_call.get(self.asked, lambda: None)()
        text = plan_text(steady(10.0)) if request.stage == "action" else "Yes."
        return Completion(text, Usage(input=1000, output=1), model="m-2026")

    async def aclose(self) -> None:
        self.log.append("closed")


def only(backend: Backend) -> Backends:
    return lambda _: backend


def lines(folder: Path) -> list[Any]:
    """Frames without what differs between an answer and the same answer from the cache."""
    return sorted((frame.sample_token, frame.actions, frame.outcome) for frame in read_frames(folder))


def test_a_backend_is_prepared_before_its_first_call_and_closed_after_its_last(loop, tmp_path):
    backends = {name: Counting(name) for name in ("a", "b")}
    session = loop.open(tmp_path, backends.__getitem__, models=["a", "b"])
    session.run()
    for backend in backends.values():
        assert (backend.log[0], backend.log[-1]) == ("prepared", "closed")
        assert (backend.log.count("prepared"), backend.log.count("closed")) == (1, 1)
        assert backend.log.count("asked") == 4 * loop.calls
    (mine,), (other,) = (backend.prepared for backend in backends.values())
    assert mine[0] == folder_of(loop, tmp_path / "results", "a")
    assert mine[1] is other[1], "one pool of servers for the command"


def test_a_backend_is_closed_although_its_run_fails(loop, tmp_path):
    backend = Counting()

    def fail() -> None:
        raise UserError("The account is empty.")

    backend.at_call[2] = fail
    with pytest.raises(UserError, match="The account is empty"):
        loop.open(tmp_path, only(backend)).run()
    assert backend.log[-1] == "closed"


def test_gpu_time_and_the_name_that_answered_are_written(loop, tmp_path):
    loop.open(tmp_path, only(Counting(gpus=2))).run()
    manifest = read_manifest(folder_of(loop, tmp_path / "results"))
    assert manifest.gpu_seconds is not None
    assert manifest.gpu_seconds > 0.0
    assert manifest.model is not None
    assert manifest.model.answered_as == "m-2026"
    assert manifest.ended is not None
    before = manifest.gpu_seconds
    frames_file(folder_of(loop, tmp_path / "results")).unlink()
    (folder_of(loop, tmp_path / "results") / "episodes.jsonl").unlink(missing_ok=True)
    loop.open(tmp_path, only(Counting(gpus=2))).run()
    after = read_manifest(folder_of(loop, tmp_path / "results")).gpu_seconds
    assert after is not None
    assert after > before, "sessions add up"


def test_a_model_without_gpus_writes_no_gpu_time(loop, tmp_path):
    loop.open(tmp_path, only(Counting())).run()
    assert read_manifest(folder_of(loop, tmp_path / "results")).gpu_seconds is None


def test_a_budget_holds_and_the_same_command_resumes(loop, tmp_path):
    whole, first, second = Counting(), Counting(), Counting()
    loop.open(tmp_path / "whole", only(whole)).run()
    # A call costs a dollar, and six dollars are reserved for it.
    cap = 2.5 * loop.calls + 6.0
    (outcome,) = loop.open(tmp_path, only(first)).run(Spending(max_cost=cap))
    assert (outcome.total, outcome.kept) == (4, 0)
    assert 1 <= outcome.done < 4
    assert f"the next call might exceed `max_cost` {cap:g}" == outcome.stopped
    assert first.asked <= cap
    assert read_manifest(folder_of(loop, tmp_path / "results")).ended is None
    (outcome,) = loop.open(tmp_path, only(second)).run()
    assert (outcome.done + outcome.kept, outcome.stopped) == (4, None)
    assert outcome.kept >= 1
    assert first.asked + second.asked == whole.asked, "no call is paid for twice"
    assert lines(folder_of(loop, tmp_path / "results")) == lines(folder_of(loop, tmp_path / "whole" / "results"))


def test_a_budget_holds_for_all_runs_together(loop, tmp_path):
    backends = {name: Counting(name) for name in ("a", "b")}
    outcomes = loop.open(tmp_path, backends.__getitem__, models=["a", "b"]).run(Spending(max_cost=3.0 * loop.calls))
    assert sum(backend.asked for backend in backends.values()) <= 3 * loop.calls
    assert any(outcome.stopped for outcome in outcomes)


def test_a_cost_limit_without_a_price_is_refused_before_any_call(loop, tmp_path):
    backend = Counting(price=None)
    with pytest.raises(UserError, match=r"The price of 'm' is unknown, so `max_cost` cannot hold"):
        loop.open(tmp_path, only(backend)).run(Spending(max_cost=1.0))
    assert backend.asked == 0


def test_ctrl_c_keeps_finished_work_and_the_same_command_resumes(loop, tmp_path):
    whole, first, second = Counting(), Counting(), Counting()
    loop.open(tmp_path / "whole", only(whole)).run()
    first.at_call[loop.calls + 2] = lambda: os.kill(os.getpid(), signal.SIGINT)
    (outcome,) = loop.open(tmp_path, only(first)).run()
    assert outcome.stopped == "interrupted"
    assert 1 <= outcome.done < 4
    assert first.log[-1] == "closed"
    (again,) = loop.open(tmp_path, only(second)).run()
    assert (again.kept, again.done, again.stopped) == (outcome.done, 4 - outcome.done, None)
    assert first.asked + second.asked == whole.asked
    assert lines(folder_of(loop, tmp_path / "results")) == lines(folder_of(loop, tmp_path / "whole" / "results"))


def test_answers_come_from_the_cache_unless_it_is_off(loop, tmp_path):
    first, kept, anew = Counting(), Counting(), Counting()
    loop.open(tmp_path, only(first)).run()
    for results, backend, spending in (("kept", kept, Spending()), ("anew", anew, Spending(cache=False))):
        place = tmp_path / results / "results"
        place.mkdir(parents=True)
        (place / CACHE).write_bytes((tmp_path / "results" / CACHE).read_bytes())
        loop.open(tmp_path / results, only(backend)).run(spending)
    assert first.asked == anew.asked == 4 * loop.calls
    assert kept.asked == 0


def test_without_a_cache_none_is_made(loop, tmp_path):
    loop.open(tmp_path, only(Counting())).run(Spending(cache=False))
    assert not (tmp_path / "results" / CACHE).exists()


def test_a_folder_with_another_run_is_refused_before_any_call(loop, tmp_path):
    loop.open(tmp_path, only(Counting("a")), models=["a"]).run()
    backends = {"a": Counting("a"), "b": Counting("b")}
    with pytest.raises(UserError, match="holds a run with other"):
        loop.open(tmp_path, backends.__getitem__, models=["b", "a"], parser="tolerant").run()
    assert backends["a"].asked == backends["b"].asked == 0


def test_a_model_that_cannot_be_constrained_is_refused_before_any_call(loop, tmp_path):
    backend = Counting()
    with pytest.raises(UserError, match="cannot be constrained to a form of answer"):
        loop.open(tmp_path, only(backend), answer="guided").run()
    assert (backend.log, (tmp_path / "results" / CACHE).exists()) == ([], False)


def test_runs_of_one_provider_share_its_limits(loop, tmp_path):
    class Busy(Counting):
        busy = most = 0

        async def generate(self, request: Request) -> Completion:
            Busy.busy += 1
            Busy.most = max(Busy.most, Busy.busy)
            try:
                import asyncio

                await asyncio.sleep(0.002)
                return await super().generate(request)
            finally:
                Busy.busy -= 1

    backends = {name: Busy(name) for name in ("a", "b")}
    loop.open(tmp_path, backends.__getitem__, models=["a", "b"], concurrency=2).run()
    assert Busy.most == 2


def test_progress_is_counted_and_logged_as_json(loop, tmp_path, capsys):
    session = loop.open(tmp_path, only(Counting()), planners=["chain-of-thought", "constant-action"])
    drive_runs(session, "json")
    said = capsys.readouterr()
    logged = {line["run"]: line for line in map(json.loads, said.err.splitlines())}
    assert set(logged) == {job.name for job in session.jobs}
    for name, calls in zip(logged, (4 * loop.calls, 0), strict=True):
        assert (logged[name]["done"], logged[name]["frames"], logged[name]["unit"]) == (4, 4, loop.unit)
        assert logged[name]["calls"] == calls
    first, second = session.jobs
    assert said.out.splitlines() == [
        f"{job.name}: 4 {loop.unit} -> {tmp_path / 'results' / job.name}" for job in (first, second)
    ]


@pytest.mark.parametrize("command", ["run", "drive", "study"])
def test_models_run_on_the_executor(command, elsewhere, cli, monkeypatch):
    spread: list[str] = []

    @contextmanager
    def placing(choice, backends):
        def make(spec: str) -> Backend:
            spread.append(f"{choice.kind} {choice.replicas} {choice.gpus} {spec}")
            return Counting(spec)

        yield make

    monkeypatch.setattr("lightemma.executors.placing", placing)
    arguments: Sequence[str] = ["--data", "demo", "--limit", "1"]
    if command != "run":
        Path("w.yaml").write_text("world: {scenarios: [cruise], seeds: 1, replan: 6, draw: false}\nplanners: [stop]\n")
        arguments = ["w.yaml", "--planner", "chain-of-thought"]
    ended = cli(
        command,
        *arguments,
        "--model",
        "a",
        "--executor",
        "ray",
        "--replicas",
        "2",
        "--gpus-per-replica",
        "0.5",
        "--quiet",
    )
    assert (ended.status, ended.err) == (0, "")
    assert spread == ["ray 2 0.5 a"]


def test_two_runs_on_one_server_start_it_once(loop, tmp_path):
    pytest.importorskip("openai", reason="servers are asked through the extra `openai`")
    marker = {"TEST_FOLDER": str(tmp_path)}
    backends = {name: VllmBackend(config(marker, name=name)) for name in ("a", "b")}
    outcomes = loop.open(tmp_path, backends.__getitem__, models=["a", "b"]).run()
    assert [(outcome.done, outcome.failed) for outcome in outcomes] == [(4, 0), (4, 0)]
    logs = [folder_of(loop, tmp_path / "results", name) / "server.jsonl" for name in ("a", "b")]
    assert len(logs[0].read_text().splitlines()) == 1
    assert logs[0].read_text() == logs[1].read_text()
    assert carrying(f"TEST_FOLDER={tmp_path}") == [], "the server ended with the session"
