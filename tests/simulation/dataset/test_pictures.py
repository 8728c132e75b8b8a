"""Pictures and boxes of a data set agree: every car is drawn where the tables have its box."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from itertools import product

import numpy as np
import pytest
from PIL import Image

from lightemma.camera import project, rotation_matrix
from lightemma.frame import Camera
from lightemma.simulation.dataset.recording import camera_looks
from lightemma.simulation.dataset.writer import DatasetWriter, Layout
from lightemma.simulation.render import front_camera, make_renderer
from tests.devkit import needs_devkit
from tests.simulation.made_up_city import actor, made_up_city, made_up_state
from tests.simulation.made_up_drive import made_up_recording, made_up_states

pytestmark = pytest.mark.pictures
SIZE = (800, 450)
#: Colours that nothing else in the city has, and positions of cars in them: near and far, turned, on both sides.
CARS = (
    actor(1, "car", 16.0, -1.75, colour=(1.0, 0.0, 0.9)),
    actor(2, "van", 24.0, 3.0, np.pi, colour=(1.0, 0.0, 0.9)),
    actor(3, "car", 30.0, -6.0, 0.7, colour=(1.0, 0.0, 0.9)),
)


def magenta(picture: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(picture.astype(int), 2, 0)
    return (red - green > 50) & (blue - green > 50)


def one_car_recording(car):
    states = [replace(state, actors=(car,)) for state in made_up_states(0.5)]
    recording = made_up_recording(f"car-{car.number}", key_frames=1)
    bare = replace(made_up_city(bare=True))
    return replace(recording, city=bare, looks=tuple(camera_looks(recording.drive, states, 1)))


@pytest.fixture(scope="module", params=["painter", "panda3d"])
def artist(request):
    if request.param == "panda3d":
        pytest.importorskip("panda3d", reason="panda3d is not installed")
    with make_renderer(request.param) as renderer:
        yield renderer


@pytest.fixture(scope="module")
def root(artist, tmp_path_factory):
    """A data set with one of the cars in each scene."""
    folder = tmp_path_factory.mktemp(artist.name)
    writer = DatasetWriter(folder, Layout(size=SIZE, renderer=artist.name, quality=95))
    for car in CARS:
        writer.write(one_car_recording(car), artist)
    return folder


def turned(points: np.ndarray, row: dict) -> np.ndarray:
    """Points transformed by a row's rotation and translation."""
    return points @ rotation_matrix(np.array(row["rotation"])).T + row["translation"]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_coloured_car_fills_its_box_and_nothing_else(root, number):
    """Pixels of a box by the devkit's formulas: box to world, world to ego, ego to camera, camera to pixel."""
    tables = {path.stem: json.loads(path.read_text()) for path in (root / "v1.0-sim").glob("*.json")}
    row = {name: {one["token"]: one for one in rows} for name, rows in tables.items()}
    sample = next(one for one in tables["sample"] if one["scene_token"] == tables["scene"][number]["token"])
    (annotation,) = (one for one in tables["sample_annotation"] if one["sample_token"] == sample["token"])
    (data,) = (one for one in tables["sample_data"] if one["sample_token"] == sample["token"] and one["is_key_frame"])
    ego, sensor = row["ego_pose"][data["ego_pose_token"]], row["calibrated_sensor"][data["calibrated_sensor_token"]]
    width, length, height = annotation["size"]
    corners = turned(np.array(list(product((-0.5, 0.5), repeat=3))) * (length, width, height), annotation)
    ahead = (corners - ego["translation"]) @ rotation_matrix(np.array(ego["rotation"]))
    calibration = [np.array(sensor[name]) for name in ("camera_intrinsic", "rotation", "translation")]
    pixels = project(ahead, Camera(*calibration, SIZE)).pixels
    (left, top), (right, bottom) = pixels.min(axis=0), pixels.max(axis=0)
    found = magenta(np.asarray(Image.open(root / data["filename"])))
    rows, columns = np.nonzero(found)
    # JPEG spreads colours over blocks of 16 pixels; the box is drawn to the pixel.
    slack = 3.0
    inside = (columns >= left - slack) & (columns <= right + slack) & (rows >= top - slack) & (rows <= bottom + slack)
    assert len(rows) > 0.25 * (right - left) * (bottom - top)
    assert inside.mean() > 0.995
    # And it is as wide as the box, roughly: bodies are rounded, mirrors and wheels have other colours.
    assert columns.min() - left < 0.15 * (right - left)
    assert right - columns.max() < 0.15 * (right - left)


@needs_devkit
def test_the_devkit_draws_the_boxes_on_the_pictures(root, tmp_path):
    import matplotlib as mpl
    from nuscenes import NuScenes

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    with redirect_stdout(StringIO()):
        devkit = NuScenes("v1.0-sim", str(root), verbose=False)
    sample = devkit.get("sample", devkit.scene[0]["first_sample_token"])
    for name, boxes in (("with", True), ("without", False)):
        devkit.render_sample_data(
            sample["data"]["CAM_FRONT"], with_anns=boxes, out_path=str(tmp_path / f"{name}.png"), verbose=False
        )
        plt.close("all")
    pictures = [
        np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB")).astype(int) for name in ("with", "without")
    ]
    changed = np.abs(pictures[0] - pictures[1]).max(axis=2) > 60
    assert 50 < changed.sum() < 0.1 * changed.size


def test_the_same_drive_gives_the_same_pictures(artist, tmp_path):
    pictures = []
    for name in ("one", "other"):
        recording = replace(made_up_recording(key_frames=2), city=made_up_city(bare=True))
        DatasetWriter(tmp_path / name, Layout(size=(320, 180), renderer=artist.name)).write(recording, artist)
        folder = tmp_path / name / "samples" / "CAM_FRONT"
        pictures.append(sorted(folder.iterdir()))
    for one, other in zip(*pictures, strict=True):
        assert one.name == other.name
        if artist.name == "painter":
            assert one.read_bytes() == other.read_bytes()
        difference = np.asarray(Image.open(one)).astype(float) - np.asarray(Image.open(other)).astype(float)
        assert 10 * np.log10(255**2 / max(np.mean(difference**2), 1e-9)) >= 40


def test_the_picture_is_of_the_moment_in_the_tables(artist):
    """A look between two steps of the world is drawn between them."""
    near, far = (made_up_state(actors=(actor(1, "car", x, -1.75, colour=(1.0, 0.0, 0.9)),)) for x in (14.0, 15.0))
    artist.load(made_up_city(bare=True))
    areas = [magenta(artist.draw(state, front_camera(SIZE), SIZE, 0)).sum() for state in (near, far)]
    assert areas[0] > areas[1] * 1.08
