"""Seed, draws, convention and frames reach every number, in every command."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

import lightemma
from lightemma.evaluation.tables import TABLES
from tests.closed_loop.test_episodes_of_world import tour
from tests.conftest import make_frames, steady_run

CHOICES = ("--seed", 3, "--resamples", 200, "--convention", "endpoint")
#: Tables with draws over the eight embedded drives; the others have none below 100 scenes.
DRAWN = {"ranks"}


@pytest.fixture
def runs(cli, elsewhere) -> Path:
    """Two formulas on the embedded drives, which have annotations."""
    ended = cli("run", "--data", "demo", "--planner", "constant-action,damped-acceleration", "--out", "out", "--quiet")
    assert ended.status == 0, ended.err
    return Path("out")


def files(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.csv"))}


def page_of(path: Path) -> dict:
    (found,) = re.findall(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    return json.loads(found)


def test_every_command_makes_the_same_numbers_from_the_same_choices(cli, runs):
    assert cli("compare", runs, "--out", "tables", *CHOICES).status == 0
    assert cli("compare", runs, "--out", "other", *CHOICES, "--seed", 4).status == 0
    tables, other = files(Path("tables")), files(Path("other"))
    assert list(tables) == sorted(table.name for table in TABLES)
    assert {name for name in tables if tables[name] != other[name]} <= DRAWN

    lightemma.compare(["out/constant-action", "out/damped-acceleration"], "endpoint", seed=3, resamples=200).write(
        "api"
    )
    assert files(Path("api")) == tables

    assert cli("report", runs, "--out", "page.html", "--thumbnails", 0, *CHOICES).status == 0
    page = page_of(Path("page.html"))
    for name, table in page["tables"].items():
        with Path(f"tables/{name}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        assert rows[0] == table["columns"]
        assert rows[1:] == [["" if cell is None else str(cell) for cell in row] for row in table["rows"]]
    for row in page["tables"]["horizons"]["rows"]:
        run, second, *numbers = row
        assert page["horizons"]["endpoint"]["own"][run][round(2 * second) - 1][1:] == pytest.approx(numbers, rel=1e-12)

    settings = {"data": "demo", "planners": ["constant-action", "damped-acceleration"], "report": {"figures": False}}
    Path("formulas.yaml").write_text(json.dumps(settings))
    assert cli("study", "formulas.yaml", "--out", "out", "--report", "study", "--quiet", *CHOICES).status == 0
    assert files(Path("study/tables")) == tables


def test_charts_are_drawn_from_the_same_choices(cli, runs, monkeypatch):
    drawn = []
    monkeypatch.setattr("lightemma.report.figures.write_figures", lambda comparison, *_: drawn.append(comparison) or [])
    assert cli("plot", "charts", runs, "--out", "charts", *CHOICES).status == 0
    assert cli("compare", runs, "--out", "tables", "--figures", *CHOICES).status == 0
    one, other = drawn
    assert {name: built.rows for name, built in one.tables.items()}.keys() == other.tables.keys()
    assert all(str(built.rows) == str(other.tables[name].rows) for name, built in one.tables.items())


def test_closed_loop_runs_have_no_draws(cli, elsewhere):
    tour(Path("out"), ["stop", "constant-action"], scenarios=["open"], seeds=[0]).run()
    for place, path in enumerate(sorted(Path("out").rglob("episodes.jsonl"))):
        line = json.loads(path.read_text().splitlines()[0])
        many = [{**line, "name": f"open.{n}", "scenario": f"s-{n}"} for n in range(9)]
        for number, one in enumerate(many):
            one["score"] = {**one["score"], "score": float((number + place) ** 2)}
        path.write_text("".join(json.dumps(one) + "\n" for one in many))
    for seed in (1, 2):
        ended = cli("compare", "out/drive-stop", "out/drive-constant-action", "--out", f"t{seed}", "--seed", seed)
        assert ended.status == 0
        assert "--seed has no effect" in ended.err
    assert files(Path("t1")) == files(Path("t2"))
    (pair,) = csv.DictReader(files(Path("t1"))["closed_loop_paired"].splitlines())
    assert (int(pair["clusters"]), float(pair["p_holm"])) == (9, float(pair["p_value"]))
    assert -100 <= float(pair["ci_low"]) < float(pair["diff"]) < float(pair["ci_high"]) <= 100
    assert pair["significant"] == (
        "" if float(pair["p_holm"]) >= 0.05 else "better" if float(pair["diff"]) > 0 else "worse"
    )
    ended = cli("compare", "out/drive-stop", "--out", "t3", "--convention", "endpoint", "--figures")
    assert ended.status == 0
    assert "--convention, --figures has no effect" in ended.err


@pytest.mark.parametrize("command", ["compare", "report"])
def test_a_users_table_is_named_on_the_command_line(cli, elsewhere, command):
    steady_run(Path("out"), "vlm", make_frames(), 1.0)
    place = {"compare": "tables", "report": "page.html"}[command]
    ended = cli(command, "out/vlm", "--out", place, "--table", "tests.plugins.braking_table:Braking")
    assert ended.status == 0, ended.err
    text = (Path("tables/braking.md") if command == "compare" else Path("page.html")).read_text(encoding="utf-8")
    assert "Plans that lose 3 m/s or more in the first second" in text


def test_a_table_that_is_not_there_is_refused_before_anything_is_driven(cli, elsewhere):
    Path("formulas.yaml").write_text(json.dumps({"data": "demo", "planners": ["constant-action"]}))
    for command in (
        ("compare", "out", "--out", "tables"),
        ("report", "out", "--out", "page.html"),
        ("study", "formulas.yaml", "--out", "results"),
    ):
        Path("out").mkdir(exist_ok=True)
        steady_run(Path("out"), "vlm", make_frames(), 1.0)
        ended = cli(*command, "--table", "no_module:Gone")
        assert ended.status == 2
        assert "The table 'no_module:Gone' cannot be imported" in ended.err
    assert not Path("results").exists()
