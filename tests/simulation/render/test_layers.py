"""Depth and identity of pixels: they are those of the shapes, and the colours stay as they are."""

from dataclasses import replace

import numpy as np
import pytest

from lightemma.camera import project
from lightemma.errors import UserError
from lightemma.frame import Pose
from lightemma.simulation.geometry import box_corners
from lightemma.simulation.render import RenderError, front_camera, make_renderer
from lightemma.simulation.render.base import FIRST_SIGNAL, GROUND, SCENERY, SKY
from lightemma.simulation.state import Building
from tests.simulation.made_up_city import CONDITIONS, actor, box, made_up_city, made_up_state

SIZE = (320, 180)
CAMERA = front_camera(SIZE)


# The panda3d process takes seconds to start; test_pictures.py, where it runs anyway, asks it for layers, too.
@pytest.fixture(
    scope="module", params=["painter", pytest.param("panda3d", marks=[pytest.mark.pictures, pytest.mark.slow])]
)
def renderer(request):
    try:
        made = make_renderer(request.param)
    except RenderError as error:
        pytest.skip(f"this renderer cannot start here: {error}")
    with made:
        yield made


@pytest.fixture(scope="module")
def drawn(renderer):
    renderer.load(made_up_city())
    return renderer.draw_outputs(made_up_state(), CAMERA, SIZE, 1, ("rgb", "depth", "ids"))


def test_colours_are_the_same_with_other_outputs(renderer, drawn):
    renderer.load(made_up_city())
    alone = renderer.draw_outputs(made_up_state(), CAMERA, SIZE, 1)
    assert np.array_equal(alone.rgb, drawn.rgb)
    assert (alone.depth, alone.ids) == (None, None)


def test_depth_of_the_ground_is_that_of_the_camera(drawn):
    rows, columns = np.nonzero(drawn.ids == GROUND)
    lower = rows > 125  # nearer than the pavements, which are raised
    rows, columns = rows[lower], columns[lower]
    down = (rows - CAMERA.intrinsic[1, 2]) / CAMERA.intrinsic[1, 1]
    road = np.abs(columns - CAMERA.intrinsic[0, 2]) < 60
    assert np.allclose(drawn.depth[rows, columns][road], (1.5 / down)[road], rtol=0.01)
    assert road.sum() > 1000
    assert drawn.depth.dtype == np.float32
    assert np.isinf(drawn.depth[drawn.ids == SKY]).all()
    assert np.isfinite(drawn.depth[drawn.ids != SKY]).all()


def test_pixels_of_an_actor_are_within_its_box(drawn):
    checked = 0
    for one in made_up_state().actors:
        mine = drawn.ids == one.number
        if mine.sum() < 12:
            continue
        flat = box_corners(one.pose.x, one.pose.y + 1.75, one.pose.heading, one.length, one.width)
        corners = np.concatenate([np.column_stack([flat, np.full(4, z)]) for z in (0.0, one.height + 0.25)])
        seen = project(corners, CAMERA)
        # Mirrors, lamps and outstretched arms reach out of boxes.
        margin = 1.5 + 0.6 * CAMERA.intrinsic[0, 0] / seen.depth.min()
        rows, columns = np.nonzero(mine)
        low, high = seen.pixels.min(axis=0) - margin, seen.pixels.max(axis=0) + margin
        assert (columns >= low[0]).all()
        assert (columns <= high[0]).all()
        assert (rows >= low[1]).all()
        assert (rows <= high[1]).all()
        assert drawn.depth[mine].min() > seen.depth.min() - 0.8
        assert drawn.depth[mine].max() < seen.depth.max() + 0.8
        checked += 1
    assert checked >= 8
    assert {GROUND, SCENERY, SKY, FIRST_SIGNAL + 1, FIRST_SIGNAL + 2} <= set(np.unique(drawn.ids).tolist())


@pytest.mark.parametrize("hider", ["truck", "house"])
def test_what_is_hidden_has_no_pixel(renderer, hider):
    person = actor(5, "pedestrian", 24.0, -3.2)
    truck = (actor(6, "truck", 16.0, -3.2),) if hider == "truck" else ()
    city = made_up_city(CONDITIONS["rain"], bare=True)
    house = (Building(box(14.0, 18.0, -5.0, -1.0), 6.0, 1),) if hider == "house" else ()
    for hidden in (True, False):
        renderer.load(replace(city, buildings=house if hidden else ()))
        state = made_up_state(actors=(person, *(truck if hidden else ())))
        found = renderer.draw_outputs(state, CAMERA, SIZE, 1, ["ids"])
        assert (5 in found.ids) != hidden
        assert found.rgb is None


def test_depth_turns_with_the_car(renderer):
    renderer.load(made_up_city(bare=True))
    ahead, turned = made_up_state(actors=(actor(1, "barrier", 12.0, -1.75),)), Pose(0.0, -1.75, 0.7)
    state = replace(ahead, ego=replace(ahead.ego, pose=turned))
    place = turned.x + 12.0 * np.cos(0.7), turned.y + 12.0 * np.sin(0.7)
    moved = replace(state, actors=(actor(1, "barrier", *place, 0.7),))
    one, other = (renderer.layers(each, CAMERA, SIZE) for each in (ahead, moved))
    assert np.median(one.depth[one.ids == 1]) == pytest.approx(np.median(other.depth[other.ids == 1]), abs=0.05)
    assert abs(int((one.ids == 1).sum()) - int((other.ids == 1).sum())) < 12


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (("rgb", "normals"), "There is no output 'normals'"),
        (("id",), "did you mean|ids"),
        ((), "`outputs` is"),
        ("rgb", "`outputs` is 'rgb'; give a list"),
    ],
)
def test_an_unknown_output_is_refused_in_one_sentence(outputs, said):
    with make_renderer("painter") as painter, pytest.raises(UserError, match=said):
        painter.draw_outputs(made_up_state(), CAMERA, SIZE, 1, outputs)


def test_layers_without_a_city_are_refused():
    with make_renderer("painter") as painter, pytest.raises(RenderError, match="no city"):
        painter.layers(made_up_state(), CAMERA, SIZE)
