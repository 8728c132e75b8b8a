"""How much of a score needs eyes: blind twins, the blind ceiling, and that neither is ranked."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from lightemma.backends.base import Completion, PicturePart
from lightemma.closed_loop.blind import SCHEDULES, Schedule, drive_schedule, schedule_scores
from lightemma.closed_loop.results import results_of
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.study import load_driven
from lightemma.errors import UserError
from lightemma.evaluation.tables.files import write_tables
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from tests.closed_loop.fake_world import FakeFactory, FakeWorld
from tests.closed_loop.test_episodes_of_world import Sight
from tests.conftest import plan_text, steady


class Watched(FakeFactory):
    """Two drivers that see nothing are known in its episodes: one for red lights, one for free roads."""

    def blind_scores(self, spec, rules):
        light = spec.scenario == "light"
        return {"slow": (20.0, False), "fast": (90.0, True) if not light else (0.0, False)}


class Reader(Sight):
    """Goes on where there is a drawn picture, and stops where it is grey."""

    async def generate(self, request):
        self.asked += 1
        picture = next(one.picture for one in reversed(request.messages[0].parts) if isinstance(one, PicturePart))
        drawn = picture.data[:5] in (b"open ", b"light")
        return Completion(plan_text(steady(5.0 if drawn else 0.0)) if request.stage == "action" else "A road.")


def drive(out: Path, world: str = "Watched", pictures: int = 1, **more):
    settings = {"name": f"{__name__}:{world}", "scenarios": ["open", "light"], "seeds": "2", **more}
    given = {"world": settings, "planners": ["chain-of-thought"], "models": ["m"], "pictures": pictures}
    benchmark = Benchmark.model_validate(given)
    session, _ = open_drives(benchmark, out, lambda _: Reader(), workers=0)
    session.run()
    return [out / job.name for job in session.jobs]


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    return drive(tmp_path_factory.mktemp("eyes"), blind_twin=True)


def test_a_twin_is_shown_grey_in_the_same_episodes_and_says_so(driven):
    run, twin = driven
    assert twin.name == f"{run.name}+blind-twin"
    one, other = read_manifest(run), read_manifest(twin)
    assert (one.data.frame_set, one.planner, one.prompts) == (other.data.frame_set, other.planner, other.prompts)
    assert other.inputs.blind
    assert other.inputs.words.startswith("grey, ")
    assert not one.inputs.blind
    assert one.differences(other) == ["pictures", "inputs"]
    shown = {frame.image_sha256 for frame in read_frames(twin)}
    assert len(shown) == 1
    assert {frame.image for frame in read_frames(twin)} == {"pictures/grey.jpg"}
    assert len({frame.image_sha256 for frame in read_frames(run)}) == len(read_frames(run))


def test_a_twin_is_shown_as_many_pictures_as_its_run(tmp_path):
    _, twin = drive(tmp_path, scenarios=["open"], seeds="1", pictures=3, blind_twin=True, blind_ceiling=False)
    frames = read_frames(twin)
    assert {frame.outcome for frame in frames} == {"ok"}
    asked = [frame.calls[0].prompt for frame in frames]
    assert [text.count(" s ago:") for text in asked[:4]] == [0, 1, 2, 2]


def test_the_table_says_how_much_of_a_score_needs_eyes(driven, tmp_path):
    results = results_of([load_driven(folder) for folder in reversed(driven)])
    run, twin, ceiling = results.closed_loop
    assert [row.kind for row in (run, twin, ceiling)] == ["", "blind twin", "blind ceiling"]
    assert (run.driving_score, twin.driving_score) == (75.0, 0.0)
    assert run.above_twin == 75.0
    assert run.above_twin_ci_low <= 75.0 <= run.above_twin_ci_high
    # `fast` is the better of the two over both scenarios, and it is one driver for all of them.
    assert (ceiling.planner, ceiling.driving_score, ceiling.success_rate, ceiling.episodes) == ("fast", 45.0, 0.5, 4)
    assert (run.above_ceiling, twin.above_ceiling) == (30.0, -45.0)
    assert "best of 2 drivers" in results.tables["closed_loop"].caption
    write_tables(results, tmp_path)
    rows = list(csv.DictReader((tmp_path / "closed_loop.csv").open()))
    assert [row["above_twin"] for row in rows] == ["75.0", "", ""]
    # On paper the competitors come first, and the others below a rule.
    table = results.paper()
    assert [[row.cells[0].text for row in rows] for rows in table.groups] == [
        [run.run],
        [ceiling.run, twin.run],
    ]
    assert table.groups[0][0].cells[2].text.startswith("75.0 [")
    assert [mark for mark, _ in table.explained][-1] == "§"
    assert not any(row.ranked for row in table.groups[1])
    assert "2 scenarios" in table.caption


def test_neither_is_ranked_or_paired_with_competitors(driven):
    results = results_of([load_driven(folder) for folder in driven])
    assert {row.run for row in results.closed_loop_forms} == {driven[0].name}
    assert results.closed_loop_paired == []


def test_a_run_without_its_twin_or_without_blind_drives_has_no_such_columns(driven, tmp_path):
    (alone,) = drive(tmp_path, blind_ceiling=False)
    rows = results_of([load_driven(alone)]).closed_loop
    assert [row.kind for row in rows] == [""]
    assert math.isnan(rows[0].above_ceiling)
    assert math.isnan(rows[0].above_twin)
    assert results_of([load_driven(driven[1])]).closed_loop[0].kind == "blind twin"


def test_a_world_without_blind_drives_has_no_ceiling(tmp_path):
    folders = drive(tmp_path, "FakeFactory")
    assert [row.kind for row in results_of([load_driven(folder) for folder in folders]).closed_loop] == [""]


class Odd(FakeFactory):
    def blind_scores(self, spec, rules):
        return {"slow": (float("nan"), False)}


class Wrong(FakeFactory):
    def blind_scores(self, spec, rules):
        return {"slow": 20.0}


@pytest.mark.parametrize("world", ["Odd", "Wrong"])
def test_blind_scores_that_are_none_are_one_sentence(world, tmp_path):
    with pytest.raises(UserError, match=f"world 'fake' .*{world}.*`blind_scores` must give a score"):
        drive(tmp_path, world, seeds="1", scenarios=["open"])


def test_planners_without_pictures_have_no_twin(tmp_path):
    settings = {"name": "tests.closed_loop.fake_world:FakeFactory", "scenarios": ["open"], "blind_twin": True}
    with pytest.raises(UserError, match="None of the planners is given pictures"):
        open_drives(Benchmark.model_validate({"world": settings, "planners": ["stop"]}), tmp_path, workers=0)


@pytest.mark.parametrize("replan", [1, 6])
def test_a_schedule_is_driven_as_the_loop_drives_plans(replan):
    world = FakeWorld(EpisodeSpec("open", 0), LoopRules(replan=replan))
    outcome = drive_schedule(world, Schedule(2.0, 4.0, 6.0), replan)
    # 8 m in the first 4 s, then 52 m at 6 m/s.
    assert (outcome.end, outcome.time_s) == ("goal", pytest.approx(4.0 + 52.0 / 6.0, abs=0.06))


def test_every_schedule_is_scored_from_the_same_start():
    world = FakeWorld(EpisodeSpec("light", 0), LoopRules())
    found = schedule_scores(world, LoopRules())
    assert list(found) == [one.name for one in SCHEDULES]
    assert len(found) >= 30
    assert (world.x, world.ticks) == (0.0, 0)
    assert found["9"] == (50.0, False)
