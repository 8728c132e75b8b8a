"""Collecting data sets: any driver, the labels beside the pictures, resuming, processes, and the split."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightemma.camera import project
from lightemma.closed_loop import collection
from lightemma.closed_loop.collection import Collection, collect
from lightemma.closed_loop.noisy_expert import NoisyExpertDriver, draw_manoeuvre
from lightemma.closed_loop.recorded_drive import DriveRecorder, driving_named
from lightemma.data.collected import CollectedDrives, actions_between
from lightemma.errors import UserError
from lightemma.kinematics import integrate
from lightemma.simulation.dataset.drives import Drive, drives_of
from lightemma.simulation.dataset.expert_drive import record
from lightemma.simulation.dataset.split import houses_of, leaks, split_of
from lightemma.simulation.render import front_camera, make_renderer
from lightemma.simulation.scenarios import make_world
from lightemma.simulation.state import Conditions
from tests.simulation.made_up_city import actor, made_up_city, made_up_state
from tests.simulation.made_up_drive import Plain

SIZE = (128, 72)
SHORT = 16


def wanted(out: Path, driver: str = "noisy-expert", scenarios=("bend",), seeds=(0,), **options) -> Collection:
    disturbed = options.pop("disturbed", False)
    drives = drives_of(list(scenarios), list(seeds), [Conditions()], False, driver, disturbed)
    places = {name: name for name in scenarios}
    settings = {"size": SIZE, "renderer": "painter", "key_frames": SHORT, "facts": False} | options
    return Collection(out, drives, places, driver, **settings)


def recorded(driver: str, drive: Drive, key_frames: int = 24):
    with DriveRecorder(driving_named(driver), SIZE, "painter", facts=False) as recorder:
        return recorder.record(drive, key_frames=key_frames)


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two drives of one data set, with sweeps: by a noisy expert from a disturbed start, and by a planner without labels."""
    folder = tmp_path_factory.mktemp("collected") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collection, "make_renderer", lambda _: Plain())
        for driver, disturbed in (("noisy-expert:2", True), ("mixture:0.5:constant-action", False)):
            collect(
                wanted(folder, driver, disturbed=disturbed, sweeps=True, renderer="plain", facts=True), lambda _: None
            )
    return folder


class TestDrivers:
    def test_the_expert_drives_as_when_it_steers_alone(self):
        drive = Drive("bend", 3)
        own, other = record(drive, key_frames=14), recorded("expert", drive, 14)
        # The loop drives the pairs of the label, which are means, so that the two differ by centimetres.
        places = [
            np.array([(one.state.ego.pose.x, one.state.ego.pose.y) for one in each.looks]) for each in (own, other)
        ]
        assert np.abs(places[0] - places[1]).max() < 0.2
        assert [look.state.actors[0].number for look in own.looks] == [
            look.state.actors[0].number for look in other.looks
        ]
        assert {note.steered for note in other.notes[7:]} == {"expert"}

    def test_each_driver_drives_its_own_way(self):
        names = ("expert", "noisy-expert", "noisy-expert:2", "idm", "random", "constant-action", "stop")
        ends = {name: recorded(name, Drive("red-light", 1), 14).looks[-1].state.ego for name in names}
        assert len(set(ends.values())) == len(names)

    def test_noise_is_the_same_every_time_and_grows_with_sigma(self):
        drive = Drive("cruise", 4)
        clean = [look.state.ego.pose for look in recorded("expert", drive).looks]
        off = []
        for name in ("noisy-expert:0.5", "noisy-expert:3", "noisy-expert:3"):
            poses = [look.state.ego.pose for look in recorded(name, drive).looks]
            off.append(
                np.mean([abs(one.y - two.y) + abs(one.x - two.x) for one, two in zip(poses, clean, strict=True)])
            )
        assert off[1] == off[2]
        assert 0.0 < off[0] < off[1]

    def test_manoeuvres_steer_to_both_sides_brake_and_accelerate(self):
        drawn = [draw_manoeuvre(np.random.default_rng(seed), 1.0) for seed in range(300)]
        assert {np.sign(one.lateral) for one in drawn} == {-1.0, 0.0, 1.0}
        assert {np.sign(one.gain) for one in drawn} == {-1.0, 0.0, 1.0}
        assert np.mean([one.lateral == one.gain == 0.0 for one in drawn]) == pytest.approx(0.4, abs=0.1)
        assert all(draw_manoeuvre(np.random.default_rng(seed), 0.0).lateral == 0.0 for seed in range(20))

    def test_a_drive_goes_on_after_it_has_left_the_road(self):
        recording = recorded("random", Drive("bend", 0), 30)
        assert len(recording.key_frames) == 30
        assert len([note for note in recording.notes if note]) == 23

    @pytest.mark.parametrize(
        ("name", "complaint"),
        [
            ("expret", "There is no driver 'expret'.*expert"),
            ("noisy-expert:x", "sigma of noisy-expert is 'x'"),
            ("noisy-expert:9", "sigma of noisy-expert is 9"),
            ("expert:2", "takes nothing after its name"),
            ("mixture:0.5", "who drives when the expert does not"),
            ("mixture:2:stop", "mixture:BETA"),
            ("mixture:0.5:nobody", "There is no driver 'nobody'"),
            ("chain-of-thought", "asks a model"),
            ("no.such:Class", "no.such"),
        ],
    )
    def test_wrong_drivers_are_refused_in_a_sentence(self, tmp_path, name, complaint):
        with pytest.raises(UserError, match=complaint):
            collect(wanted(tmp_path / "out", name), lambda _: None)
        assert not (tmp_path / "out").exists()

    def test_runs_of_the_loop_tell_the_sigmas_apart(self):
        assert [NoisyExpertDriver.made(text).suffix for text in ("1", "0.5")] == [(), ("0.5",)]


class TestReading:
    def test_every_frame_has_its_label_and_what_was_driven(self, root):
        drives = CollectedDrives(root)
        frames = list(drives.frames())
        assert len(frames) == 2 * (SHORT - 14)
        assert {frame.scene.driver for frame in frames} == {"noisy-expert:2", "mixture:0.5:constant-action"}
        for one in frames:
            assert one.target.shape == (6, 2)
            assert one.label.explanation.reason
            assert one.facts.privileged is None
            assert one.privileged.goal is not None
            assert one.facts.lane is not None
            assert one.frame.camera.size == SIZE
            with Image.open(one.frame.image_path) as picture:
                assert picture.size == SIZE
            assert np.abs(integrate(one.driven) - one.frame.future).max() < 0.3

    def test_pictures_at_12_hz_with_the_actions_between_them(self, root):
        for drive in CollectedDrives(root).drives():
            count = (SHORT - 1) * 6 + 1
            assert len(drive.pictures) == count == len(drive.poses) == len(drive.actions) + 1
            assert all(path.is_file() for path in drive.pictures)
            # The actions lead from each pose to the next.
            way = drive.actions[:, 0] * np.diff(drive.times)
            heading = drive.poses[:-1, 2] + drive.actions[:, 1] * way / 2.0
            step = np.column_stack([way * np.cos(heading), way * np.sin(heading)])
            assert np.abs(drive.poses[:-1, :2] + step - drive.poses[1:, :2]).max() < 0.01

    def test_a_car_that_stands_has_no_curvature_of_its_own(self):
        actions = actions_between(np.zeros((3, 3)), np.array([0.0, 0.5, 1.0]), np.array([0.01, 0.02, 0.0]))
        assert actions.tolist() == [[0.0, 0.01], [0.0, 0.02]]

    def test_the_past_of_a_disturbed_start_leads_to_it(self, root):
        drive = next(one for one in CollectedDrives(root).drives() if one.scene.facts["disturbed"])
        speeds = drive.actions[:42, 0]
        assert np.abs(np.diff(speeds)).max() < 1.5
        assert np.abs(np.diff(drive.poses[:48, 2])).max() < 0.1

    @pytest.mark.parametrize("size", [SIZE, (256, 144), (64, 36)])
    def test_small_pictures_show_things_where_their_camera_says(self, root, size):
        car = actor(1, "car", 12.0, -1.75, colour=(1.0, 0.0, 0.9))
        state = replace(made_up_state(), actors=(car,))
        camera = front_camera(size)
        with make_renderer("painter") as renderer:
            renderer.load(made_up_city(bare=True))
            red, green, blue = np.moveaxis(renderer.draw(state, camera, size, 0).astype(int), 2, 0)
        rows, columns = np.nonzero((red - green > 60) & (blue - green > 60))
        ego = state.ego.pose
        sides = np.array(list(product((-0.5, 0.5), (-0.5, 0.5), (0.0, 1.0)))) * (car.length, car.width, car.height)
        left, top, right, bottom = np.array(
            [
                f(project(sides + np.array((12.0 - ego.x, -1.75 - ego.y, 0.0)), camera).pixels, axis=0)
                for f in (np.min, np.max)
            ]
        ).ravel()
        assert left - 1.0 <= columns.min() < columns.max() <= right + 1.0
        assert top - 1.0 <= rows.min() < rows.max() <= bottom + 1.0
        assert len(rows) > 0.2 * (right - left) * (bottom - top)
        if size == SIZE:
            assert next(CollectedDrives(root).frames()).frame.camera.intrinsic == pytest.approx(camera.intrinsic)

    @pytest.mark.parametrize("spoil", ["{", '{"scenes": 3}', '{"scenes": [{"name": "a"}]}'])
    def test_what_cannot_be_read_is_said_in_a_sentence(self, tmp_path, spoil):
        with pytest.raises(UserError, match="lightemma simulate data"):
            CollectedDrives(tmp_path)
        (tmp_path / "simulation.json").write_text(spoil)
        with pytest.raises(UserError, match=r"simulation\.json' is damaged"):
            CollectedDrives(tmp_path)


class TestResuming:
    def test_an_interrupted_collection_ends_as_an_uninterrupted_one(self, tmp_path):
        whole, cut = tmp_path / "whole", tmp_path / "cut"
        options = {"scenarios": ("bend", "cruise"), "pictures": False}
        collect(wanted(whole, **options), lambda _: None)

        def interrupt(text: str) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            collect(wanted(cut, **options), interrupt)
        assert len(CollectedDrives(cut).scenes) == 1
        said: list[str] = []
        assert collect(wanted(cut, **options), said.append) == 2
        assert sum("already there" in line for line in said) == 1
        assert digests(cut) == digests(whole)

    def test_other_settings_need_another_folder(self, root):
        with pytest.raises(UserError, match="key_frames 16 and not 17"):
            collect(wanted(root, facts=True, key_frames=17), lambda _: None)

    @pytest.mark.slow  # two processes are started, each of which imports everything
    def test_several_processes_write_the_same(self, tmp_path):
        one, two = tmp_path / "one", tmp_path / "two"
        options = {"scenarios": ("bend", "cruise", "red-light"), "disturbed": True}
        collect(wanted(one, **options), lambda _: None)
        collect(replace(wanted(two, **options), workers=2), lambda _: None)
        assert digests(one) == digests(two)


class TestSplit:
    def test_the_last_digit_of_the_seed_decides(self):
        parts = [split_of("bend", seed) for seed in range(10)]
        assert parts == ["train"] * 8 + ["validation", "test"]
        assert split_of("bend", 239) == "test"
        assert {split_of("bend", seed) for seed in range(1000, 1010)} == {"test"}
        assert {split_of("roundabout", seed, {"roundabout"}) for seed in range(10)} == {"test"}

    def test_no_house_of_one_part_stands_in_another(self):
        names = ("red-light", "bend", "lead-car-braking")
        houses: dict[str, set[tuple]] = {}
        for name in names:
            for seed in (0, 8, 9):
                city = make_world(name, seed).city
                own = {(round(house.height, 2), house.look) for house in city.buildings}
                houses.setdefault(split_of(name, seed), set()).update(own)
        assert all(houses.values())
        assert sum(map(len, houses.values())) == len(set().union(*houses.values()))

    def test_twins_share_their_town_and_their_part(self):
        cities = [make_world(name, 9).city for name in ("pedestrian-crossing", "red-light", "red-light")]
        assert houses_of(cities[1]) == houses_of(cities[2])
        assert houses_of(cities[0]) != houses_of(cities[1])

    def test_a_planted_leak_is_found(self, root):
        scenes = json.loads((root / "simulation.json").read_text())["scenes"]
        assert leaks(scenes) == []
        planted = {**scenes[0], "name": "planted", "seed": 9}
        assert leaks([*scenes, planted]) == [(planted["name"], scenes[0]["name"])]
        assert leaks([scenes[0], {**scenes[1], "scenario": "other"}], {"other"}) != []
