"""Runs spread over Ray's workers on this machine: the same records as the plain run, even if processes die."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import yaml

from lightemma.data.base import FrameSource
from lightemma.errors import UserError
from lightemma.executors import BackendMaker, choose_executor, placing
from lightemma.executors.replicated import ReplicatedBackend
from lightemma.frame import EgoHistory
from lightemma.run_folder.places import find_runs
from lightemma.run_folder.records import STAGES, FrameRecord
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import FramesOfSource, open_runs
from lightemma.sessions.run import Spending
from lightemma.sessions.session import Session
from tests.conftest import STEADY_TEXT, MadeUpSource, lines_of_run, make_frame, make_frames, steady
from tests.executors.executor_models import Blind, Diary, diary_model, entries

pytest.importorskip("ray", reason="Ray is not installed (the extra `ray`)")

#: All different, so that all calls differ.
FRAMES = [
    dataclasses.replace(frame, history=EgoHistory(frame.history.positions, steady(5.0 + number / 10)))
    for number, frame in enumerate(make_frames({"scene-0001": 8, "scene-0002": 6, "scene-0003": 2}))
]


@pytest.fixture(scope="module", autouse=True)
def ray_is_up():
    """One Ray for all tests: starting it takes seconds."""
    with placing(choose_executor("ray"), lambda spec: diary_model(Blind, Path(spec))):
        yield


def study(
    results: Path, maker: BackendMaker, source: FrameSource | None = None, concurrency: int | None = None
) -> Session[FramesOfSource]:
    benchmark = Benchmark(data="made-up", models=["m"], concurrency=concurrency)
    return open_runs(benchmark, results, source or MadeUpSource(FRAMES), maker)


def spread_study(
    results: Path,
    maker: BackendMaker,
    source: FrameSource | None = None,
    replicas: int = 2,
    concurrency: int | None = None,
) -> Session[FramesOfSource]:
    """The same over Ray. The block ends immediately, and Ray stays: it was there before."""
    with placing(choose_executor("ray", replicas), maker) as placed:
        return study(results, placed, source, concurrency)


def replicas_of(made: Session[FramesOfSource]) -> ReplicatedBackend:
    backend = made.jobs[0].backends["main"]
    assert isinstance(backend, ReplicatedBackend)
    return backend


def comparable(folder: Path) -> dict[str, FrameRecord]:
    """Records by frame, without seconds and without whether an answer was in the cache."""
    return {
        record.sample_token: msgspec.structs.replace(
            record,
            calls=[msgspec.structs.replace(s, latency_s=None, cached=False, attempts=1) for s in record.calls],
        )
        for record in read_frames(folder)
    }


def lines(folder: Path) -> int:
    return len(lines_of_run(folder))


def seen_frames(folder: Path) -> list:
    from PIL import Image

    frames = []
    for index in range(6):
        path = folder / f"{index}.jpg"
        # Noise, so that some are above and some below the size that Ray sends along with a call.
        image = Image.frombytes("RGB", (60 * (1 + 5 * (index % 2)), 200), os.urandom(60 * (1 + 5 * (index % 2)) * 600))
        image.save(path)
        frames.append(make_frame(index=index, image_path=path))
    return frames


def test_the_same_records_as_the_plain_run(tmp_path):
    source = MadeUpSource(seen_frames(tmp_path))

    def maker(folder: str) -> BackendMaker:
        (tmp_path / folder).mkdir()
        # Slow enough that the second process is there before the first has answered everything.
        return lambda _: diary_model(Diary, tmp_path / folder, name="vlm", latency_s=0.3)

    plain = study(tmp_path / "plain", maker("a"), source)
    spread = spread_study(tmp_path / "spread", maker("b"), source)
    assert plain.run() == spread.run()
    assert comparable(tmp_path / "plain" / "vlm") == comparable(tmp_path / "spread" / "vlm")
    mine, theirs = (read_manifest(tmp_path / name / "vlm") for name in ("plain", "spread"))
    assert mine.model is not None
    assert theirs.model is not None
    assert mine.model.answered_as == theirs.model.answered_as == "diary-1"
    for place in ("a", "b"):
        said = [(token, stage) for _, token, stage in entries(tmp_path / place)]
        assert Counter(said) == Counter((frame.sample_token, stage) for frame in source.frames() for stage in STAGES)
    assert len({pid for pid, _, _ in entries(tmp_path / "b")} - {os.getpid()}) == 2, "two other processes answered"


def test_a_killed_worker_costs_nothing_but_time(tmp_path):
    made = spread_study(tmp_path / "results", lambda _: diary_model(Blind, tmp_path, latency_s=0.1))
    killed = list[int]()

    def progress(_: FrameRecord) -> None:
        pids = [pid for pid, _, _ in entries(tmp_path)]
        if not killed and len(set(pids)) == 2:
            killed.append(pids[-1])
            os.kill(pids[-1], signal.SIGKILL)

    (outcome,) = made.run(Spending(cache=False), progress=progress)
    assert killed
    assert (outcome.done, outcome.failed, outcome.stopped) == (len(FRAMES), 0, None)
    records = read_frames(tmp_path / "results" / "vlm")
    assert {record.sample_token: record.outcome for record in records} == {f.sample_token: "ok" for f in FRAMES}
    assert all(stage.attempts == 1 for record in records for stage in record.calls)
    assert lines(tmp_path / "results" / "vlm") == len(FRAMES), "no frame twice"
    assert replicas_of(made).replicas.lost == 1
    # Asked again: the calls in progress of the killed worker, and nothing else.
    asked = Counter((token, stage) for _, token, stage in entries(tmp_path))
    assert set(asked) == {(frame.sample_token, stage) for frame in FRAMES for stage in STAGES}
    assert asked.total() - len(asked) <= 2


def test_the_run_of_a_killed_driver_is_resumed_elsewhere_and_no_answered_call_is_asked_again(tmp_path):
    def maker(_: str) -> Diary:
        return diary_model(Blind, tmp_path, latency_s=0.02)

    made = spread_study(tmp_path / "results", maker)
    seen = list[str]()

    def progress(record: FrameRecord) -> None:
        seen.append(record.sample_token)
        if len(seen) == 5:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        made.run(progress=progress)
    before = len(entries(tmp_path))
    kept = len(read_frames(tmp_path / "results" / "vlm"))
    assert 5 <= kept < len(FRAMES)

    plain = study(tmp_path / "results", maker)  # a run may be resumed in another executor than it began in
    (outcome,) = plain.run()
    assert (outcome.kept, outcome.done) == (kept, len(FRAMES) - kept)
    # The scene prompt shows no history, and this model no picture: one answer does for all frames.
    asked = Counter((token, stage) for _, token, stage in entries(tmp_path) if stage != "scene")
    assert set(asked) == {(frame.sample_token, stage) for frame in FRAMES for stage in ("intent", "action")}
    assert before < len(entries(tmp_path))
    assert asked.total() - len(asked) <= 4, "two replicas had two calls in progress each"


def test_a_wrong_key_ends_the_run_with_one_sentence(tmp_path):
    made = spread_study(tmp_path / "results", lambda _: diary_model(Blind, tmp_path, fails="auth"))
    with pytest.raises(UserError, match="refused the key for model 'vlm'"):
        made.run()
    assert len(entries(tmp_path)) <= 8


def test_a_fault_over_there_is_recorded_as_one_here(tmp_path):
    made = spread_study(tmp_path / "results", lambda _: diary_model(Blind, tmp_path, breaks=True), replicas=1)
    (outcome,) = made.run()
    assert outcome.failed == outcome.done > 0
    calls = [call for run in find_runs([tmp_path / "results"]) for frame in read_frames(run) for call in frame.calls]
    assert {call.outcome for call in calls} == {"call:backend_error"}
    assert all("ZeroDivisionError: a fault over there" in call.error for call in calls)


def test_the_budget_holds(tmp_path):
    # 1,100 tokens a call at 100 dollars a million are 11 cents; a frame is 33.
    # Two frames at a time, or the calls that wait for the processes to start would use the budget up between them.
    made = spread_study(tmp_path / "results", lambda _: diary_model(Blind, tmp_path, price=100.0), concurrency=2)
    (outcome,) = made.run(Spending(max_cost=2.0))
    assert outcome.stopped is not None
    assert "`max_cost` 2" in outcome.stopped
    assert 0 < len(entries(tmp_path)) * 0.11 <= 2.0


def model_file(folder: Path) -> Path:
    answers = {"scene": ["A road."], "intent": ["Go on."], "action": [STEADY_TEXT]}
    options = {"answers": answers, "repeat": True, "latency_s": 0.2}
    path = folder / "slow.yaml"
    path.write_text(yaml.safe_dump({"name": "slow", "provider": "scripted", "model": "s", "options": options}))
    return path


def ray_processes(group: int) -> list[str]:
    """Processes of a session that still live, zombies not counted.

    Nor Ray's two agents, which hold nothing: they notice after a minute that a command was killed.
    """
    found = subprocess.run(["ps", "-eo", "sid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in found.splitlines()]
    return [row[2] for row in rows if int(row[0]) == group and row[1][0] != "Z" and "agent" not in row[2].lower()]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_the_command_leaves_no_process_behind(tmp_path, number, status):
    command = [sys.executable, "-m", "lightemma", "run", "--data", "demo", "--model", str(model_file(tmp_path))]
    command += ["--executor", "ray", "--replicas", "2", "--concurrency", "2", "--out", str(tmp_path / "results")]
    folder = tmp_path / "results" / "slow"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as run:
        try:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and lines(folder) < 2:
                assert run.poll() is None, run.communicate()[0]
                time.sleep(0.1)
            # As a terminal does it: to all processes in the foreground. A SIGKILL hits the command alone.
            if number == signal.SIGINT:
                os.killpg(run.pid, number)
            else:
                run.kill()
            said, _ = run.communicate(timeout=60)
            assert run.returncode == status, said
            if number == signal.SIGINT:
                assert "stopped early: interrupted" in said
                assert said.count("\n") <= 6, f"Ray is heard: {said}"
            deadline = time.monotonic() + 30
            while ray_processes(run.pid) and time.monotonic() < deadline:
                time.sleep(0.2)
            assert ray_processes(run.pid) == []
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
    assert len(read_frames(tmp_path / "results" / "slow")) >= 2


def listeners(pids: set[int]) -> dict[str, int]:
    """Addresses, as /proc has them, at which processes listen for TCP."""
    sockets = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    sockets[str(link.readlink())] = pid
    found = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found[fields[1]] = sockets[f"socket:[{fields[9]}]"]
    return found


def descendants(pid: int) -> set[int]:
    parents = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                text = (path / "stat").read_text()
                parents[int(path.name)] = int(text[text.rindex(")") + 2 :].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system has no /proc/net")
def test_on_one_machine_nothing_listens_beyond_it():
    found = listeners(descendants(os.getpid()))
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
    assert len(found) > 3, "Ray's own servers were not found"
    assert {address.partition(":")[0] for address in found} <= loopback
