"""The camera's geometry, and the effects of a real camera."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lightemma.camera import project
from lightemma.errors import UserError
from lightemma.simulation.render import encode_jpeg, front_camera, make_renderer
from lightemma.simulation.render.camera_effects import as_taken
from lightemma.simulation.render.palettes import look_of
from tests.simulation.made_up_city import CONDITIONS

pytestmark = pytest.mark.pictures


def test_full_size_camera_is_that_of_nuscenes():
    camera = front_camera()
    assert camera.size == (1600, 900)
    assert camera.intrinsic.tolist() == [[1266.4, 0.0, 816.3], [0.0, 1266.4, 491.5], [0.0, 0.0, 1.0]]
    # A point 10 m before the camera, 1 m to its left and 1 m below.
    seen = project(np.array([[11.7, 1.0, 0.5]]), camera)
    assert seen.depth[0] == pytest.approx(10.0)
    assert seen.pixels[0] == pytest.approx([816.3 - 126.64, 491.5 + 126.64])


@given(ahead=st.floats(3, 80), left=st.floats(-20, 20), up=st.floats(0, 6))
def test_half_size_halves_pixel_edges(ahead, left, up):
    point = np.array([[1.7 + ahead, left, up]])
    full, half = project(point, front_camera()).pixels, project(point, front_camera((800, 450))).pixels
    assert half + 0.5 == pytest.approx((full + 0.5) / 2)


@pytest.mark.parametrize("size", [(0, 0), (800, -450), (16, 9), (8000, 4500), (800, 800)])
def test_impossible_sizes_are_the_users_mistake(size):
    with pytest.raises(UserError, match="picture"):
        front_camera(size)


def test_unknown_renderer_is_the_users_mistake():
    with pytest.raises(UserError, match="painter"):
        make_renderer("opengl")


def test_effects_repeat_with_the_seed_and_change_little():
    rng = np.random.default_rng(0)
    clean = np.full((90, 160, 3), 120, dtype=np.uint8) + rng.integers(0, 3, (90, 160, 3), dtype=np.uint8)
    look = look_of(CONDITIONS["day"])
    one, again, other = (as_taken(clean, look, seed) for seed in (4, 4, 5))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert 0.5 < np.std(one.astype(float) - clean) < 4.0


def test_rain_streaks_only_in_rain():
    clean = np.full((450, 800, 3), 60, dtype=np.uint8)
    dry, wet = (as_taken(clean, look_of(CONDITIONS[name]), 1) for name in ("fog", "rain"))
    assert dry.max() < 75 < wet.max()


def test_jpeg_keeps_the_picture_and_refuses_odd_qualities():
    pixels = np.tile(np.linspace(0, 255, 160).astype(np.uint8)[None, :, None], (90, 1, 3))
    data = encode_jpeg(pixels, 90)
    back = np.asarray(Image.open(io.BytesIO(data)))
    assert back.shape == pixels.shape
    assert np.abs(back.astype(int) - pixels).mean() < 3
    assert len(encode_jpeg(pixels, 30)) < len(data)
    with pytest.raises(UserError, match="quality"):
        encode_jpeg(pixels, 0)
