"""Whole closed-loop runs: records, resuming, the cache, failures, budgets, processes."""

from __future__ import annotations

import json
import os
import signal
from itertools import pairwise
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import pytest

from lightemma.backends.base import Backend, CallError, Completion, PicturePart, Request
from lightemma.backends.config import Limits, ModelConfig, Price
from lightemma.backends.scripted import ScriptedBackend
from lightemma.closed_loop.driven_source import DrivenSource
from lightemma.closed_loop.drivers import own_driver, run_names
from lightemma.closed_loop.episode import DecisionPoint
from lightemma.closed_loop.episodes_of_world import EpisodesOfWorld
from lightemma.closed_loop.hosts import EpisodeTask, InProcessHost, ProcessHost
from lightemma.closed_loop.records import read_episodes
from lightemma.closed_loop.replay import read_replay
from lightemma.closed_loop.results import results_of
from lightemma.closed_loop.spec import LoopRules, episodes
from lightemma.closed_loop.study import load_driven
from lightemma.comparing.context import context_of
from lightemma.comparing.frame_view import frame_view
from lightemma.errors import UserError
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.records import Usage
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.jobs import make_jobs
from lightemma.sessions.run import Spending
from lightemma.sessions.session import Session
from tests.closed_loop.fake_world import FakeFactory
from tests.conftest import plan_text, steady

GOOD = {"scene": ["A road."], "intent": ["Go on."], "action": [plan_text(steady(5.0))]}


def scripted(answers=GOOD, **more) -> ScriptedBackend:
    config = ModelConfig(name="scripted", provider="scripted", model="scripted", limits=Limits(attempts=1))
    return ScriptedBackend.from_answers(answers, repeat=True, config=config, **more)


def tour(
    out: Path,
    planners=("chain-of-thought",),
    backend: Backend | None = None,
    scenarios=("open", "light"),
    seeds=(0, 1),
    rules: LoopRules | None = None,
    make_host=None,
    concurrency=1,
    **settings,
) -> Session[EpisodesOfWorld]:
    rules = rules or LoopRules()
    benchmark = Benchmark(world="city", planners=list(planners), models=["m"], **settings)
    jobs = make_jobs(benchmark, lambda _: backend or scripted(), run_names(rules), own_driver(FakeFactory.drivers))
    specs = episodes(list(scenarios), list(seeds))
    host = make_host or (lambda: InProcessHost(FakeFactory()))
    return Session(EpisodesOfWorld(specs, rules, host, renderer={"renderer": "fake"}), jobs, out, concurrency)


class Sight(Backend):
    """A backend that answers by the picture, costs money, and records its requests."""

    def __init__(self, **config) -> None:
        values = {"limits": Limits(attempts=1), "price": Price(input=1000.0, output=0.0)} | config
        super().__init__(ModelConfig(name="sight", provider="made-up", model="sight", **values))
        self.asked = 0
        self.fails_from: int | None = None

    async def generate(self, request: Request) -> Completion:
        self.asked += 1
        if self.fails_from is not None and self.asked >= self.fails_from:
            raise CallError("bad_request", "too much")
        picture = request.messages[0].parts[0].picture
        if request.stage != "action":
            return Completion("Yes.", Usage(input=1000, output=1), latency_s=0.2)
        slow = picture.data.startswith(b"light")
        return Completion(plan_text(steady(3.0 if slow else 6.0)), Usage(input=1000, output=1), latency_s=0.2)


def test_a_run_has_a_frame_per_decision_and_a_line_per_episode(tmp_path):
    (outcome,) = tour(tmp_path).run()
    assert (outcome.total, outcome.done, outcome.kept, outcome.failed, outcome.stopped) == (4, 4, 0, 0, None)
    folder = tmp_path / "drive-scripted"
    records = {one.name: one for one in read_episodes(folder)}
    assert list(records) == ["open.day.000", "open.day.001", "light.day.000", "light.day.001"]
    good, red = records["open.day.000"], records["light.day.000"]
    assert (good.outcome.end, good.decisions, good.score.score, good.score.success) == ("goal", 24, 100.0, True)
    assert (red.outcome.red_lights, red.score.score, red.score.success) == (1, pytest.approx(50.0), False)
    frames = read_frames(folder)
    assert len(frames) == 96
    assert [frame.frame_index for frame in frames if frame.scene == "open.day.001"] == list(range(24))
    assert all((folder / frame.image).is_file() and frame.image_sha256 for frame in frames)
    assert all(len(frame.calls) == 3 for frame in frames)
    manifest = read_manifest(folder)
    assert (manifest.data.source, manifest.data.scenes, manifest.data.frames) == ("closed-loop", 4, 96)
    assert manifest.images == {"size": [800, 450], "renderer": "fake"}
    assert manifest.ended is not None
    assert json.loads((folder / "drive.json").read_text())["rules"]["replan"] == 1


def test_the_same_command_again_asks_nothing_and_changes_nothing(tmp_path):
    backend = scripted()
    tour(tmp_path, backend=backend).run()
    before = (tmp_path / "drive-scripted" / "frames.jsonl").read_bytes()
    asked = len(backend.requests)
    (outcome,) = tour(tmp_path, backend=backend).run()
    assert (outcome.kept, outcome.done, len(backend.requests)) == (4, 0, asked)
    assert (tmp_path / "drive-scripted" / "frames.jsonl").read_bytes() == before
    assert read_manifest(tmp_path / "drive-scripted").data.frames == 96


def test_a_killed_run_is_resumed_and_ends_as_if_it_had_not_been_killed(tmp_path):
    class KilledError(Exception):
        pass

    def die_after_two(record):
        died.append(record.name)
        if len(died) == 2:
            raise KilledError

    died = []
    with pytest.raises(KilledError):
        tour(tmp_path / "killed", backend=Sight()).run(progress=die_after_two)
    folder = tmp_path / "killed" / "drive-sight"
    # As after a process that ended between two writes: frames of an episode without its own line, and an incomplete line.
    whole = (folder / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "episodes.jsonl").write_bytes(whole[0] + whole[1][:50])
    (outcome,) = tour(tmp_path / "killed", backend=Sight()).run()
    assert (outcome.kept, outcome.done) == (1, 3)
    tour(tmp_path / "whole", backend=Sight()).run()
    mine, other = folder, tmp_path / "whole" / "drive-sight"
    assert (mine / "episodes.jsonl").read_bytes() == (other / "episodes.jsonl").read_bytes()
    assert stripped(mine) == stripped(other)


def stripped(folder: Path) -> list[object]:
    """The frames without the fields that differ for cached answers."""

    def plain(stage):
        return msgspec.structs.replace(stage, cached=False, attempts=1)

    return [
        msgspec.structs.replace(frame, calls=[plain(stage) for stage in frame.calls]) for frame in read_frames(folder)
    ]


def test_an_episode_driven_before_is_not_paid_for_again(tmp_path):
    first, second = Sight(), Sight()
    tour(tmp_path, backend=first).run()
    (tmp_path / "drive-sight" / "episodes.jsonl").unlink()
    (outcome,) = tour(tmp_path, backend=second).run()
    assert first.asked > 0
    assert (outcome.done, second.asked) == (4, 0)
    assert all(stage.cached for frame in read_frames(tmp_path / "drive-sight") for stage in frame.calls)


def test_missing_plans_are_counted_and_the_car_brakes_to_a_standstill(tmp_path):
    backend = scripted(GOOD | {"action": ["I would rather not."]})
    (outcome,) = tour(tmp_path, backend=backend, scenarios=["open"], seeds=[0]).run()
    assert (outcome.done, outcome.failed) == (1, 0)
    (record,) = read_episodes(tmp_path / "drive-scripted")
    assert (record.missing, record.decisions, record.failed_calls) == (40, 40, 0)
    assert record.outcome.end == "time-out"
    assert [step.ego[3] for step in read_replay(tmp_path / "drive-scripted", record.name).steps][:7] == [
        5.0,
        5.0,
        3.5,
        2.0,
        0.5,
        0.0,
        0.0,
    ]
    assert {frame.outcome for frame in read_frames(tmp_path / "drive-scripted")} == {"format:prose"}


def test_an_episode_with_failed_calls_is_driven_again_without_old_records(tmp_path):
    shaky = Sight()
    shaky.fails_from = 10
    (outcome,) = tour(tmp_path, backend=shaky, scenarios=["open"], seeds=[0]).run()
    assert (outcome.done, outcome.failed) == (1, 1)
    folder = tmp_path / "drive-sight"
    (record,) = read_episodes(folder)
    assert (record.failed_calls, record.decisions) == (37, 40)
    sound = Sight()
    (outcome,) = tour(tmp_path, backend=sound, scenarios=["open"], seeds=[0]).run()
    assert (outcome.done, outcome.kept, outcome.failed) == (1, 0, 0)
    (record,) = read_episodes(folder)
    assert (record.failed_calls, record.decisions) == (0, 20)
    assert len(read_frames(folder)) == 20
    assert sound.asked == 3 * 20 - 9


def test_a_model_that_sees_drives_by_what_it_sees(tmp_path):
    tour(tmp_path, backend=Sight(), seeds=[0]).run()
    folder = tmp_path / "drive-sight"
    assert read_replay(folder, "open.day.000").steps[-1].ego[3] == 6.0
    assert read_replay(folder, "light.day.000").steps[-1].ego[3] == 3.0


def test_in_real_time_latency_costs_progress(tmp_path):
    rules = LoopRules(real_time=True)
    tour(tmp_path, backend=Sight(), scenarios=["open"], seeds=[0], rules=rules).run()
    folder = tmp_path / "drive-sight+real-time"
    stamps = [frame.timestamp for frame in read_frames(folder)]
    # Three calls of 0.2 s each: a picture every 0.6 s.
    assert {after - before for before, after in pairwise(stamps)} == {600_000}
    tour(tmp_path, backend=Sight(), scenarios=["open"], seeds=[0]).run()
    slow, quick = (read_episodes(tmp_path / name)[0] for name in ("drive-sight+real-time", "drive-sight"))
    assert slow.outcome.time_s > quick.outcome.time_s


def test_a_drive_grows_by_episodes_and_keeps_those_that_are_not_asked_for(tmp_path):
    def driven(*seeds: int):
        (outcome,) = tour(tmp_path, ["constant-action"], scenarios=["open"], seeds=list(seeds)).run()
        folder = tmp_path / "drive-constant-action"
        data = read_manifest(folder).data
        episodes = read_episodes(folder)
        assert data.frames == sum(one.decisions for one in episodes)
        assert json.loads((folder / "drive.json").read_text())["episodes"] == [one.name for one in episodes]
        return outcome.done, outcome.kept, data.scenes, len(episodes)

    assert driven(0) == (1, 0, 1, 1)
    assert driven(0, 1) == (1, 1, 2, 2)
    assert driven(0) == (0, 1, 2, 2)
    with pytest.raises(UserError, match=r"other frames \(1 of its 2 are among the 2 of this command\)"):
        driven(1, 2)


def test_other_rules_make_another_run(tmp_path):
    tour(tmp_path, ["constant-action"], rules=LoopRules(replan=2, car_limits=False)).run()
    assert (tmp_path / "drive-constant-action+replan-2+no-limits").is_dir()


def test_drivers_without_a_model_draw_nothing_unless_draw_is_set(tmp_path):
    planners = ["constant-action", "stop", "expert", "random"]
    tour(tmp_path, planners, scenarios=["open"], seeds=[0]).run()
    scores = {name: read_episodes(tmp_path / f"drive-{name}")[0].score.score for name in planners}
    assert scores["expert"] == scores["constant-action"] == 100.0
    assert scores["stop"] < 5.0
    assert not list(tmp_path.glob("drive-*/pictures"))
    assert read_manifest(tmp_path / "drive-stop").images is None
    tour(tmp_path / "seen", ["stop"], scenarios=["open"], seeds=[0], rules=LoopRules(draw=True)).run()
    assert len(list((tmp_path / "seen" / "drive-stop" / "pictures" / "open.day.000").iterdir())) == 40


def test_a_budget_ends_the_run_and_the_same_command_resumes(tmp_path):
    # A call costs a dollar; an episode 60.
    (outcome,) = tour(tmp_path, backend=Sight(), scenarios=["open"]).run(Spending(max_cost=100.0))
    assert outcome.done == 1
    assert "`max_cost` 100" in outcome.stopped
    assert read_manifest(tmp_path / "drive-sight").ended is None
    (outcome,) = tour(tmp_path, backend=Sight(), scenarios=["open"]).run()
    assert (outcome.kept, outcome.done, outcome.stopped) == (1, 1, None)


def test_a_cap_without_a_price_is_refused(tmp_path):
    with pytest.raises(UserError, match="The price of 'sight' is unknown"):
        tour(tmp_path, backend=Sight(price=None)).run(Spending(max_cost=1.0))


class Struck(ProcessHost):
    """Its processes get what reaches a whole group (Ctrl-C, a closed terminal, a job's end): at once, and when they are up."""

    def __enter__(self) -> Self:
        self.strike()
        return super().__enter__()

    async def begin(self, task: EpisodeTask) -> DecisionPoint:
        point = await super().begin(task)
        self.strike()
        return point

    def strike(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for worker in self._workers:
                os.kill(worker._process.pid, number)


def test_separate_processes_give_the_same_records_and_leave_signals_to_the_run(tmp_path):
    tour(tmp_path / "here", backend=Sight()).run()
    host = lambda: Struck(FakeFactory(), workers=2)  # noqa: E731
    tour(tmp_path / "there", backend=Sight(), make_host=host, concurrency=4).run()
    here, there = (
        {one.name: one for one in read_episodes(tmp_path / name / "drive-sight")} for name in ("here", "there")
    )
    assert here == there


def test_a_process_that_dies_is_one_sentence(tmp_path):
    host = lambda: ProcessHost(FakeFactory(), workers=1)  # noqa: E731
    with pytest.raises(UserError, match="--renderer painter"):
        tour(tmp_path, backend=Sight(), scenarios=["hard"], make_host=host).run()


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", lambda path, data: full(path, data) if ".jpg" in path.name else len(data))
    monkeypatch.setattr("lightemma.run_folder.store.write_manifest", lambda folder, manifest: None)
    with pytest.raises(UserError, match=r"No space left on device\); make room"):
        tour(tmp_path, backend=Sight()).run()


def test_a_planner_is_given_the_pictures_of_earlier_decisions(tmp_path):
    shown: dict[str, list[str]] = {}

    class Watching(Sight):
        async def generate(self, request: Request) -> Completion:
            pictures = [part.picture for part in request.messages[0].parts if isinstance(part, PicturePart)]
            if request.stage == "scene":
                shown[request.sample_token] = [picture.sha256 for picture in pictures]
            text = plan_text(steady(6.0)) if request.stage == "action" else "Yes."
            return Completion(text, Usage(input=1000, output=1))

    tour(tmp_path, backend=Watching(), scenarios=["open"], seeds=[0, 1], pictures=3, concurrency=2).run()
    frames = read_frames(tmp_path / "drive-sight+3-frames")
    for episode in ("open.day.000", "open.day.001"):
        mine = [frame for frame in frames if frame.scene == episode]
        assert len(mine) > 3
        for number, frame in enumerate(mine):
            before = [one.image_sha256 for one in mine[max(0, number - 2) : number + 1]]
            assert shown[frame.sample_token] == before, "earlier decisions first, the frame's own last"


def test_labels_are_stored_and_one_that_is_not_valid_is_no_ground_truth_anywhere(tmp_path):
    backend = scripted({**GOOD, "action": [plan_text(steady(4.0))]})
    tour(tmp_path, backend=backend, scenarios=["lost"], seeds=(0,), rules=LoopRules(draw=False)).run()
    folder = tmp_path / "drive-scripted"
    frames = read_frames(folder)
    lost = [frame for frame in frames if not frame.label.valid]
    assert 0 < len(lost) < len(frames)
    assert all((frame.ground_truth is None) == (frame in lost) for frame in frames)
    assert {frame.label.reason for frame in lost} == {"nobody knows the way"}
    assert frames[0].label.words.intent == "I go on."
    assert frames[0].label.actions == [(5.0, 0.0)] * 6
    # 1 m/s too slow for 0.5 … 3 s; a label of 900 m/s would show.
    (row,) = results_of([load_driven(folder)]).closed_loop
    assert row.l2_expert == pytest.approx(np.mean(np.arange(0.5, 3.5, 0.5)))
    assert row.decisions == len(frames)
    source = DrivenSource(folder)
    futures = [frame.future for frame in source.scene_frames("lost.day.000")]
    assert [future is None for future in futures] == [frame in lost for frame in frames]
    view, _ = frame_view(lost[0], context_of(source), LIGHTEMMA)
    assert np.isnan(view.truth).all()
    assert view.truth_name == "expert"


def test_a_line_without_a_label_is_read(tmp_path):
    tour(tmp_path, scenarios=["open"], seeds=(0,)).run()
    file = tmp_path / "drive-scripted" / "frames.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert all(line.pop("label") for line in lines)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_frames(file.parent)[0].label is msgspec.UNSET
    assert load_driven(file.parent).scores.errors.shape[0] == len(lines)
