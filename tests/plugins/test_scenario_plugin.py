"""A scenario in one file is listed, driven and recorded, by dotted name and by entry point."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightemma.closed_loop.records import read_episodes
from lightemma.data.nuscenes import NuScenesSource
from tests.conftest import run_at
from tests.plugins.installed import install

PLACE = "tests.plugins.hay_bale_scenario"
SMALL = ("--size", "160x90", "--renderer", "painter")


@pytest.mark.parametrize("way", ["object", "function", "entry point"])
def test_a_scenario_in_one_file_is_driven_and_recorded(elsewhere, cli, monkeypatch, tmp_path, way):
    scenario = {"object": f"{PLACE}:SCENARIO", "function": f"{PLACE}:scenario", "entry point": "hay-bale"}[way]
    if way == "entry point":
        install(monkeypatch, tmp_path / "site", {"lightemma.scenarios": {"hay-bale": f"{PLACE}:SCENARIO"}})
        shown = cli("simulate", "scenarios").out
        assert "hay-bale\n    A barrier is in the lane.\n    Right: Stop before it.\n" in shown
    arguments = ("--scenarios", f"cruise,{scenario}", "--seeds", "1")
    assert cli("drive", "--planner", "expert,constant-action", *arguments, "--quiet").status == 0
    expert, constant = (
        {one.name: one for one in read_episodes(run_at(f"results/{name}"))}
        for name in ("drive-expert", "drive-constant-action")
    )
    assert set(expert) == {"cruise.day.000", "hay-bale.day.000"}
    (struck,) = constant["hay-bale.day.000"].outcome.crashes_at_fault
    assert struck.struck == "thing"
    stopped = expert["hay-bale.day.000"].outcome
    assert (stopped.end, stopped.crashes) == ("time-out", [])
    assert stopped.progress > 0.8
    if way == "function":
        return  # found as the object is
    ended = cli("simulate", "data", "--scenarios", scenario, "--out", "city", *SMALL)
    assert (ended.status, ended.err) == (0, "")
    assert list(NuScenesSource(Path("city"), "v1.0-sim").scene_names) == ["sim-hay-bale-000"]


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (f"{PLACE}:NOTHING", "NOTHING"),
        (f"{PLACE}:WRONG", "is no scenario but int"),
        (f"{PLACE}:needs", "needs arguments"),
        (f"{PLACE}:SCENARIO,{PLACE}:scenario", "Two of the scenarios are called 'hay-bale'"),
        (f"{PLACE}:RAISES", "ValueError: no streets"),
        (f"{PLACE}:GIVES_NOTHING", "it gives NoneType in place of a Setup"),
        (f"{PLACE}:BEHIND", "the car would start at 500 m of its route"),
        (f"{PLACE}:NO_SPEED", "at, speed, desired, goal and time_limit must be finite"),
        (f"{PLACE}:TAKEN", "is called 'red-light', a name that lightemma uses itself"),
        (f"{PLACE}:fails", "cannot be made: KeyError: 'no scenario'"),
    ],
)
def test_a_fault_of_a_scenario_is_one_sentence_that_names_it(elsewhere, cli, place, sentence):
    ended = cli("drive", "--planner", "stop", "--scenarios", place, "--seeds", "1", "--quiet")
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert sentence in ended.err
    assert "hay_bale" in ended.err or "hay-bale" in ended.err
