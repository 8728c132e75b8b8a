"""A source in one file is driven, compared, reported and drawn, by dotted name and by entry point."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.conftest import run_at
from tests.plugins.installed import install

PLACE = "tests.plugins.drives_source:MadeUpDrives"
BASELINE = ("--planner", "constant-action,stop")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def spec_of(way: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    if way == "dotted name":
        return f"{PLACE}:4,8"
    install(monkeypatch, folder, {"lightemma.sources": {"drives": PLACE}})
    return "drives:4,8"


@pytest.mark.parametrize("way", ["dotted name", "entry point"])
def test_a_source_in_one_file_reaches_every_table(elsewhere, cli, monkeypatch, tmp_path, way):
    data = spec_of(way, monkeypatch, tmp_path / "site")
    ended = cli("run", "--data", data, *BASELINE)
    assert (ended.status, ended.err) == (0, "")
    manifest = json.loads((run_at("results/stop") / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["data"]["source"], manifest["data"]["frames"]) == ("made-up-drives", 12)
    # The place of the data is noted, so it need not be named again.
    assert cli("compare", "results", "--out", "tables").status == 0
    rows = {row["run"]: row for row in table(Path("tables/safety.csv"))}
    assert {row["note"] for row in rows.values()} == {""}
    # At 8 m/s from the current key frame (28 m) on, the parked car 60 m from the start is reached in some frames.
    assert float(rows["constant-action"]["excluded_exact"]) > 0
    assert [int(rows["stop"][key]) for key in ("frames", "ground_frames", "lane_frames")] == [12, 12, 12]
    strata = {row["stratum"] for row in table(Path("tables/strata.csv"))}
    assert {"location: nowhere", "light: day", "weather: rain", "scene: at-8"} <= strata
    assert cli("report", "results", "--out", "page.html").status == 0
    assert cli("plot", "frame", "results/stop", "--sample", "at-4:0", "--out", "frame.png").status == 0
    assert Path("frame.png").stat().st_size > 0


def test_a_source_without_a_place_takes_its_own_default(elsewhere, cli):
    assert cli("run", "--data", PLACE, "--planner", "stop", "--scenes", "at-8").status == 0


def test_messages_name_installed_sources(elsewhere, cli, monkeypatch, tmp_path):
    install(monkeypatch, tmp_path / "site", {"lightemma.sources": {"drives": PLACE}})
    ended = cli("run", "--data", "drive:x", "--planner", "stop")
    assert ended.status == 2
    assert "did you mean drives?" in ended.err
