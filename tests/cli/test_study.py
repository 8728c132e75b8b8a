"""`report` writes finished runs as a page, and `study` drives, compares and reports a benchmark file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from lightemma.cli.study import finished_runs
from lightemma.data.data_locations import recall_source
from lightemma.data.embedded_demo import embedded_root
from lightemma.errors import UserError
from lightemma.run_folder.frame_lines import frames_file
from lightemma.sessions.benchmark import ReportSettings
from lightemma.sessions.importing import import_archive
from tests.conftest import good_answer, write_archive


@pytest.fixture
def place(elsewhere: Path) -> Path:
    write_archive(elsewhere / "tiny", good_answer)
    return elsewhere


@pytest.fixture(scope="module")
def drives() -> Path:
    return embedded_root()


def write_study(path: Path, **changes: object) -> Path:
    values: dict[str, object] = {"data": "published:tiny", "planners": ["constant-action", "stop"]} | changes
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_file_makes_runs_tables_figures_and_page(place, cli):
    write_archive(place / "other", good_answer)
    write_study(place / "mine.yaml", report={"title": "My <table>", "also": ["other"], "convention": "endpoint"})
    ended = cli("study", "mine.yaml", "--quiet")
    assert (ended.status, ended.err) == (0, "")
    folder = place / "results" / "reports" / "mine"
    assert [row["run"] for row in rows(folder / "tables" / "summary.csv")] == ["constant-action", "stop", "other"]
    assert {row["convention"] for row in rows(folder / "tables" / "summary.csv")} == {"endpoint"}
    assert (folder / "figures" / "differences.pdf").is_file()
    page = (folder / "mine.html").read_text(encoding="utf-8")
    assert "<title>My &lt;table&gt;</title>" in page
    assert ended.out.splitlines()[-1].startswith("Report: results/reports/mine/mine.html (")


def test_a_repeated_study_drives_nothing_twice(place, cli):
    write_study(place / "mine.yaml", report={"figures": False})
    cli("study", "mine.yaml", "--quiet")
    lines = frames_file(place / "results" / "published" / "stop").read_bytes()
    ended = cli("study", "mine.yaml", "--quiet", "--report", "again")
    assert ended.status == 0
    assert "5 already done" in ended.out
    assert frames_file(place / "results" / "published" / "stop").read_bytes() == lines
    assert (place / "again" / "mine.html").is_file()
    assert not (place / "again" / "figures").exists()


def test_a_stopped_study_writes_no_report_yet(place, cli):
    (place / "dear.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "dear",
                "provider": "scripted",
                "model": "m",
                "price": {"input": 1e6, "output": 1e6},
                "options": {"answers": ["x"], "repeat": True},
            }
        )
    )
    write_study(place / "mine.yaml", planners=["chain-of-thought"], models=["dear.yaml"])
    ended = cli("study", "mine.yaml", "--quiet", "--max-cost", "0.000001")
    assert ended.status == 1
    assert "The report waits until all runs are finished" in ended.out
    assert not (place / "results" / "reports").exists()


def test_a_run_a_folder_of_runs_and_an_archive_can_be_compared_too(place):
    done = import_archive(place / "tiny", place / "old", "strict", None)
    settings = ReportSettings(also=[str(done), str(place / "tiny")])
    assert finished_runs(settings, place / "new") == [done.resolve(), place / "new" / "published" / "tiny"]
    with pytest.raises(UserError, match="There is no run 'nowhere'"):
        finished_runs(ReportSettings(also=["nowhere"]), place / "new")


def test_a_study_with_an_unknown_report_key_is_refused(place, cli):
    write_study(place / "mine.yaml", report={"titel": "x"})
    ended = cli("study", "mine.yaml")
    assert ended.status == 2
    assert "titel" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_report_is_one_page_and_says_so(place, cli):
    import_archive(place / "tiny", place / "out", "strict", None)
    ended = cli("report", "out", "--out", "deep/page.html", "--title", "T", "--resamples", "200")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines()[-1].startswith("Report: deep/page.html (")
    assert not (place / "deep" / "page_data").exists()


def test_a_report_that_is_not_a_page_is_refused(place, cli):
    ended = cli("report", "out", "--out", "page")
    assert (ended.status, ended.err) == (
        2,
        "Error: --out is 'page', which is not a page; give a file that ends in .html.\n",
    )


def test_pictures_annotations_and_facts_come_from_the_data_noted_when_driving(elsewhere, cli, drives):
    spec = f"nuscenes:{drives}@v1.0-demo"
    assert cli("run", "--data", spec, "--planner", "stop", "--quiet").status == 0
    assert recall_source(Path("results"), "nuscenes", drives.name, "v1.0-demo") == spec
    assert cli("report", "results", "--out", "page.html", "--resamples", "200").status == 0
    assert "data:image/jpeg;base64," in Path("page.html").read_text(encoding="utf-8")
    assert cli("compare", "results", "--out", "tables", "--resamples", "200").status == 0
    safety = {row["run"]: row for row in rows(Path("tables/safety.csv"))}
    assert safety["stop"]["collision_exact_3s"] != ""
    strata = {row["stratum"] for row in rows(Path("tables/strata.csv"))}
    assert any(name.startswith("location: ") for name in strata)


def test_data_that_has_moved_is_left_out(elsewhere, cli, drives):
    moved = elsewhere / "moved"
    moved.symlink_to(drives)
    cli("run", "--data", f"nuscenes:{moved}@v1.0-demo", "--planner", "stop", "--quiet")
    moved.unlink()
    ended = cli("compare", "results", "--out", "tables", "--resamples", "200")
    assert ended.status == 0
    assert rows(elsewhere / "tables" / "safety.csv")[0]["collision_exact_3s"] == ""


def test_data_of_other_drives_is_refused(place, cli, drives):
    import_archive(place / "tiny", place / "out", "strict", None)
    ended = cli("report", "out", "--out", "page.html", "--data", f"nuscenes:{drives}@v1.0-demo")
    assert ended.status == 2
    assert "has none of the frames of run 'tiny'" in ended.err
