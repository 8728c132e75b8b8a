"""Writing a data set scene by scene: how readers see it, and its state after a crash or a full disk."""

from __future__ import annotations

import hashlib
import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightemma.agents import VEHICLE
from lightemma.data.annotations import AnnotationIndex
from lightemma.data.drivable import read_drivable
from lightemma.data.nuscenes import NuScenesSource
from lightemma.errors import UserError
from lightemma.simulation.dataset.ground import placement_of
from lightemma.simulation.dataset.tables import TABLES
from lightemma.simulation.dataset.writer import FACTS, DatasetWriter, Layout, check_version
from lightemma.simulation.render import RenderError
from tests.devkit import needs_devkit
from tests.simulation.made_up_city import made_up_city
from tests.simulation.made_up_drive import KEY_FRAMES, SPEED, Plain, made_up_recording

LAYOUT = Layout(size=(160, 90), renderer="plain")
# Long enough for benchmark frames: 8 key frames of history and 6 of future, and one to spare.
LONG = 17


def digests(root: Path, *, hidden: bool = False) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    names = {path.relative_to(root).as_posix(): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if hidden or not name.startswith(".")
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sim") / "new" / "folder"
    writer = DatasetWriter(folder, LAYOUT)
    for seed in (1, 0):
        writer.write(made_up_recording(seed=seed, key_frames=LONG), Plain())
    return folder


@pytest.fixture(scope="module")
def devkit(root):
    from nuscenes import NuScenes

    with redirect_stdout(StringIO()):
        return NuScenes(LAYOUT.version, str(root), verbose=False)


class TestReading:
    def test_benchmark_frames(self, root):
        source = NuScenesSource(root, LAYOUT.version)
        assert list(source.scene_names) == ["sim-made-up-000", "sim-made-up-001"]
        frames = list(source.frames())
        assert len(frames) == 2 * (LONG - 14)
        for frame in frames:
            assert frame.history.actions[:, 0] == pytest.approx(SPEED, abs=0.1)
            assert frame.future[-1] == pytest.approx([3 * SPEED, 0.0], abs=0.2)
            assert frame.camera.size == (160, 90)
            with Image.open(frame.image_path) as picture:
                assert (picture.format, picture.size) == ("JPEG", (160, 90))

    @needs_devkit
    def test_devkit_frames_are_the_same(self, root):
        own, other = (NuScenesSource(root, LAYOUT.version, reader=reader) for reader in ("tables", "devkit"))
        for one, two in zip(own.frames(), other.frames(), strict=True):
            assert (one.sample_token, one.image, one.timestamp) == (two.sample_token, two.image, two.timestamp)
            np.testing.assert_allclose(one.future, two.future)

    def test_road_users_around(self, root):
        index = AnnotationIndex.load(root, LAYOUT.version)
        frame = NuScenesSource(root, LAYOUT.version).scene_frames("sim-made-up-000")[0]
        agents = index.surroundings(frame.scene, frame.sample_token).agents
        # The truck drives at 7 m/s from x = 64; the ego was at 21 after 3.5 s.
        ahead = [
            number
            for number, kind in enumerate(agents.kinds)
            if kind == VEHICLE and agents.sizes[number, 0] == pytest.approx(8.2)
        ]
        assert len(ahead) == 1
        centres = agents.centres[ahead[0]]
        assert centres[0] == pytest.approx([64 + 7 * 3.5 - 21, 0.0], abs=0.2)
        assert centres[-1, 0] - centres[0, 0] == pytest.approx(21.0, abs=0.2)

    def test_the_polygons_are_under_the_car(self, root):
        ground = read_drivable(root / "drivable" / "sim-made-up-000.json")
        frames = NuScenesSource(root, LAYOUT.version).scene_frames("sim-made-up-000")
        places = np.array([(frame.pose.x, frame.pose.y) for frame in frames])
        assert ground.contains(places).all()
        assert not ground.contains(places + np.array([0.0, 30.0])).any()
        assert {lane for _, lane in ground.lanes_at(places).tolist()} == {0}

    @needs_devkit
    def test_the_mask_is_under_the_car_for_the_devkit(self, devkit, root):
        city = made_up_city()
        placement = placement_of(city)
        mask = devkit.map[0]["mask"]
        pose = devkit.get("ego_pose", devkit.sample_data[0]["ego_pose_token"])["translation"]
        assert mask.is_on_mask(pose[0], pose[1]).all()
        # Edges of the carriageway, a pixel inside and two outside.
        edge = 5.7 + placement.north
        assert mask.is_on_mask([pose[0]] * 2, [edge - 0.1, edge + 0.2]).tolist() == [True, False]
        with Image.open(root / "maps" / "sim-made-up-000.png") as picture:
            assert picture.size == (placement.width * 10, placement.height * 10)

    @needs_devkit
    def test_the_devkit_finds_scenes_boxes_and_sensors(self, devkit):
        assert len(devkit.scene) == 2
        sample = devkit.get("sample", devkit.scene[0]["first_sample_token"])
        token = sample["data"]["CAM_FRONT"]
        path, boxes, intrinsic = devkit.get_sample_data(token)
        assert Path(path).is_file()
        assert np.asarray(intrinsic)[0, 0] == pytest.approx(126.64)
        assert {box.name for box in boxes} >= {"vehicle.car", "human.pedestrian.adult", "movable_object.trafficcone"}
        ahead = [box for box in boxes if box.name == "vehicle.truck" and box.wlh[1] == pytest.approx(8.2)]
        # Camera axes: x right, z forward; the truck drives before the car.
        assert ahead[0].center == pytest.approx([0.0, 1.5 - 1.7, 64.0 - 1.7], abs=0.15)
        assert devkit.box_velocity(ahead[0].token)[0] == pytest.approx(7.0, abs=0.2)

    def test_facts_say_what_was_driven(self, root):
        facts = json.loads((root / FACTS).read_text())
        assert facts["synthetic"] is True
        assert [scene["seed"] for scene in facts["scenes"]] == [0, 1]
        assert facts["scenes"][0]["right_answer"] == "Go on"
        lines = (root / "expert" / "sim-made-up-001.jsonl").read_text().splitlines()
        assert len(lines) == LONG
        assert json.loads(lines[0])["plan"] == [[SPEED, SPEED]] * 6


class TestGoingOn:
    def test_the_same_bytes_in_one_session_and_in_two(self, root, tmp_path):
        for seed in (0, 1):
            DatasetWriter(tmp_path, LAYOUT).write(made_up_recording(seed=seed, key_frames=LONG), Plain())
        assert digests(tmp_path, hidden=True) == digests(root, hidden=True)

    def test_finished_scenes_are_known_and_damaged_ones_are_not(self, tmp_path):
        recording = made_up_recording()
        writer = DatasetWriter(tmp_path, LAYOUT)
        assert not writer.finished(recording.drive)
        writer.write(recording, Plain())
        assert DatasetWriter(tmp_path, LAYOUT).finished(recording.drive)
        next((tmp_path / "samples" / "CAM_FRONT").iterdir()).unlink()
        assert not writer.finished(recording.drive)
        writer.write(recording, Plain())
        (tmp_path / ".scenes" / f"{recording.drive.name}.json").write_text('{"facts"')
        assert not writer.finished(recording.drive)

    @pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError(28, "No space left on device")])
    def test_an_interruption_keeps_finished_scenes(self, tmp_path, monkeypatch, interruption):
        first, second = made_up_recording(seed=0), made_up_recording(seed=1)
        writer = DatasetWriter(tmp_path, LAYOUT)
        writer.write(first, Plain())
        before = digests(tmp_path)

        class Torn(Plain):
            def draw(self, *arguments):
                if self.drawn == 2:
                    raise interruption
                return super().draw(*arguments)

        expected = KeyboardInterrupt if interruption is KeyboardInterrupt else UserError
        with pytest.raises(expected) as raised:
            writer.write(second, Torn())
        if expected is UserError:
            assert "No space left on device" in str(raised.value)
            assert "give the same command again" in str(raised.value)
        after = digests(tmp_path)
        assert {name: after[name] for name in before} == before
        source = NuScenesSource(tmp_path, LAYOUT.version)
        assert list(source.scene_names) == [first.drive.name]
        again = DatasetWriter(tmp_path, LAYOUT)
        assert again.finished(first.drive)
        assert not again.finished(second.drive)
        again.write(second, Plain())
        assert len(NuScenesSource(tmp_path, LAYOUT.version).scene_names) == 2

    @pytest.mark.parametrize("failure", ["dies", "changes"])
    def test_a_renderer_that_fails_leaves_no_scene(self, tmp_path, failure):
        class Failing(Plain):
            name = "plain"

            def draw(self, *arguments):
                if self.drawn == 1:
                    if failure == "dies":
                        raise RenderError("the driver crashed.")
                    self.name = "painter"
                    self.note = "The simple painter draws, because the driver crashed."
                return super().draw(*arguments)

        recording = made_up_recording()
        writer = DatasetWriter(tmp_path, LAYOUT)
        with pytest.raises(UserError, match=r"the driver crashed.*give the same command again"):
            writer.write(recording, Failing())
        assert not writer.finished(recording.drive)

    def test_a_disk_that_fills_up_among_the_tables_leaves_the_old_ones(self, tmp_path, monkeypatch):
        writer = DatasetWriter(tmp_path, LAYOUT)
        writer.write(made_up_recording(seed=0), Plain())
        before = {name: digest for name, digest in digests(tmp_path).items() if name.startswith(LAYOUT.version)}
        whole = Path.write_bytes

        def full(path: Path, data: bytes) -> int:
            if ".sample_data.json." in path.name:
                raise OSError(28, "No space left on device")
            return whole(path, data)

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(UserError, match="No space left"):
            writer.write(made_up_recording(seed=1), Plain())
        monkeypatch.undo()
        after = digests(tmp_path)
        assert {name: digest for name, digest in after.items() if name.startswith(LAYOUT.version)} == before
        # Its scene is finished nevertheless: the next session uses it.
        assert DatasetWriter(tmp_path, LAYOUT).write_tables() == 2

    def test_other_settings_are_refused_and_named(self, tmp_path):
        DatasetWriter(tmp_path, LAYOUT)
        with pytest.raises(UserError, match="begun with size 160x90 and not 320x180, renderer plain and not painter"):
            DatasetWriter(tmp_path, Layout(size=(320, 180)))
        (tmp_path / FACTS).write_text("[")
        with pytest.raises(UserError, match="cannot be read"):
            DatasetWriter(tmp_path, LAYOUT)

    def test_a_folder_with_other_things_is_refused(self, tmp_path):
        (tmp_path / "v1.0-trainval").mkdir()
        with pytest.raises(UserError, match="has other things in it"):
            DatasetWriter(tmp_path, LAYOUT)
        assert [path.name for path in tmp_path.iterdir()] == ["v1.0-trainval"]

    def test_a_folder_that_cannot_be_made_is_the_users_error(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="cannot be written"):
            DatasetWriter(tmp_path / "file" / "data", LAYOUT)

    @pytest.mark.parametrize("name", ["", "..", "a/b", "samples", ".scenes", "expert"])
    def test_versions_that_are_not_folder_names(self, name):
        with pytest.raises(UserError, match="--version"):
            check_version(name)

    def test_pictures_differ_by_their_noise_only_from_drive_to_drive(self, root):
        pictures = sorted((root / "samples" / "CAM_FRONT").glob("*.jpg"))
        assert len(pictures) == 2 * LONG
        assert len({path.read_bytes() for path in pictures}) > LONG

    def test_every_table_has_one_row_per_line(self, root):
        for name in TABLES:
            text = (root / LAYOUT.version / f"{name}.json").read_text()
            assert len(text.splitlines()) == len(json.loads(text)) + 2

    def test_sweeps_are_drawn_too(self, tmp_path):
        artist = Plain()
        layout = Layout(size=(160, 90), renderer="plain", sweeps=True)
        DatasetWriter(tmp_path, layout).write(made_up_recording(sweeps=True), artist)
        assert artist.drawn == KEY_FRAMES + 5 * (KEY_FRAMES - 1)
        assert len(list((tmp_path / "sweeps" / "CAM_FRONT").iterdir())) == 5 * (KEY_FRAMES - 1)
        assert len(NuScenesSource(tmp_path, layout.version).index.images) == KEY_FRAMES
