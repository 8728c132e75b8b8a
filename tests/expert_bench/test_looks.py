"""Experts are compared with drives of the city, and with annotated recordings."""

import numpy as np
import pytest

from lightemma.data.argoverse2 import Argoverse2Source
from lightemma.data.embedded_demo import open_embedded_demo
from lightemma.errors import UserError
from lightemma.expert_bench.annotated import Solid, look_at_recordings, truth_in_picture
from lightemma.expert_bench.city import look_at_city
from lightemma.experts.base import Box, Card
from lightemma.experts.detections import Detector
from lightemma.simulation.render import front_camera
from tests.data.made_up_logs import MadeUpLog

SIZE = (400, 225)


class Nothing(Detector):
    """Finds one car that nobody else sees."""

    card = Card("nothing", "object-detection", "Finds nothing.", ("picture",), ("boxes",))

    def detect(self, pixels):
        height, width = pixels.shape[:2]
        return [Box("car", 0.9, 0.01 * width, 0.9 * height, 0.03 * width, 0.95 * height)]


def test_a_drive_of_the_city_is_compared_in_all_that_is_seen():
    tally = look_at_city(2, 1000, [Nothing()], "painter", scenarios="lead-car-braking", size=SIZE)
    assert (tally.pictures, tally.drives) == (2, 1)
    recall = [hit for name, hits in tally.right.items() if name.startswith("nothing: recall") for hit in hits]
    precision = [hit for name, hits in tally.right.items() if name.startswith("nothing: precision") for hit in hits]
    assert recall
    assert not any(recall)
    assert precision == [False, False]
    assert len(tally.seconds["light-state"]) == len(tally.seconds["nothing"]) == 2
    assert len(tally.errors["distance of the lead within 30 m, share"]) >= 1
    assert max(tally.errors["distance of the lead within 30 m, share"]) < 0.1


@pytest.mark.parametrize("parked", [(40.0, 0.2), (45.0, -0.4)])
def test_distances_and_speeds_of_an_annotated_log_on_level_ground_are_right(tmp_path, parked):
    MadeUpLog(sweeps=121, parked=parked, speed=2.0).write(tmp_path)
    tally = look_at_recordings(Argoverse2Source(tmp_path), 20, [])
    errors = {name: max(values) for name, values in tally.errors.items() if name.startswith("distance")}
    assert errors
    assert all(error < 0.01 for error in errors.values())
    assert max(tally.errors["lead speed, m/s"]) < 0.1


def test_detectors_are_compared_where_there_are_pictures_and_annotations():
    tally = look_at_recordings(open_embedded_demo(), 6, [Nothing()])
    assert tally.drives >= 2
    assert len(tally.seconds["nothing"]) == tally.pictures
    assert any("recall" in name for name in tally.right)


def test_data_without_annotations_or_camera_are_refused(tmp_path):
    MadeUpLog(calibrated=False).write(tmp_path)
    with pytest.raises(UserError, match="how its camera looks"):
        look_at_recordings(Argoverse2Source(tmp_path), 5, [])


def test_hidden_and_cut_off_things_are_not_asked_for():
    camera = front_camera((1600, 900))

    def car(number, x, y):
        return Solid(number, "car", np.array([x, y]), 0.0, np.array([4.5, 1.8]), 0.0, 1.5)

    found = {
        one.track: thing
        for one, thing in truth_in_picture(
            [
                car(1, 15.0, 0.0),
                car(2, 24.0, 0.1),
                car(3, 25.0, 6.0),
                car(4, 9.0, 5.0),
                car(5, -10.0, 0.0),
                car(6, 80.0, 9.0),
            ],
            camera,
            (1600, 900),
        )
    }
    assert {number for number, thing in found.items() if thing.asked} == {1, 3}
    assert 5 not in found
    assert found[1].distance == pytest.approx(15.0 - 2.25 - 3.427, abs=1e-3)


def test_the_command_prints_what_is_compared(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    MadeUpLog(sweeps=121, parked=(40.0, 0.2)).write(tmp_path / "logs")
    done = cli("experts", "bench", "--data", "argoverse2:logs", "--detector", "none", "--frames", "5")
    assert done.status == 0
    assert "5 pictures of 1 drives" in done.out
    wrong = cli("experts", "bench", "--detector", "lane-geometry")
    assert wrong.status == 2
    assert "detects no objects" in wrong.err
