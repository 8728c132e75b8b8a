"""The demo data: tables, motion, pictures and the painter behind them."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightemma.data.demo import CAMERA, MARKER, VERSION, demo_ready, drive_track, write_demo
from lightemma.data.demo_drives import DRIVES, KEY_FRAMES, Motion, Profile
from lightemma.data.demo_drives import Path as Line
from lightemma.data.demo_mesh import Layer, Mesh, MeshBuilder
from lightemma.data.demo_world import SETTINGS, World
from lightemma.data.painter import NEAR, Look, backdrop, clip, paint, project
from lightemma.data.scenes import SceneTrack, frames_of_track
from lightemma.errors import UserError
from lightemma.frame import Camera, Frame, Pose

TABLES = (
    *("attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map"),
    *("sample", "sample_annotation", "sample_data", "scene", "sensor", "visibility"),
)
BRIEF = tuple(replace(drive, key_frames=3) for drive in DRIVES if drive.name == "demo-left-bend")
PLAIN = Look((120, 160, 220), (210, 220, 230), (90, 120, 70), 1e9, np.array([0.0, 0.0, 1.0]))
WHITE, RED, BLUE = (255, 255, 255), (250, 10, 10), (10, 10, 250)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return demo_ready(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def brief(tmp_path_factory):
    folder = tmp_path_factory.mktemp("brief")
    write_demo(folder, BRIEF)
    return folder


@pytest.fixture(scope="module")
def tables(root):
    return {name: json.loads((root / VERSION / f"{name}.json").read_text()) for name in TABLES}


@pytest.fixture(scope="module")
def frames(root, tables):
    poses = {row["token"]: row for row in tables["ego_pose"]}
    found: dict[str, list[Frame]] = {}
    for scene in tables["scene"]:
        samples = [row["token"] for row in tables["sample"] if row["scene_token"] == scene["token"]]
        rows = [next(row for row in tables["sample_data"] if row["sample_token"] == token) for token in samples]
        at = [poses[row["ego_pose_token"]] for row in rows]
        track = SceneTrack(
            scene=scene["name"],
            sample_tokens=samples,
            timestamps=np.array([row["timestamp"] for row in rows]),
            positions=np.array([pose["translation"][:2] for pose in at]),
            rotations=np.array([pose["rotation"] for pose in at]),
            images=[row["filename"] for row in rows],
            cameras=[CAMERA] * len(rows),
            root=root,
        )
        found[scene["name"]] = frames_of_track(track)
    return found


def digests(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class TestTables:
    def test_every_table_has_rows_with_unique_tokens_of_32_hex_digits(self, tables):
        for name, rows in tables.items():
            tokens = [row["token"] for row in rows]
            assert tokens, name
            assert len(set(tokens)) == len(tokens), name
            if name != "visibility":  # nuScenes numbers its four levels
                assert all(len(token) == 32 and int(token, 16) >= 0 for token in tokens), name

    def test_every_reference_has_its_row(self, tables):
        known = {name: {row["token"] for row in rows} for name, rows in tables.items()}
        for rows in tables.values():
            for row in rows:
                for key, value in row.items():
                    if key.endswith("_token"):
                        target = key.removesuffix("_token").removeprefix("first_").removeprefix("last_")
                        target = "sample_annotation" if target == "annotation" else target
                        assert value in known[target], (key, value)
                for attribute in row.get("attribute_tokens", []):
                    assert attribute in known["attribute"]

    @pytest.mark.parametrize("name", ["sample", "sample_data", "sample_annotation"])
    def test_links_run_both_ways(self, tables, name):
        rows = {row["token"]: row for row in tables[name]}
        for token, row in rows.items():
            if row["next"]:
                assert rows[row["next"]]["prev"] == token
                assert rows[row["next"]].get("timestamp", 1) > row.get("timestamp", 0)
            if row["prev"]:
                assert rows[row["prev"]]["next"] == token

    def test_every_sample_has_one_key_frame_with_its_picture(self, root, tables):
        assert len(tables["sample"]) == len(DRIVES) * KEY_FRAMES
        owners = [row["sample_token"] for row in tables["sample_data"] if row["is_key_frame"]]
        assert sorted(owners) == sorted(row["token"] for row in tables["sample"])
        for row in tables["sample_data"]:
            with Image.open(root / row["filename"]) as picture:
                assert (picture.format, picture.size) == ("JPEG", (row["width"], row["height"]))

    def test_scenes_run_from_their_first_sample_to_their_last(self, tables):
        samples = {row["token"]: row for row in tables["sample"]}
        for scene in tables["scene"]:
            count, token = 1, scene["first_sample_token"]
            while samples[token]["next"]:
                token, count = samples[token]["next"], count + 1
            assert (token, count) == (scene["last_sample_token"], scene["nbr_samples"])

    def test_logs_and_scenes_say_that_they_are_synthetic(self, tables):
        assert all(row["vehicle"] == "SYNTHETIC" for row in tables["log"])
        assert all(row["description"].startswith("SYNTHETIC") for row in tables["scene"])

    def test_poses_are_unit_quaternions_at_the_pictures_times(self, tables):
        times = {row["ego_pose_token"]: row["timestamp"] for row in tables["sample_data"]}
        for row in tables["ego_pose"]:
            assert np.linalg.norm(row["rotation"]) == pytest.approx(1.0, abs=1e-8)
            assert times[row["token"]] == row["timestamp"]

    def test_nuscenes_devkit_loads_it(self, root):
        nuscenes = pytest.importorskip("nuscenes.nuscenes", reason="nuscenes-devkit is not installed")
        with redirect_stdout(io.StringIO()):
            data = nuscenes.NuScenes(version=VERSION, dataroot=str(root), verbose=True)
        assert [scene["name"] for scene in data.scene] == [drive.name for drive in DRIVES]
        front = data.sample[0]["data"]["CAM_FRONT"]
        path, boxes, intrinsic = data.get_sample_data(front)
        assert Path(path).is_file()
        assert intrinsic == pytest.approx(CAMERA.intrinsic)
        assert any(box.name == "vehicle.car" for box in boxes)


class TestMotion:
    def test_each_drive_gives_ten_benchmark_frames(self, frames):
        assert {name: len(found) for name, found in frames.items()} == {drive.name: 10 for drive in DRIVES}

    def test_straight_is_straight_but_not_perfectly(self, frames):
        curvature = np.concatenate([frame.history.actions[:, 1] for frame in frames["demo-straight"]])
        assert np.abs(curvature).max() < 0.01
        assert np.abs(curvature).max() > 0
        assert all(frame.history.actions[:, 0].min() > 9 for frame in frames["demo-straight"])

    def test_left_bend_is_positive_and_right_turn_negative(self, frames):
        left = frames["demo-left-bend"][-1].history.actions[:, 1]
        right = np.array([frame.history.actions[-1, 1] for frame in frames["demo-right-turn"]])
        assert np.median(left) == pytest.approx(0.019, abs=0.004)
        assert right.min() == pytest.approx(-0.11, abs=0.01)
        assert right.max() < 0.005

    def test_right_turn_turns_a_quarter(self):
        poses = drive_track(next(drive for drive in DRIVES if drive.name == "demo-right-turn")).poses
        assert poses[-1].heading - poses[0].heading == pytest.approx(-np.pi / 2, abs=0.03)

    @pytest.mark.parametrize("name", ["demo-red-light", "demo-queue"])
    def test_stop_drives_end_standing(self, frames, name):
        first, last = frames[name][0], frames[name][-1]
        assert first.history.actions[-1, 0] > 3
        assert last.history.actions[-1, 0] == 0
        assert np.abs(last.future).max() < 0.05

    def test_start_drive_stands_then_drives_off(self, frames):
        first, last = frames["demo-start"][0], frames["demo-start"][-1]
        assert first.history.actions[:, 0].max() == 0
        assert first.future[-1, 0] > 2
        assert last.history.actions[-1, 0] > 4

    def test_s_curve_bends_both_ways_and_changes_speed(self, frames):
        actions = np.concatenate([frame.history.actions for frame in frames["demo-s-curve"]])
        assert actions[:, 1].max() > 0.025
        assert actions[:, 1].min() < -0.025
        assert np.ptp(actions[:, 0]) > 1.5

    def test_time_stamps_are_uneven_by_milliseconds(self):
        for drive in DRIVES:
            gaps = np.diff(drive_track(drive).timestamps) / 1e6
            assert np.all(np.abs(gaps - 0.5) < 0.017)
            assert np.ptp(gaps) > 1e-3

    def test_nobody_is_run_into(self):
        for drive in DRIVES:
            world, track = World(drive), drive_track(drive)
            for seconds, pose in zip(track.seconds, track.poses, strict=True):
                for user in world.road_users(float(seconds)):
                    away = np.array([user.pose.x - pose.x, user.pose.y - pose.y])
                    ahead = away @ (np.cos(pose.heading), np.sin(pose.heading))
                    left = away @ (-np.sin(pose.heading), np.cos(pose.heading))
                    # The car reaches from 1 m behind its rear axle to 3.9 m before it.
                    assert not (-3.0 < ahead < 6.0 and abs(left) < 1.8), (drive.name, seconds, user)

    def test_path_of_constant_curvature_is_a_circle(self):
        line = Line.along(Profile(((0.0, 0.05),)), -10.0, 40.0, Pose(3.0, -2.0, 0.7))
        centre = np.array([3.0 - 20 * np.sin(0.7), -2.0 + 20 * np.cos(0.7)])
        assert np.linalg.norm(line.points - centre, axis=1) == pytest.approx(20.0, abs=1e-9)
        assert line.heading(12.0) == pytest.approx(0.7 + 12.0 / 20.0)

    def test_motion_is_the_integral_of_its_speed(self):
        motion = Motion(5.0, Profile(((0.0, 10.0), (4.0, 0.0))))
        assert motion.stations(np.array([0.0, 4.0, 9.0])) == pytest.approx([5.0, 25.0, 25.0], abs=1e-3)
        assert motion.braking(2.0)
        assert motion.braking(8.0)
        assert not Motion(0.0, Profile(((0.0, 7.0),))).braking(1.0)


class TestWriting:
    def test_the_same_bytes_every_time(self, brief, tmp_path):
        write_demo(tmp_path, BRIEF)
        assert digests(tmp_path) == digests(brief)

    def test_a_drive_does_not_depend_on_the_others(self, brief, tmp_path):
        write_demo(tmp_path, (replace(DRIVES[0], key_frames=1), *BRIEF))
        together = digests(tmp_path)
        pictures = {name: digest for name, digest in digests(brief).items() if name.endswith(".jpg")}
        assert len(pictures) == BRIEF[0].key_frames
        assert all(together[name] == digest for name, digest in pictures.items())

    def test_complete_data_is_left_alone(self, root, monkeypatch):
        monkeypatch.setattr("lightemma.data.demo.write_demo", lambda *_: pytest.fail("written again"))
        assert demo_ready(root) == root

    @pytest.mark.parametrize("damage", ["no marker", "torn marker", "other edition", "no table", "torn picture"])
    def test_half_written_data_is_written_again(self, brief, tmp_path, monkeypatch, damage):
        root = tmp_path / "demo"
        shutil.copytree(brief, root)
        picture = next((root / "samples" / "CAM_FRONT").iterdir())
        marker = root / MARKER
        if damage == "no marker":
            marker.unlink()
        elif damage == "torn marker":
            marker.write_bytes(marker.read_bytes()[:100])
        elif damage == "other edition":
            marker.write_text(json.dumps({**json.loads(marker.read_text()), "edition": 0}))
        elif damage == "no table":
            (root / VERSION / "sample.json").unlink()
        else:
            picture.write_bytes(picture.read_bytes()[:1000])
        monkeypatch.setattr("lightemma.data.demo.write_demo", lambda root: write_demo(root, BRIEF))
        demo_ready(root)
        assert digests(root) == digests(brief)

    def test_the_marker_comes_last(self, brief, tmp_path, monkeypatch):
        root = tmp_path / "demo"
        shutil.copytree(brief, root)

        def full_disk(path: Path, data: bytes) -> None:
            if path.name == "scene.json":
                raise OSError(28, "No space left on device")

        monkeypatch.setattr("lightemma.data.demo._write", full_disk)
        with pytest.raises(UserError, match="No space left on device"):
            write_demo(root, BRIEF)
        assert not (root / MARKER).exists()

    def test_a_folder_that_cannot_be_written_is_the_users_error(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="cannot be written") as raised:
            demo_ready(tmp_path / "file" / "demo")
        assert "choose a folder" in str(raised.value)


def by_hand(x: float, y: float, z: float) -> tuple[float, float]:
    """Column and row by the plain formula for a camera that looks straight ahead: an independent check."""
    depth = x - 1.7
    return 408.1 + 633.2 * (-y) / depth, 245.8 + 633.2 * (1.5 - z) / depth


def patch(x: float, y: float, size: float = 0.4) -> list[tuple[float, float]]:
    return [(x - size, y - size), (x + size, y - size), (x + size, y + size), (x - size, y + size)]


class TestProjection:
    def test_points_ahead_match_the_plain_formula(self):
        points = np.array([[10.0, 0.0, 0.0], [25.0, 3.5, 0.0], [8.0, -2.0, 1.5], [60.0, 10.0, 5.0]])
        seen = project(points, CAMERA)
        assert seen.pixels == pytest.approx(np.array([by_hand(*point) for point in points]))
        assert seen.depth == pytest.approx(points[:, 0] - 1.7)

    def test_points_behind_have_no_pixel(self):
        seen = project(np.array([[1.0, 0.0, 0.0], [-20.0, 1.0, 2.0]]), CAMERA)
        assert np.isnan(seen.pixels).all()
        assert (seen.depth <= 0).all()

    def test_a_turned_camera(self):
        # Looking to the left: the camera's z axis is the ego frame's y axis.
        left = Camera(CAMERA.intrinsic, np.array([0.5**0.5, -(0.5**0.5), 0.0, 0.0]), CAMERA.translation, CAMERA.size)
        seen = project(np.array([[1.7, 10.0, 1.5], [2.7, 10.0, 0.5]]), left)
        assert seen.pixels == pytest.approx(np.array([[408.1, 245.8], [408.1 + 63.32, 245.8 + 63.32]]))

    def test_clip_at_a_plane(self):
        square = np.array([[0.0, 0, -1], [1, 0, -1], [1, 0, 1], [0, 0, 1]])
        part = clip(square, np.array([0.0, 0.0, 1.0]), NEAR)
        corners = sorted(map(tuple, np.round(part, 9)))
        assert corners == [(0, 0, NEAR), (0, 0, 1), (1, 0, NEAR), (1, 0, 1)]
        assert len(clip(square, np.array([0.0, 0.0, 1.0]), 2.0)) == 0


class TestPainter:
    def picture(self, *faces, camera: Camera = CAMERA):
        builder = MeshBuilder()
        for corners, colour, options in faces:
            builder.add(corners, colour, **options)
        return np.asarray(paint(builder.build(), camera, PLAIN)).astype(int)

    @pytest.mark.parametrize(("x", "y"), [(9.0, 0.0), (12.0, 3.5), (15.0, -3.0), (7.0, 1.0)])
    def test_a_mark_on_the_road_is_where_the_camera_projects_it(self, x, y):
        image = self.picture((patch(x, y), RED, {"layer": Layer.MARKING}))
        red = (image[:, :, 0] > 200) & (image[:, :, 1] < 60)
        rows, columns = np.nonzero(red)
        near, far = by_hand(x - 0.4, y, 0.0), by_hand(x + 0.4, y, 0.0)
        corners = [by_hand(x + ahead, y + left, 0.0)[0] for ahead in (-0.4, 0.4) for left in (-0.4, 0.4)]
        assert rows.min() == pytest.approx(far[1], abs=1.3)
        assert rows.max() == pytest.approx(near[1], abs=1.3)
        # Its sharp corners are mixed with the ground around them.
        assert columns.min() == pytest.approx(min(corners), abs=3)
        assert columns.max() == pytest.approx(max(corners), abs=3)
        column, row = np.rint(by_hand(x, y, 0.0)).astype(int)
        assert red[row, column]

    def test_nothing_behind_the_camera_is_drawn(self):
        empty = np.asarray(backdrop(CAMERA, PLAIN)).astype(int)
        behind = self.picture((patch(-10.0, 0.0), RED, {}), ([(1.0, 2, 0), (1.0, -2, 0), (1.0, 0, 3)], BLUE, {}))
        assert np.array_equal(behind, empty)

    def test_a_face_through_the_camera_plane_is_cut(self):
        strip = [(-20.0, -1.0), (30.0, -1.0), (30.0, 1.0), (-20.0, 1.0)]
        red = self.picture((strip, RED, {"layer": Layer.ROAD}))[:, :, 1] < 60
        rows = np.nonzero(red.any(axis=1))[0]
        assert rows.min() == pytest.approx(by_hand(30.0, 0.0, 0.0)[1], abs=1.3)
        assert rows.max() == 449
        # Its sides run towards the vanishing point, also in the part that was cut.
        for row in (300, 440):
            columns = np.nonzero(red[row])[0]
            reach = (row - 245.8) / 1.5
            assert columns.min() == pytest.approx(408.1 - reach, abs=1.5)
            assert columns.max() == pytest.approx(408.1 + reach, abs=1.5)

    def test_near_things_hide_far_ones_whatever_the_order(self):
        def wall(x):
            return [(x, 1.0, 0.0), (x, -1.0, 0.0), (x, -1.0, 3.0), (x, 1.0, 3.0)]

        column, row = np.rint(by_hand(10.0, 0.0, 1.0)).astype(int)
        for faces in ((wall(10.0), RED, {}), (wall(20.0), BLUE, {})), ((wall(20.0), BLUE, {}), (wall(10.0), RED, {})):
            assert self.picture(*faces)[row, column].tolist() == list(RED)

    def test_a_solid_face_is_unseen_from_behind(self):
        seen = [(10.0, 1.0, 0.0), (10.0, -1.0, 0.0), (10.0, -1.0, 3.0), (10.0, 1.0, 3.0)]
        empty = np.asarray(backdrop(CAMERA, PLAIN)).astype(int)
        assert not np.array_equal(self.picture((seen, RED, {"solid": True})), empty)
        assert np.array_equal(self.picture((seen[::-1], RED, {"solid": True})), empty)

    def test_placing_and_seeing_undo_each_other(self):
        builder = MeshBuilder()
        builder.add(patch(4.0, 1.0), WHITE)
        mesh, pose = builder.build(), Pose(30.0, -8.0, 2.1)
        assert mesh.placed(pose).seen_from(pose).corners == pytest.approx(mesh.corners)
        assert Mesh.joined([mesh, mesh]).starts.tolist() == [0, 4]

    def test_a_camera_without_a_size_is_refused(self):
        camera = Camera(CAMERA.intrinsic, CAMERA.rotation, CAMERA.translation)
        with pytest.raises(ValueError, match="size"):
            backdrop(camera, PLAIN)


class TestPictures:
    def test_brake_lights_are_where_the_tables_put_the_car_ahead(self, root, tables):
        """From the map through pose and calibration to the pixel, by matrices written out here."""
        drive = next(scene for scene in tables["scene"] if scene["name"] == "demo-queue")
        row = next(row for row in tables["sample_data"] if row["sample_token"] == drive["last_sample_token"])
        pose = next(item for item in tables["ego_pose"] if item["token"] == row["ego_pose_token"])
        heading = 2 * np.arctan2(pose["rotation"][3], pose["rotation"][0])
        ahead = []
        for box in tables["sample_annotation"]:
            if box["sample_token"] == drive["last_sample_token"]:
                east, north = np.subtract(box["translation"], pose["translation"])[:2]
                x = np.cos(heading) * east + np.sin(heading) * north
                y = -np.sin(heading) * east + np.cos(heading) * north
                if x > 0 and abs(y) < 1:
                    ahead.append((x, y))
        x, y = min(ahead)
        image = np.asarray(Image.open(root / row["filename"])).astype(int)
        red = (image[:, :, 0] > 180) & (image[:, :, 1] < 90) & (image[:, :, 2] < 90)
        for side in (-1, 1):
            column, line = by_hand(x - 2.2, y + side * 0.7, 0.71)
            assert red[int(line) - 6 : int(line) + 7, int(column) - 6 : int(column) + 7].mean() > 0.9
        assert not red[int(line), int(by_hand(x - 2.2, y, 0.71)[0])]
        assert not red[int(line), :100].any()

    def test_the_traffic_light_is_red_and_turns_green(self):
        for name, time, lamp in (
            ("demo-red-light", 6.0, "red"),
            ("demo-start", 0.5, "red"),
            ("demo-start", 6.0, "green"),
        ):
            drive = next(drive for drive in DRIVES if drive.name == name)
            assert drive.light is not None
            assert drive.light.state(time) == lamp

    def test_every_setting_has_a_light_from_one_side(self):
        for setting in SETTINGS.values():
            assert np.linalg.norm(setting.look.sun) == pytest.approx(1.0, abs=0.02)
