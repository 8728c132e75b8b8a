"""Recordings as nuScenes tables, from hand-made worlds in which every number is known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.errors import UserError
from lightemma.frame import Pose
from lightemma.simulation.conditions import parse_conditions
from lightemma.simulation.dataset.drives import Drive, drives_of
from lightemma.simulation.dataset.ground import placement_of, polygons_of
from lightemma.simulation.dataset.interpolate import state_between
from lightemma.simulation.dataset.recording import label_rows
from lightemma.simulation.dataset.tables import TABLES, common_rows, joined, sample_tokens, scene_rows, table_bytes
from lightemma.simulation.dataset.visibility import visibility_token
from lightemma.simulation.render import front_camera
from lightemma.simulation.sight import visible_shares
from lightemma.simulation.state import Building, Conditions
from tests.simulation.made_up_city import actor, box, made_up_city, made_up_state
from tests.simulation.made_up_drive import KEY_FRAMES, SPEED, made_up_recording, made_up_states

CAMERA = front_camera((800, 450))
BARE = made_up_city(bare=True)


def tables_of(recordings, camera):
    """The tables that the writer makes from finished scenes."""
    ordered = sorted(recordings, key=lambda recording: recording.drive.name)
    return joined([common_rows(camera), *(scene_rows(recording, camera) for recording in ordered)])


@pytest.fixture(scope="module", params=[False, True], ids=["key frames", "sweeps"])
def recordings(request):
    return [made_up_recording(seed=seed, sweeps=request.param) for seed in (1, 0)]


@pytest.fixture(scope="module")
def tables(recordings):
    return tables_of(recordings, CAMERA)


@pytest.fixture(scope="module")
def kept():
    """One drive without sweeps."""
    return tables_of([made_up_recording()], CAMERA)


def shares(*actors, city=BARE):
    return visible_shares(made_up_state(actors=actors), city, CAMERA)


class TestTables:
    def test_all_thirteen_have_rows_with_unique_tokens(self, tables):
        assert len(TABLES) == 13
        for name in TABLES:
            tokens = [row["token"] for row in tables[name]]
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
                assert set(row.get("attribute_tokens", [])) <= known["attribute"]
                assert set(row.get("log_tokens", [])) <= known["log"]

    @pytest.mark.parametrize("name", ["sample", "sample_data", "sample_annotation"])
    def test_links_run_both_ways_and_forward_in_time(self, tables, name):
        rows = {row["token"]: row for row in tables[name]}
        for token, row in rows.items():
            if row["next"]:
                assert rows[row["next"]]["prev"] == token
                assert rows[row["next"]].get("timestamp", 1) > row.get("timestamp", 0)
            if row["prev"]:
                assert rows[row["prev"]]["next"] == token
        heads = [row for row in rows.values() if not row["prev"]]
        assert len(heads) == len(tables["instance" if name == "sample_annotation" else "scene"])

    def test_scenes_and_instances_count_their_chains(self, tables):
        samples = {row["token"]: row for row in tables["sample"]}
        boxes = {row["token"]: row for row in tables["sample_annotation"]}
        chains = [(row, samples, row["first_sample_token"], row["last_sample_token"]) for row in tables["scene"]]
        chains += [
            (row, boxes, row["first_annotation_token"], row["last_annotation_token"]) for row in tables["instance"]
        ]
        for row, links, first, last in chains:
            count, token = 1, first
            while links[token]["next"]:
                token, count = links[token]["next"], count + 1
            assert (token, count) == (last, row.get("nbr_samples", row.get("nbr_annotations")))

    def test_every_sample_has_one_key_frame_and_sweeps_go_to_the_next(self, tables, recordings):
        rows = tables["sample_data"]
        owners = [row["sample_token"] for row in rows if row["is_key_frame"]]
        assert sorted(owners) == sorted(row["token"] for row in tables["sample"])
        by_token = {row["token"]: row for row in rows}
        times = {row["token"]: row["timestamp"] for row in tables["sample"]}
        sweeps = [row for row in rows if not row["is_key_frame"]]
        assert len(sweeps) == sum(len(recording.looks) - KEY_FRAMES for recording in recordings)
        for row in rows:
            folder = "samples" if row["is_key_frame"] else "sweeps"
            assert row["filename"].startswith(f"{folder}/CAM_FRONT/SYNTHETIC-")
            following = row
            while not following["is_key_frame"]:
                following = by_token[following["next"]]
            assert row["sample_token"] == following["sample_token"]
            assert times[row["sample_token"]] == following["timestamp"]

    def test_looks_come_at_two_and_twelve_hertz_uneven_by_milliseconds(self, recordings):
        for recording in recordings:
            keys = np.diff([look.timestamp for look in recording.key_frames]) / 1e6
            assert np.all(np.abs(keys - 0.5) < 0.017)
            assert np.ptp(keys) > 1e-4
            if len(recording.looks) > KEY_FRAMES:
                every = np.diff([look.timestamp for look in recording.looks]) / 1e6
                assert len(every) == 6 * (KEY_FRAMES - 1)
                assert np.all(np.abs(every - 1 / 12) < 0.017)

    def test_key_frames_are_the_same_with_and_without_sweeps(self):
        few, many = made_up_recording(), made_up_recording(sweeps=True)
        assert few.key_frames == many.key_frames
        one, other = tables_of([few], CAMERA), tables_of([many], CAMERA)
        for name in set(TABLES) - {"sample_data", "ego_pose"}:
            assert one[name] == other[name]
        assert {row["token"] for row in one["sample_data"]} <= {row["token"] for row in other["sample_data"]}

    def test_the_same_drives_give_the_same_bytes_in_any_order(self, recordings):
        sweeps = len(recordings[0].looks) > KEY_FRAMES
        again = [made_up_recording(seed=seed, sweeps=sweeps) for seed in (0, 1)]
        one, other = tables_of(recordings, CAMERA), tables_of(again, CAMERA)
        for name in TABLES:
            assert table_bytes(one[name]) == table_bytes(other[name])
        assert json.loads(table_bytes(one["sample"])) == one["sample"]

    def test_another_seed_gives_other_measurements_and_names(self, tables):
        assert [scene["name"] for scene in tables["scene"]] == ["sim-made-up-000", "sim-made-up-001"]
        one, other = (
            [row["translation"] for row in tables["ego_pose"]][:KEY_FRAMES],
            [row["translation"] for row in tables["ego_pose"]][-KEY_FRAMES:],
        )
        assert one != other

    def test_tables_say_that_they_are_synthetic_and_in_what_weather(self):
        made = tables_of([made_up_recording(light="dusk", weather="rain")], CAMERA)
        (log,), (scene,) = made["log"], made["scene"]
        assert (log["vehicle"], log["location"]) == ("synthetic", "simulated-city")
        assert log["logfile"].startswith("SYNTHETIC")
        assert scene["description"] == "SYNTHETIC made-up, dusk, rain: Drives along a street"
        assert scene["name"] == "sim-made-up-000-dusk-rain"

    def test_poses_are_the_cars_own_within_millimetres(self, kept):
        placement = placement_of(made_up_city())
        first = kept["sample"][0]["timestamp"]
        for row in kept["ego_pose"]:
            seconds = (row["timestamp"] - first) / 1e6
            x, y, z = row["translation"]
            # The first look is up to 8 ms after the drive's start.
            assert x - placement.east == pytest.approx(SPEED * seconds, abs=0.06)
            assert y - placement.north == pytest.approx(-1.75, abs=0.01)
            assert z == 0
            assert abs(2 * math.asin(row["rotation"][3])) < 0.002

    def test_boxes_are_on_the_road_where_their_road_users_are(self, kept):
        placement = placement_of(made_up_city())
        instance = {row["token"]: row for row in kept["instance"]}
        category = {row["token"]: row["name"] for row in kept["category"]}
        last = kept["scene"][0]["last_sample_token"]
        time = (kept["sample"][-1]["timestamp"] - kept["sample"][0]["timestamp"]) / 1e6
        truck = next(
            row
            for row in kept["sample_annotation"]
            if row["sample_token"] == last
            and category[instance[row["instance_token"]]["category_token"]] == "vehicle.truck"
            and row["translation"][1] - placement.north == pytest.approx(-1.75)
        )
        assert truck["size"] == [2.45, 8.2, 3.4]
        assert truck["translation"][0] - placement.east == pytest.approx(64.0 + 7.0 * time, abs=0.1)
        assert truck["translation"][2] == pytest.approx(1.7)
        assert truck["num_lidar_pts"] == 0

    def test_boxes_have_nuscenes_categories_and_attributes(self, kept):
        names = {row["token"]: row["name"] for table in ("category", "attribute") for row in kept[table]}
        kinds = {row["token"]: names[row["category_token"]] for row in kept["instance"]}
        first = kept["scene"][0]["first_sample_token"]
        found = {
            (kinds[row["instance_token"]], *(names[token] for token in row["attribute_tokens"]))
            for row in kept["sample_annotation"]
            if row["sample_token"] == first
        }
        assert found == {
            ("vehicle.car", "vehicle.stopped"),
            ("vehicle.car", "vehicle.moving"),
            ("vehicle.car", "vehicle.parked"),
            ("vehicle.truck", "vehicle.parked"),
            ("vehicle.truck", "vehicle.moving"),
            ("vehicle.bus.rigid", "vehicle.moving"),
            ("human.pedestrian.adult", "pedestrian.moving"),
            ("human.pedestrian.construction_worker", "pedestrian.standing"),
            ("human.pedestrian.police_officer", "pedestrian.standing"),
            ("movable_object.trafficcone",),
            ("movable_object.barrier",),
        }

    def test_everything_is_on_the_map(self, kept):
        city = made_up_city()
        placement = placement_of(city)
        for table in ("ego_pose", "sample_annotation"):
            for row in kept[table]:
                x, y, _ = row["translation"]
                assert 0 < x < placement.width
                assert 0 < y < placement.height
        drivable = polygons_of(city, placement)["drivable"]
        assert np.min([corner for polygon in drivable for corner in polygon]) >= 10

    def test_notes_have_the_experts_plan_at_every_key_frame(self):
        recording = made_up_recording()
        rows = label_rows(recording, recording.drive.name, sample_tokens(recording))
        assert [row.sample_token for row in rows] == sample_tokens(recording)
        assert all(row.plan == [(SPEED, SPEED)] * 6 for row in rows)
        assert rows[0].explanation.intent == "Goes on."


class TestVisibility:
    def test_a_car_alone_ahead_is_seen_whole(self):
        assert shares(actor(1, "car", 25.0, -1.75))[0] == pytest.approx(1.0)

    def test_behind_the_car_nothing_is_seen(self):
        assert shares(actor(1, "car", -12.0, -1.75))[0] == 0.0

    def test_the_pictures_edge_cuts(self):
        # The picture's left edge runs at tan = 816.8 / 1266.4 from the camera at x = 1.7, y = -1.75.
        edge = -1.75 + (20.0 - 1.7) * 816.8 / 1266.4
        share = shares(actor(1, "barrier", 20.0, edge))[0]
        assert share == pytest.approx(0.5, abs=0.15)

    def test_a_bus_hides_the_car_behind_it_and_not_the_other_way_round(self):
        bus, car = actor(1, "bus", 20.0, -1.75), actor(2, "car", 35.0, -1.75)
        assert shares(bus, car).tolist() == pytest.approx([1.0, 0.0])
        assert shares(car, bus).tolist() == pytest.approx([0.0, 1.0])

    def test_half_hidden_is_about_half(self):
        # A barrier 2 m wide at 10 m, shifted so that one edge is on the line to the car's middle.
        share = shares(actor(1, "van", 12.0, -1.75 - 1.0), actor(2, "barrier", 40.0, -1.75))[1]
        assert share == pytest.approx(0.5, abs=0.21)

    def test_a_house_hides_and_a_low_wall_does_not(self):
        car = actor(1, "car", 40.0, -1.75)
        for height, seen in ((6.0, 0.0), (0.05, 1.0)):
            house = Building(box(20.0, 22.0, -8.0, 8.0), height, 0)
            city = made_up_city(bare=True)
            city = type(city)(**{name: getattr(city, name) for name in city.__slots__} | {"buildings": (house,)})
            assert shares(car, city=city)[0] == pytest.approx(seen)

    def test_bins_are_those_of_nuscenes(self):
        assert [visibility_token(share) for share in (0.0, 0.4, 0.41, 0.6, 0.61, 0.8, 0.81, 1.0)] == list("11223344")

    @given(x=st.floats(5.0, 60.0), y=st.floats(-20.0, 20.0), heading=st.floats(-4.0, 4.0))
    def test_more_road_users_never_show_more(self, x, y, heading):
        car, other = actor(1, "car", 30.0, -1.0), actor(2, "truck", x, y, heading)
        alone, together = shares(car), shares(car, other)
        assert 0.0 <= together[0] <= alone[0] + 1e-12
        assert together[1] <= 1.0 + 1e-12


class TestBetween:
    @given(share=st.floats(0.0, 1.0))
    def test_even_motion_stays_even(self, share):
        states = made_up_states(1.0)
        time = 0.35 + share * 0.05
        between = state_between(states[7], states[8], time)
        assert between.time == time
        assert between.ego.pose.x == pytest.approx(SPEED * time)
        bus = next(each for each in between.actors if each.number == 6)
        assert (bus.pose.x, bus.pose.heading) == (pytest.approx(67.0 - 7.0 * time), pytest.approx(np.pi))

    def test_headings_take_the_short_way(self):
        one = made_up_state(time=0.0, actors=(actor(1, "car", 0, 0, math.pi - 0.1),))
        other = made_up_state(time=1.0, actors=(actor(1, "car", 0, 0, -math.pi + 0.1),))
        heading = state_between(one, other, 0.5).actors[0].pose.heading
        assert math.cos(heading) == pytest.approx(-1.0)

    def test_actors_that_appear_or_leave_are_taken_from_the_nearer_state(self):
        one = made_up_state(time=0.0, actors=(actor(1, "car", 0, 0),))
        other = made_up_state(time=1.0, actors=(actor(2, "car", 5, 0),))
        assert [each.number for each in state_between(one, other, 0.4).actors] == [1]
        assert [each.number for each in state_between(one, other, 0.6).actors] == [2]
        assert state_between(one, other, 2.0).ego.pose == Pose(0.0, -1.75, 0.0)


class TestDrives:
    def test_conditions(self):
        assert parse_conditions("day,dusk, rain,dusk-fog,day") == [
            Conditions(),
            Conditions("dusk"),
            Conditions("day", "rain"),
            Conditions("dusk", "fog"),
        ]
        assert len(parse_conditions("all")) == 6

    @pytest.mark.parametrize("text", ["snow", "day-dusk", "rain-fog", "", "day-"])
    def test_invalid_conditions(self, text):
        with pytest.raises(UserError, match="condition"):
            parse_conditions(text)

    def test_every_drive_has_a_name_of_its_own(self):
        drives = drives_of(["a", "b"], [0, 1], parse_conditions("all"))
        drives += drives_of(["a", "b"], [0, 1], parse_conditions("all"), left_hand=True)
        assert len({drive.name for drive in drives}) == len(drives) == 48
        assert Drive("a", 3, "dusk", "fog", True).name == "sim-a-003-dusk-fog-left"
