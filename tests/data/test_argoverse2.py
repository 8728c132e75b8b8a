"""Argoverse 2 sensor logs: made-up ones by hand, spoilt ones by sentence, two real ones by their published figures."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install 'lightemma[argoverse2]')")

from lightemma.agents import VEHICLE, Unknown
from lightemma.data.argoverse2 import CATEGORIES, Argoverse2Source, category_name
from lightemma.data.argoverse2_maps import city_of
from lightemma.data.argoverse2_tables import ROAD_BELOW_AXLE
from lightemma.data.base import DataInfo
from lightemma.errors import UserError
from tests.conftest import run_at
from tests.data.made_up_logs import MadeUpLog
from tests.shared_data import SHARED, needs_shared

LOGS = SHARED / "argoverse2-logs"
LOG = MadeUpLog()
BASELINE = ("--planner", "constant-action")


def test_a_log_is_a_scene_of_key_frames_0_5_s_apart(tmp_path):
    LOG.write(tmp_path)
    source = Argoverse2Source(tmp_path)
    assert source.info == DataInfo("argoverse2", tmp_path.name, "val", 1)
    frames = list(source.frames())
    assert len(frames) == 21 - 14
    first = frames[0]
    assert first.timestamp == 315_966_250_000_000 + 3_500_300, "the sweep of 3.5 s is odd, so 0.3 ms late"
    assert first.sample_token == f"{LOG.name}-{315_966_253_500_300_000}"
    assert first.pose.heading == pytest.approx(0.5)
    assert [first.pose.x, first.pose.y] == pytest.approx(
        [500 + 6 * 3.5003 * np.cos(0.5), 1000 + 6 * 3.5003 * np.sin(0.5)]
    )
    np.testing.assert_allclose(first.history.actions, [[6.0, 0.0]] * 6, atol=1e-3)
    np.testing.assert_allclose(first.future, [[3.0 * n, 0.0] for n in range(1, 7)], atol=0.01)
    assert first.image_path is None
    assert first.camera is not None
    assert first.camera.size == (1550, 2048)
    assert first.camera.translation.tolist() == [1.6, 0.0, 1.4 + ROAD_BELOW_AXLE]


def test_boxes_are_where_they_are_seen_from_the_moving_car(tmp_path):
    LOG.write(tmp_path)
    source = Argoverse2Source(tmp_path)
    look = source.agents()
    assert not isinstance(look, Unknown)
    frame = source.scene_frames(LOG.name)[0]
    around = look(LOG.name, frame.sample_token)
    assert around is not None
    assert around.agents is not None
    assert around.agents.categories == ["vehicle.car"], "the recorded car's own track is no agent"
    assert around.agents.kinds.tolist() == [VEHICLE]
    assert around.agents.sizes.tolist() == [[4.5, 1.9]]
    gone = 6.0 * 3.5003
    np.testing.assert_allclose(around.agents.centres[0], [[40.0 - gone, 3.0]] * 7, atol=0.01)
    np.testing.assert_allclose(around.agents.yaws[0], 0.0, atol=1e-9)
    np.testing.assert_allclose(around.ego[:, 0], 3.0 * np.arange(7), atol=0.01)
    assert look(LOG.name, "no-such-token") is None
    assert look("no-such-log", frame.sample_token) is None


def test_the_map_is_the_drivable_ground_and_the_lanes_of_cars(tmp_path):
    LOG.write(tmp_path)
    source = Argoverse2Source(tmp_path)
    look = source.maps()
    assert not isinstance(look, Unknown)
    area = look(LOG.name)
    assert area is not None
    left = np.array([-np.sin(0.5), np.cos(0.5)])
    points = np.array([500.0, 1000.0]) + np.outer([0.0, 1.9, 2.1, 5.9, 6.1], left)
    assert area.contains(points).tolist() == [True, True, True, True, False]
    assert sorted(map(tuple, area.lanes_at(points).tolist())) == [(0, 0), (1, 0)]
    assert look("no-such-log") is None
    assert source.facts()[LOG.name].location == "MIA"


@pytest.mark.parametrize("split", ["sensor/train", "test", "."])
def test_logs_are_found_in_every_layout(tmp_path, split):
    LOG.write(tmp_path, split)
    source = Argoverse2Source(tmp_path)
    assert list(source.scene_names) == [LOG.name]
    assert source.info.version == split.removeprefix("sensor/").removeprefix(".")


def test_pictures_are_the_nearest_ones_and_a_missing_one_is_named(tmp_path, cli):
    folder = MadeUpLog(pictures=True).write(tmp_path)
    source = Argoverse2Source(tmp_path)
    frame = source.scene_frames(LOG.name)[0]
    # Pictures are at 7, 57, 107 ms …; the key frame is at 3500.3 ms.
    wanted = folder / "sensors" / "cameras" / "ring_front_center" / f"{315_966_250_000_000_000 + 3_507_000_000}.jpg"
    assert frame.image_path == wanted
    assert frame.image == wanted.relative_to(tmp_path).as_posix()
    assert len(frame.earlier) == 7
    for place in (wanted, *wanted.parent.glob("3159662534*.jpg"), *wanted.parent.glob("3159662535*.jpg")):
        place.unlink(missing_ok=True)
    (lacking,) = [frame for frame in Argoverse2Source(tmp_path).frames() if not frame.image_path.is_file()]
    assert lacking.sample_token.endswith(Path(lacking.image).stem)


def test_a_log_without_annotations_is_cut_by_its_pictures_and_knows_no_agents(tmp_path):
    folder = MadeUpLog(pictures=True).write(tmp_path, "sensor/test")
    (folder / "annotations.feather").unlink()
    source = Argoverse2Source(tmp_path)
    frames = list(source.frames())
    assert len(frames) == 21 - 14
    agents = source.agents()
    assert isinstance(agents, Unknown)
    assert "no" in agents.reason.lower()
    assert agents.motion is not None
    around = agents.motion(LOG.name, frames[0].sample_token)
    assert around is not None
    assert around.agents is None
    shutil.rmtree(folder / "sensors")
    with pytest.raises(UserError, match=r"has neither annotations\.feather nor pictures"):
        list(Argoverse2Source(tmp_path).frames())


def test_a_missing_sweep_is_replaced_by_its_neighbour(tmp_path):
    MadeUpLog(skip=(50,)).write(tmp_path)
    frames = list(Argoverse2Source(tmp_path).frames())
    assert len(frames) == 7
    (other,) = [frame for frame in frames if frame.timestamp == 315_966_250_000_000 + 4_900_300]
    # Speeds are over the real times, so 0.4 s before and 0.6 s after it.
    assert other.history.actions[:, 0] == pytest.approx(6.0, abs=0.01)
    assert other.future[0, 0] == pytest.approx(6.0 * 0.5997, abs=0.01)


def test_frames_across_a_gap_are_left_out_and_said_so(tmp_path, caplog):
    MadeUpLog(sweeps=401, skip=range(196, 224)).write(tmp_path)
    frames = list(Argoverse2Source(tmp_path).frames())
    # Key frames at 0 … 19.5 s and 22.4 … 40 s; the history spans 3.5 s and the future 3 s.
    times = [round(frame.timestamp / 1e6 - 315_966_250, 1) for frame in frames]
    assert times[0] == 3.5
    assert max(time for time in times if time < 20) == 16.5
    assert min(time for time in times if time > 20) == 26.0
    assert np.max(np.abs(np.concatenate([frame.history.actions[:, 0] for frame in frames]) - 6.0)) < 0.01
    assert "are left out, since key frames are missing" in caplog.text


def test_every_category_of_the_data_set_has_a_name_and_a_new_one_is_an_obstacle():
    assert len(CATEGORIES) == 30
    assert category_name("REGULAR_VEHICLE") == "vehicle.car"
    assert category_name("FLYING_CAR") == "other.flying_car"


def test_the_city_is_unknown_where_the_name_does_not_say_it(tmp_path):
    assert city_of(tmp_path / "log_map_archive_x____PIT_city_47896.json") == "PIT"
    assert city_of(tmp_path / "log_map_archive_x.json") == ""


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _edit(path: Path, change) -> None:
    from pyarrow import feather

    feather.write_feather(change(feather.read_table(path, memory_map=False)), str(path))


def _poked(name: str, value: object):
    def change(table):
        import pyarrow as pa

        values = table.column(name).to_pylist()
        values[len(values) // 4] = value
        return table.set_column(table.column_names.index(name), name, pa.array(values))

    return change


def _twice(table, name: str):
    """With its first row a second time, 7 m away."""
    import pyarrow as pa

    row = table.slice(0, 1)
    moved = row.set_column(row.column_names.index(name), name, pa.array([row.column(name)[0].as_py() + 7.0]))
    return pa.concat_tables([table, moved])


def _divided(table):
    import pyarrow as pa

    times = [time // 1000 for time in table.column("timestamp_ns").to_pylist()]
    return table.set_column(table.column_names.index("timestamp_ns"), "timestamp_ns", pa.array(times))


def _as_text(name: str):
    def change(table):
        return table.set_column(table.column_names.index(name), name, table.column(name).cast("string"))

    return change


POSES, BOXES = "city_SE3_egovehicle.feather", "annotations.feather"
LENS = "calibration/intrinsics.feather"
SPOILT = {
    "cut poses": (POSES, _truncate, "city_SE3_egovehicle.feather is torn or no Feather file"),
    "empty poses": (POSES, lambda path: path.write_bytes(b""), "is torn or no Feather file"),
    "cut boxes": (BOXES, _truncate, "annotations.feather is torn or no Feather file"),
    "other poses": (POSES, lambda p: _edit(p, lambda t: t.drop_columns(["qw"])), "has no column 'qw'"),
    "other boxes": (BOXES, lambda p: _edit(p, lambda t: t.drop_columns(["timestamp_ns"])), "no column 'timestamp_ns'"),
    "text in poses": (POSES, lambda p: _edit(p, _as_text("tx_m")), "column 'tx_m'.*does not hold numbers"),
    "text times": (POSES, lambda p: _edit(p, _as_text("timestamp_ns")), "'timestamp_ns'.*does not hold whole numbers"),
    "NaN pose": (POSES, lambda p: _edit(p, _poked("tx_m", float("nan"))), "value of 'tx_m' that is not finite"),
    "no pose": (POSES, lambda p: _edit(p, _poked("ty_m", None)), "has 1 empty values of 'ty_m'"),
    "two poses at one time": (
        POSES,
        lambda p: _edit(p, lambda t: _twice(t, "tx_m")),
        r"two poses at \d+ ns that are 7 m apart",
    ),
    "boxes in microseconds": (BOXES, lambda p: _edit(p, _divided), "so they seem to be in another unit"),
    "no rotation": (POSES, lambda p: _edit(p, _poked("qw", 9.0)), "rotations that are no unit quaternions"),
    "few poses": (POSES, lambda p: _edit(p, lambda t: t.slice(0, 30)), "has no poses around"),
    "no rows": (POSES, lambda p: _edit(p, lambda t: t.slice(0, 0)), "has no poses"),
    "no camera": (LENS, lambda p: _edit(p, lambda t: t.slice(1)), "has no sensor ring_front_center"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_table_is_named_in_one_sentence(elsewhere, cli, kind):
    name, spoil, complaint = SPOILT[kind]
    spoil(LOG.write(elsewhere / "av2") / name)
    ended = cli("run", "--data", "argoverse2:av2", *BASELINE)
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert re.search(complaint, ended.err)
    assert Path(name).name in ended.err


POINT = {"x": 1, "y": 1}
BROKEN_AROUND = {
    "two boxes at one time": (
        BOXES,
        lambda p: _edit(p, lambda t: _twice(t, "tx_m")),
        r"two boxes of one track at \d+ ns that are 7 m apart",
    ),
    "NaN box": (BOXES, lambda p: _edit(p, _poked("tx_m", float("nan"))), "value of 'tx_m' that is not finite"),
    "flat box": (BOXES, lambda p: _edit(p, _poked("length_m", 0.0)), "boxes without length or width"),
    "cut map": ("map", _truncate, "map .* is broken"),
    "other map": ("map", lambda p: p.write_text("{}"), "is broken.*drivable_areas"),
    "lane of a point": (
        "map",
        lambda p: p.write_text(json.dumps({"drivable_areas": {"1": {"area_boundary": [POINT]}}, "lane_segments": {}})),
        "is broken.*three or more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN_AROUND)
def test_spoilt_boxes_and_maps_are_named_when_they_are_needed(elsewhere, cli, kind):
    name, spoil, complaint = BROKEN_AROUND[kind]
    folder = LOG.write(elsewhere / "av2")
    spoil(next((folder / "map").iterdir()) if name == "map" else folder / name)
    assert cli("run", "--data", "argoverse2:av2", *BASELINE).status == 0, "driving needs neither"
    ended = cli("compare", "results", "--out", "tables")
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert re.search(complaint, ended.err)


def test_a_missing_map_leaves_the_road_unknown_with_a_sentence(elsewhere, cli):
    folder = LOG.write(elsewhere / "av2")
    shutil.rmtree(folder / "map")
    assert cli("run", "--data", "argoverse2:av2", *BASELINE).status == 0
    assert cli("compare", "results", "--out", "tables").status == 0
    with Path("tables/safety.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    assert "log_map_archive" in first["note"]
    assert (first["frames"], first["ground_frames"]) == ("7", "0")


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("argoverse2", "is incomplete; write argoverse2:ROOT"),
        ("argoverse2:gone", "There is no folder gone"),
        ("argoverse2:.", "has no Argoverse 2 sensor logs"),
        (f"argoverse2:av2/sensor/val/{LOG.name}", "is one log; give the folder that holds the logs"),
    ],
)
def test_wrong_places_are_refused(elsewhere, cli, spec, complaint):
    LOG.write(elsewhere / "av2")
    ended = cli("run", "--data", spec, *BASELINE)
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert complaint in ended.err


def test_without_pyarrow_the_extra_is_named(elsewhere, cli, monkeypatch):
    LOG.write(elsewhere / "av2")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "lightemma.data.argoverse2_tables.find_spec", lambda name: None if name == "pyarrow" else found(name)
    )
    ended = cli("run", "--data", "argoverse2:av2", *BASELINE)
    assert ended.status == 2
    assert "pip install 'lightemma[argoverse2]'" in ended.err


@needs_shared(LOGS)
def test_real_logs_give_the_known_figures(elsewhere, cli):
    assert cli("run", "--data", f"argoverse2:{LOGS}", *BASELINE).status == 0
    manifest = json.loads((run_at("results/constant-action") / "manifest.json").read_text(encoding="utf-8"))
    assert "pyarrow" in manifest["packages"]
    assert cli("compare", "results", "--out", "tables").status == 0
    with Path("tables/strata.csv").open(encoding="utf-8", newline="") as file:
        strata = {row["stratum"]: row for row in csv.DictReader(file)}
    for log, city, error in (("3b3570b4", "MIA", 1.798), ("7fab2350", "PIT", 2.474)):
        (scene,) = [row for name, row in strata.items() if name.startswith(f"scene: {log}")]
        assert int(scene["frames"]) == 18
        assert float(scene["l2_avg"]) == pytest.approx(error, abs=0.001)
        assert float(strata[f"location: {city}"]["l2_avg"]) == pytest.approx(error, abs=0.001)
    with Path("tables/safety.csv").open(encoding="utf-8", newline="") as file:
        safety = {row["run"]: row for row in csv.DictReader(file)}
    for row in safety.values():
        assert row["note"] == ""
        assert [row[key] for key in ("frames", "ground_frames", "lane_frames")] == ["36", "36", "36"]
        assert np.isfinite([float(row[key]) for key in row if key not in ("run", "note", "few_events")]).all()
    recorded = safety["recorded drive"]
    assert float(recorded["collision_exact_3s"]) == 0.0
    # Not because its contacts are left out: it has none.
    assert float(recorded["excluded_exact"]) == 0.0
    assert float(safety["constant-action"]["collision_exact_3s"]) > 0.0


@needs_shared(LOGS)
def test_real_moving_vehicles_head_where_they_go():
    source = Argoverse2Source(LOGS)
    look = source.agents()
    assert not isinstance(look, Unknown)
    turned = []
    for frame in source.frames():
        around = look(frame.scene, frame.sample_token)
        assert around is not None
        assert around.agents is not None
        vehicles = around.agents.kinds == VEHICLE
        step = around.agents.centres[vehicles, 2] - around.agents.centres[vehicles, 0]
        moving = np.linalg.norm(step, axis=1) > 4.0
        angle = np.arctan2(step[moving, 1], step[moving, 0]) - around.agents.yaws[vehicles, 1][moving]
        turned += np.abs(np.mod(angle + np.pi, 2 * np.pi) - np.pi).tolist()
    assert len(turned) > 50
    assert np.degrees(np.percentile(turned, 95)) < 10
