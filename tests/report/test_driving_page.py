"""The page of closed-loop runs: what it knows, what its episodes hold, and that nothing in it can become a script."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from lightemma.backends.base import Backend, Completion
from lightemma.backends.config import Limits, ModelConfig
from lightemma.cli.report import report
from lightemma.closed_loop.records import EPISODES, Infraction, read_episodes
from lightemma.closed_loop.replay import REPLAYS, ReplayGround, read_replay, write_replay
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.study import DrivenStudy, load_driven
from lightemma.closed_loop.tables.closed_loop import ClosedLoop
from lightemma.comparing.driving_page import driving_headline, scenario_scores, write_driving_page
from lightemma.errors import UserError
from lightemma.run_folder.frame_lines import FRAMES
from lightemma.run_folder.store import read_frames
from lightemma.sessions.benchmark import Benchmark
from tests.closed_loop.fake_world import FakeFactory
from tests.conftest import plan_text, steady
from tests.report.page_runs import HOSTILE, picture


class Streets(FakeFactory):
    """The fake world."""


class Teller(Backend):
    """Says what must stay text, and plans a speed."""

    def __init__(self, name: str, speed: float) -> None:
        super().__init__(ModelConfig(name=name, provider="made-up", model=name, limits=Limits(attempts=1)))
        self.speed = speed

    async def generate(self, request):
        return Completion(plan_text(steady(self.speed)) if request.stage == "action" else HOSTILE[0])


def drive(out: Path, name: str, speed: float, seeds: str = "2") -> Path:
    """A run over two scenarios, as it is stored."""
    settings = {"name": f"{__name__}:Streets", "scenarios": ["open", "light"], "seeds": seeds}
    given = {"world": settings, "planners": ["chain-of-thought"], "models": [name], "pictures": 1}
    session, _ = open_drives(Benchmark.model_validate(given), out, lambda _: Teller(name, speed), workers=0)
    session.run()
    (job,) = session.jobs
    return out / job.name


def add_fault(folder: Path, fault: Infraction) -> None:
    """Puts a fault into the first episode's line."""
    first, *others = sorted(read_episodes(folder), key=lambda one: one.name)
    changed = msgspec.structs.replace(first, outcome=msgspec.structs.replace(first.outcome, infractions=[fault]))
    lines = [msgspec.json.encode(one) for one in (changed, *others)]
    (folder / EPISODES).write_bytes(b"\n".join(lines) + b"\n")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    out = tmp_path_factory.mktemp("driven")
    fast, slow = drive(out, "fast", 5.0), drive(out, "slow", 2.0)
    first = min(one.name for one in read_episodes(fast))
    add_fault(fast, Infraction("red-light", 1.5, 7.0, 0.5, detail=HOSTILE[1]))
    replay = read_replay(fast, first)
    ground = ReplayGround([[(0.0, -2.0), (50.0, -2.0), (50.0, 2.0), (0.0, 2.0)]], [(0, 20.0, 3.0)])
    write_replay(fast, first, msgspec.structs.replace(replay, ground=ground))
    shown = [frame.image for frame in read_frames(fast) if frame.scene == first]
    made = picture(fast / shown[0], (320, 180)).read_bytes()
    for name in shown[1:]:
        (fast / name).write_bytes(made)
    return [fast, slow]


@pytest.fixture(scope="module")
def page(folders, tmp_path_factory):
    return write_driving_page(folders, tmp_path_factory.mktemp("page") / "drives.html", title="A <b>title</b>")


def page_data(path):
    text = path.read_text(encoding="utf-8")
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


def episode(written, run: int, name: str):
    path = written.folder / page_data(written.page)["files"][str(run)][name]
    text = path.read_text(encoding="utf-8")
    return json.loads("[" + re.fullmatch(r"lightemmaEpisode\((.*)\);\n", text, re.DOTALL).group(1) + "]")


def test_the_page_has_every_episode_and_the_numbers_of_the_tables(page, folders):
    data = page_data(page.page)
    runs = [load_driven(folder) for folder in folders]
    assert [run["name"] for run in data["runs"]] == [run.name for run in runs]
    assert len(data["episodes"]) == sum(len(run.episodes) for run in runs) == 8
    for one in data["episodes"]:
        record = runs[one["run"]].episodes[one["name"]]
        assert (one["score"], one["end"], one["time"]) == (
            record.score.score,
            record.outcome.end,
            record.outcome.time_s,
        )
    assert data["episodes"][0]["faults"] == [["red-light", 1.5, True, "", HOSTILE[1], 7.0, 0.5]]
    rows = ClosedLoop().build(DrivenStudy(runs))
    table = data["tables"]["closed_loop"]
    shown = [row[table["columns"].index("driving_score")] for row in table["rows"]]
    assert shown == [row.driving_score for row in rows]


def test_scores_by_scenario_are_means_over_their_episodes_with_intervals_over_seeds(folders):
    study = DrivenStudy([load_driven(folder) for folder in folders])
    rows = scenario_scores(study)
    assert [row["scenario"] for row in rows] == ["light", "open"]
    for row in rows:
        for place, found in row["runs"].items():
            scores = [
                one.score.score for one in study.runs[int(place)].episodes.values() if one.scenario == row["scenario"]
            ]
            assert found["score"] == pytest.approx(sum(scores) / len(scores))
            assert (found["episodes"], found["seeds"]) == (2, 2)
            assert sum(found["ends"].values()) == 2
            assert not found["low"] < 0.0
            assert not found["high"] > 100.0


def test_an_episode_holds_its_stored_replay_the_words_and_the_plans(page, folders):
    run = load_driven(folders[0])
    first = next(iter(run.episodes))
    report, place, name, data = episode(page, 0, first)
    assert (report, place, name) == (page_data(page.page)["report"], 0, first)
    stored = read_replay(folders[0], first)
    assert [step[0] for step in data["replay"]["steps"]] == [step.time for step in stored.steps]
    assert data["replay"]["streets"] == [[[0.0, -2.0], [50.0, -2.0], [50.0, 2.0], [0.0, 2.0]]]
    assert len(data["decisions"]) == run.episodes[first].decisions
    times = [decision["time"] for decision in data["decisions"]]
    assert times[0] == 0.0
    assert times == sorted(times)
    said = [stage["response"] for stage in data["decisions"][0]["texts"]]
    assert said[0] == HOSTILE[0]
    assert len(data["decisions"][0]["plan"]) == 6


def test_nothing_that_a_model_or_a_file_says_can_end_a_script(page):
    text = page.page.read_text(encoding="utf-8")
    assert text.count("</script>") == text.count("<script") == 2
    assert "<title>A &lt;b&gt;title&lt;/b&gt;</title>" in text
    assert "connect-src" not in text
    for path in page.folder.iterdir():
        assert not set("<>&") & set(path.read_text(encoding="utf-8"))


def test_a_picture_that_is_none_or_lies_elsewhere_is_left_out(folders, tmp_path):
    copy = tmp_path / "results" / folders[0].name
    shutil.copytree(folders[0], copy)
    picture(tmp_path / "private.jpg", (320, 180))
    first, *others = load_driven(copy).episodes
    lines = (copy / FRAMES).read_bytes().splitlines()
    place = next(number for number, line in enumerate(lines) if f'"{first}"'.encode() in line)
    lines[place] = msgspec.json.encode(msgspec.json.decode(lines[place]) | {"image": "../../private.jpg"})
    (copy / FRAMES).write_bytes(b"\n".join(lines) + b"\n")
    written = write_driving_page([copy], tmp_path / "a.html")
    shown = [decision["picture"] is not None for decision in episode(written, 0, first)[3]["decisions"]]
    assert shown == [False, *[True] * (len(shown) - 1)]
    assert not any(decision["picture"] for name in others for decision in episode(written, 0, name)[3]["decisions"])


def test_no_picture_is_read_where_none_is_wanted(folders, tmp_path):
    written = write_driving_page(folders, tmp_path / "b.html", max_pictures=0)
    assert written.pictures == 0


def test_a_damaged_or_missing_replay_costs_only_what_needs_it(folders, tmp_path):
    copy = tmp_path / folders[0].name
    shutil.copytree(folders[0], copy)
    first, second = sorted((copy / REPLAYS).iterdir())[:2]
    first.write_bytes(b"no gzip")
    second.unlink()
    written = write_driving_page([copy], tmp_path / "c.html")
    names = [path.name.removesuffix(".json.gz") for path in (first, second)]
    (_, _, _, damaged), (_, _, _, missing) = (episode(written, 0, name) for name in names)
    assert damaged["replay"] is missing["replay"] is None
    assert "is damaged" in damaged["damaged"]
    assert missing["damaged"] == ""


def test_a_page_written_again_forgets_the_episodes_before(folders, tmp_path):
    out = tmp_path / "d.html"
    write_driving_page(folders, out)
    (tmp_path / "d_data" / "mine.js").write_text("var mine;\n")
    written = write_driving_page(folders[1:], out)
    names = {name for its in page_data(out)["files"].values() for name in its.values()}
    assert {path.name for path in written.folder.iterdir()} == {*names, "mine.js"}


def test_the_headline_names_the_highest_score_and_gives_no_verdict(folders):
    study = DrivenStudy([load_driven(folder) for folder in folders])
    rows = ClosedLoop().build(study)
    said = driving_headline(study, rows)
    best = max(rows, key=lambda row: row.driving_score)
    assert said.startswith(f"Of 2 drivers {best.run} has the highest driving score: {best.driving_score:.1f}")
    assert "significant" not in said
    assert said.endswith(" are too few to say who drives better.")
    alone = DrivenStudy(study.runs[:1])
    assert driving_headline(alone, ClosedLoop().build(alone)).startswith(f"{study.runs[0].name} has a driving score of")


def test_runs_of_several_worlds_have_no_common_page(folders, tmp_path, monkeypatch):
    others = [load_driven(folder) for folder in folders]
    moved = replace(
        others[1],
        manifest=msgspec.structs.replace(
            others[1].manifest, data=msgspec.structs.replace(others[1].manifest.data, name="moon")
        ),
    )
    found = iter([others[0], moved])
    monkeypatch.setattr("lightemma.comparing.driving_page.load_driven", lambda _: next(found))
    with pytest.raises(UserError, match="in 2 worlds"):
        write_driving_page(folders, tmp_path / "e.html")


def test_the_report_command_writes_the_page_of_closed_loop_runs(folders, tmp_path, capsys):
    report(folders, tmp_path / "mine.html", title="Mine", thumbnails=0)
    assert page_data(tmp_path / "mine.html")["title"] == "Mine"
    assert "mine_data" in capsys.readouterr().out
