"""Homographies against the projection of points in space; frames against the world that they should show."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lightemma.camera import project, rotation_matrix
from lightemma.frame import Camera
from lightemma.kinematics import integrate
from lightemma.probes.base import Untouched
from lightemma.probes.geometry import (
    Warp,
    Window,
    common_window,
    cropped_camera,
    mirror_image,
    outside,
    shifted,
    turned,
    warped,
)
from lightemma.probes.mirror import Mirror, flipped
from lightemma.probes.yaw import Yaw
from lightemma.simulation.render.pinhole import front_camera
from tests.conftest import make_frame

#: A camera that looks a little down, aside and askew, as real ones do.
ASKEW = Camera(
    np.array([[633.0, 1.5, 408.0], [0.0, 631.0, 245.0], [0.0, 0.0, 1.0]]),
    np.array([0.49, -0.51, 0.505, -0.494]),
    np.array([1.6, 0.0, 1.4]),
    (800, 450),
)
POINTS = np.random.default_rng(5).uniform([8.0, -4.0, -1.0], [60.0, 4.0, 4.0], size=(40, 3))


def sources(warp: Warp, pixels: np.ndarray) -> np.ndarray:
    """Where new pixels come from."""
    lifted = np.column_stack([pixels, np.ones(len(pixels))]) @ warp.ground.T
    return lifted[:, :2] / lifted[:, 2:]


@pytest.mark.parametrize("degrees", [-6.0, 3.0, 20.0])
@pytest.mark.parametrize("camera", [ASKEW, front_camera((800, 450))], ids=["askew", "level"])
def test_a_turned_camera_sees_each_point_where_the_homography_says(camera, degrees):
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle), 0], [-math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    # The same points as the turned car has them, whose camera turned about its own centre.
    around = (POINTS - camera.translation) @ turn.T + camera.translation
    new, recorded = project(around, camera).pixels, project(POINTS, camera).pixels
    assert sources(turned(camera, angle), new) == pytest.approx(recorded, abs=1e-6)


@pytest.mark.parametrize("left", [-0.5, 0.7])
def test_a_shifted_camera_sees_the_ground_where_the_homography_says(left):
    ground = POINTS * [1, 1, 0]
    new, recorded = project(ground - [0, left, 0], ASKEW).pixels, project(ground, ASKEW).pixels
    warp = shifted(ASKEW, left)
    assert sources(warp, new) == pytest.approx(recorded, abs=1e-6)
    assert warp.horizon is not None
    assert (np.column_stack([new, np.ones(len(new))]) @ warp.horizon > 0).all(), "all of it is below the horizon"


def test_the_mirrored_world_is_seen_by_the_same_camera():
    new, recorded = project(POINTS * [1, -1, 1], ASKEW).pixels, project(POINTS, ASKEW).pixels
    assert sources(mirror_image(ASKEW), new) == pytest.approx(recorded, abs=1e-6)


def test_a_straight_camera_s_mirror_image_is_the_flipped_picture():
    straight = replace(front_camera((64, 36)), intrinsic=np.array([[50.0, 0, 31.5], [0, 50, 17.5], [0, 0, 1.0]]))
    warp = mirror_image(straight)
    assert not outside(warp, (64, 36)).any()
    columns = sources(warp, np.array([[0.0, 3.0], [63.0, 30.0]]))
    assert columns == pytest.approx(np.array([[63.0, 3.0], [0.0, 30.0]]))
    pixels = np.random.default_rng(1).integers(0, 256, (36, 64, 3), dtype=np.uint8)
    assert np.array_equal(warped(pixels, warp, Window(0, 0, (64, 36))), flipped(pixels))


@pytest.mark.parametrize("camera", [ASKEW, front_camera((1600, 900))], ids=["askew", "level"])
def test_the_common_field_has_a_source_for_every_pixel_and_no_larger_one_has(camera):
    width, height = camera.size
    warps = [turned(camera, math.radians(degrees)) for degrees in (-6, -3, 3, 6)]
    window = common_window(warps, camera)
    new_camera = cropped_camera(camera, window)
    assert new_camera.size == window.size
    assert window.size[0] / window.size[1] == pytest.approx(width / height, rel=0.01)
    left, top = window.left, window.top
    corners = np.array([[x, y] for x in (left, left + window.size[0] - 1) for y in (top, top + window.size[1] - 1)])
    found = np.array([sources(warp, corners) for warp in warps])
    assert (found >= -0.5).all()
    assert (found <= [width - 0.5, height - 0.5]).all()
    spare = min(found.min(), (np.array([width - 1, height - 1]) - found).min())
    assert spare < 2.0, "the field is as large as it can be"


def test_pixels_are_where_they_are_said_to_be():
    """A white spot at a point's place is found at that point's place in the turned picture."""
    camera, angle = ASKEW, math.radians(4.0)
    window = common_window([turned(camera, angle), turned(camera, -angle)], camera)
    point = np.array([[20.0, 0.3, 0.5]])
    column, row = np.rint(project(point, camera).pixels[0]).astype(int)
    pixels = np.zeros((450, 800, 3), dtype=np.uint8)
    pixels[row - 1 : row + 2, column - 1 : column + 2] = 255
    new = warped(pixels, turned(camera, angle), window)[:, :, 0].astype(float)
    rows, columns = np.nonzero(new > 100)
    axes = rotation_matrix(camera.rotation)
    ray = axes @ np.linalg.inv(camera.intrinsic) @ [column, row, 1.0]
    turn = np.array([[math.cos(angle), math.sin(angle), 0], [-math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    seen = project((turn @ ray)[None] + camera.translation, cropped_camera(camera, window)).pixels[0]
    assert [columns.mean(), rows.mean()] == pytest.approx(seen, abs=0.6)


def test_the_mirrored_frame_is_a_consistent_world():
    history = np.array([[5.0, 0.01]] * 5 + [[5.5, 0.0]])
    frame = make_frame(history=history, driven=np.array([[5.5, 0.02]] * 6))
    changed = Mirror().change(frame, Untouched([frame]))
    assert changed is not None
    assert changed.frame.history.actions.tolist() == [[5.0, -0.01]] * 5 + [[5.5, 0.0]]
    assert "-0.0" not in str(changed.frame.history.actions.tolist()).replace("-0.01", ""), "no minus before a zero"
    assert changed.frame.future == pytest.approx(integrate(np.array([[5.5, -0.02]] * 6)))
    twice = Mirror().change(changed.frame, Untouched([frame]))
    assert twice is not None
    assert np.array_equal(twice.frame.history.actions, history)


def test_the_turned_frame_is_the_same_drive_from_another_heading(tmp_path):
    from PIL import Image

    path = tmp_path / "picture.png"
    Image.new("RGB", (400, 225)).save(path)
    frame = replace(make_frame(image_path=path), camera=front_camera((1600, 900)))
    changed = Yaw("left-6").change(frame, Untouched([frame]))
    assert changed is not None
    assert changed.frame.camera is not None
    assert changed.amount == pytest.approx(math.radians(6))
    assert changed.frame.history is frame.history, "the history stays as it is"
    assert math.atan2(*changed.frame.future[-1][::-1]) == pytest.approx(-math.radians(6)), "the way goes to the right"
    assert changed.frame.camera.size == changed.frame.altered(np.zeros((225, 400, 3), dtype=np.uint8)).shape[1::-1]
    assert Yaw("left-6").change(replace(frame, camera=None), Untouched([frame])) is None
