"""Runs that end once they are decided: they stop at the right look, resume to the same word, and are compared with care."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lightemma.comparing.load import load_and_compare
from lightemma.errors import UserError
from lightemma.evaluation.until_decided import FEWEST, UntilDecided, look_places, scene_order, verdict
from lightemma.evaluation.warnings import warnings_about
from lightemma.frame import Frame
from lightemma.planners.base import Needs, Plan, Planner, View
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.records import OK
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.jobs import Job
from lightemma.sessions.run import RunOutcome, Spending
from lightemma.sessions.session import Session
from lightemma.sessions.survey import survey
from tests.conftest import MadeUpSource, make_frame, make_record, steady, steady_run
from tests.sessions.one_run import GivenFrames

SCENES = 40


def drives(seed: int = 0, scenes: int = SCENES) -> list[Frame]:
    """Scenes of three frames whose car changes its speed by a random amount."""
    rng = np.random.default_rng(seed)
    return [
        make_frame(f"scene-{n:04d}", index, history=steady(5.0), driven=steady(5.0 + rng.normal()))
        for n in range(scenes)
        for index in range(3)
    ]


class Off(Planner):
    """Plans a steady speed that is off the recorded one by as much as the baseline plus ``worse`` m/s."""

    name = "off"

    def __init__(self, frames: Sequence[Frame], worse: float, stop_after: int | None = None) -> None:
        super().__init__()
        self.driven = {frame.sample_token: float(frame.future[0, 0]) * 2 for frame in frames}
        self.worse_by = dict.fromkeys(self.driven, worse)
        self.stop_after, self.asked = stop_after, list[str]()

    def needs(self) -> Needs:
        return Needs()

    async def plan(self, frame: Frame, view: View, calls: object) -> Plan:
        self.asked.append(frame.scene)
        if self.stop_after is not None and len(self.asked) > self.stop_after:
            raise KeyboardInterrupt
        driven = self.driven[frame.sample_token]
        return Plan(steady(driven + abs(driven - 5.0) + self.worse_by[frame.sample_token]), OK)


def drive(folder: Path, planner: Planner, frames: Sequence[Frame], margin: float | None = 0.05) -> RunOutcome:
    source = MadeUpSource(frames)
    benchmark = Benchmark(data="made-up", until_decided=margin)
    work = GivenFrames(benchmark, source, LIGHTEMMA, survey(source.frames(), "drives", 0))
    session = Session(work, [Job(folder.name, planner, {})], folder.parent, 1)
    (outcome,) = asyncio.run(session.run_all(Spending(cache=False)))
    return outcome


def test_a_clearly_worse_run_stops_early_and_says_so(tmp_path):
    frames = drives()
    planner = Off(frames, worse=0.5)
    outcome = drive(tmp_path / "off", planner, frames)
    manifest = read_manifest(tmp_path / "off")
    assert outcome.done < len(frames) / 2
    assert outcome.stopped is None
    assert outcome.decided is not None
    assert "worse than constant-action" in outcome.decided
    assert manifest.ended is not None
    assert manifest.stopping is not None
    assert manifest.stopping.decided == "worse"
    driven = list(dict.fromkeys(planner.asked))
    assert driven == scene_order([f"scene-{n:04d}" for n in range(SCENES)])[: len(driven)], "a random order"
    assert driven != sorted(driven)


def test_a_run_like_the_baseline_is_equal_or_goes_to_the_end(tmp_path):
    frames = drives()
    outcome = drive(tmp_path / "equal", Off(frames, worse=0.0), frames)
    assert outcome.decided is not None
    assert "within 0.05 m" in outcome.decided
    rng = np.random.default_rng(3)
    either = Off(frames, worse=0.0)
    either.worse_by = {token: float(rng.choice([-0.2, 0.2])) for token in either.driven}
    whole = drive(tmp_path / "whole", either, frames, margin=0.001)
    manifest = read_manifest(tmp_path / "whole")
    assert whole.done == len(frames)
    assert manifest.stopping is not None
    assert [look.scenes for look in manifest.stopping.looks] == look_places(SCENES)


def test_an_interrupted_run_resumes_to_the_same_word(tmp_path):
    frames = drives()
    drive(tmp_path / "straight", Off(frames, worse=0.3), frames)
    with pytest.raises(KeyboardInterrupt):
        drive(tmp_path / "broken", Off(frames, worse=0.3, stop_after=20), frames)
    planner = Off(frames, worse=0.3)
    resumed = drive(tmp_path / "broken", planner, frames)
    straight, broken = (read_manifest(tmp_path / name).stopping for name in ("straight", "broken"))
    assert straight == broken
    assert resumed.kept == 20
    assert len(read_frames(tmp_path / "broken")) == len(read_frames(tmp_path / "straight"))
    again = Off(frames, worse=0.3)
    assert drive(tmp_path / "broken", again, frames).decided == resumed.decided
    assert again.asked == [], "a decided run asks nothing"


def test_a_decided_run_grows_to_all_frames_without_the_option(tmp_path):
    frames = drives()
    drive(tmp_path / "off", Off(frames, worse=0.5), frames)
    outcome = drive(tmp_path / "off", Off(frames, worse=0.5), frames, margin=None)
    assert outcome.kept + outcome.done == len(frames)
    assert read_manifest(tmp_path / "off").stopping is None


def test_a_frame_that_failed_does_not_complete_its_scene():
    frames = {f"s-{n:02d}": 1 for n in range(FEWEST)}
    until = UntilDecided(frames, 0.05, LIGHTEMMA)
    made = {frame.scene: frame for frame in (make_frame(scene, driven=steady(6.0)) for scene in frames)}
    for scene in until.order:
        failed = scene == until.order[2]
        until.add(make_record(made[scene], None if failed else steady(9.0), "call:timeout" if failed else OK))
    assert until.looks == []
    until.add(make_record(made[until.order[2]], steady(9.0)))
    assert until.decided == "worse"


def test_it_is_compared_on_shared_frames_with_a_warning(tmp_path):
    frames = drives()
    drive(tmp_path / "off", Off(frames, worse=0.5), frames)
    steady_run(tmp_path, "steady", frames, 5.5)
    comparison = load_and_compare([tmp_path / "off", tmp_path / "steady"])
    assert comparison.study.frames == len(read_frames(tmp_path / "off"))
    rows = comparison.tables["stopping"].rows
    assert [row.decided for row in rows] == [""] * (len(rows) - 1) + ["worse"]
    assert any("take its verdict from the table stopping" in one for one in warnings_about(comparison.study))


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (-0.3, -0.01, "better"),
        (0.01, 0.2, "worse"),
        (-0.04, 0.05, "equal"),
        (-0.06, 0.01, None),
        (float("nan"), float("nan"), None),
    ],
)
def test_what_an_interval_decides(low, high, says):
    assert verdict(low, high, 0.05) == says


def test_a_look_too_early_says_nothing():
    frames = {f"s-{n:03d}": 1 for n in range(150)}
    until = UntilDecided(frames, 0.05, LIGHTEMMA)
    for scene in until.order[:15]:
        until.add(make_record(make_frame(scene, driven=steady(6.0)), steady(9.0)))
    (look,) = until.looks
    assert (look.low, look.high, look.level) == (None, None, 0.0)
    assert until.decided is None


def test_looks_are_never_below_eight_scenes_and_end_at_the_end():
    for scenes in (FEWEST, 17, 40, 150, 4001):
        places = look_places(scenes)
        assert places[-1] == scenes
        assert min(places) >= 8
        assert len(places) <= 10
        assert places == sorted(set(places))


@pytest.mark.parametrize(
    ("scenes", "margin", "says"),
    [(FEWEST - 1, 0.05, "needs 16 scenes"), (40, -1.0, "margin"), (40, float("inf"), "margin")],
)
def test_what_cannot_be_decided_is_refused(scenes, margin, says):
    with pytest.raises(UserError, match=says):
        UntilDecided({f"s-{n}": 2 for n in range(scenes)}, margin, LIGHTEMMA)


def test_too_few_scenes_are_refused_before_a_folder_is_made(cli, elsewhere):
    ended = cli("run", "--data", "demo", "--planner", "stop", "--until-decided", "0.05", "--out", "runs")
    assert ended.status == 2
    assert "needs 16 scenes or more, and there are 8" in ended.err
    assert not Path("runs/stop").exists()


def test_a_limit_and_a_batch_are_refused(cli):
    outcome = cli("run", "--data", "demo", "--planner", "constant-action", "--until-decided", "0.05", "--limit", "5")
    assert outcome.status == 2
    assert "leave" in outcome.err
