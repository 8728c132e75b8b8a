"""How far the road is free, in pictures that are drawn through the camera."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lightemma.camera import project
from lightemma.experts.base import Question
from lightemma.experts.free_space import FreeSpace, moved_back
from lightemma.frame import EarlierPicture, EgoHistory, Picture
from lightemma.simulation.render.pinhole import front_camera
from tests.conftest import make_frame

SIZE = (640, 360)
CAMERA = front_camera(SIZE)
BUMPER = 4.084 - 0.657
SPEED = 8.0


def frame(speed=SPEED, curvature=0.0, seconds=0.5):
    made = make_frame()
    history = EgoHistory(np.zeros((8, 2)), np.tile([speed, curvature], (6, 1)))
    earlier = (EarlierPicture(made.image_path, made.timestamp - round(seconds * 1e6)),)
    return replace(made, camera=CAMERA, history=history, earlier=earlier)


def shown(*, thing=None, shadow=None):
    """A grey road; a thing that stands up from the ground, or a patch that lies on it, so many metres from the bumper."""
    image = Image.new("RGB", SIZE, (165, 185, 210))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 184, *SIZE), fill=(120, 118, 116))
    if shadow is not None:
        x = BUMPER + shadow
        corners = project(np.array([[x, 3, 0], [x, -3, 0], [x + 8, -3, 0], [x + 8, 3, 0.0]]), CAMERA).pixels
        draw.polygon([tuple(one) for one in corners.tolist()], fill=(50, 50, 52))
    if thing is not None:
        x = BUMPER + thing
        (left, low), (right, high) = project(np.array([[x, 0.9, 0.0], [x, -0.9, 1.5]]), CAMERA).pixels.tolist()
        draw.rectangle((left, high, right, low), fill=(40, 60, 160))
        draw.rectangle((left, (low + 2 * high) / 3, right, (2 * low + high) / 3), fill=(200, 60, 50))
    out = io.BytesIO()
    image.save(out, "PNG")
    return Picture(out.getvalue(), "image/png", SIZE, "0")


def told(now, before=None, **given):
    pictures = {"picture": now} | ({} if before is None else {"earlier_picture": before})
    return FreeSpace().look(Question(frame(**given), pictures))


@pytest.mark.parametrize("distance", [8.0, 15.0])
def test_what_stands_on_our_path_ends_the_free_road(distance):
    for found in (
        told(shown(thing=distance)),
        told(shown(thing=distance), shown(thing=distance + SPEED / 2)),
        told(shown(thing=distance), shown(thing=distance)),  # it drives as fast as we do
    ):
        assert found.numbers["free_space_m"] == pytest.approx(distance, abs=1.0)
        assert found.numbers["blocked"] == 1.0
    assert "or a mark or a shadow" in told(shown(thing=distance)).words


def test_a_shadow_moves_with_the_ground():
    alone = told(shown(shadow=12.0))
    assert alone.numbers["free_space_m"] == pytest.approx(12.0, abs=1.0)
    assert told(shown(shadow=12.0), shown(shadow=12.0 + SPEED / 2)).numbers == {"free_space_m": 40.0, "blocked": 0.0}


def test_a_thing_within_a_shadow_is_found_with_the_shadow():
    now, before = shown(shadow=10.0, thing=14.0), shown(shadow=10.0 + SPEED / 2, thing=14.0 + SPEED / 2)
    assert 10.0 <= told(now, before).numbers["free_space_m"] <= 15.0


def test_pictures_that_do_not_show_motion_are_not_compared():
    for given in ({"speed": 0.5}, {"seconds": 3.0}, {"seconds": -1.0}):
        assert told(shown(shadow=12.0), shown(shadow=12.0), **given).numbers["blocked"] == 1.0


def test_an_empty_road_is_free_and_a_thing_beside_it_is_not_in_the_way():
    assert told(shown(), shown()).words == "The road on our path looks free for 40 m."


@pytest.mark.parametrize("curvature", [0.0, 0.05, -0.02])
def test_ground_is_where_it_was_seen_before_an_arc(curvature):
    """Against many small straight steps."""
    points = np.array([[[10.0, 1.0], [30.0, -4.0]]])
    moved, steps = points.copy(), 4000
    for _ in range(steps):
        turn = 5.0 / steps * curvature
        moved = moved @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + (5.0 / steps, 0.0)
    np.testing.assert_allclose(moved_back(points, 5.0, curvature), moved, atol=5e-3)
