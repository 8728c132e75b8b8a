"""Pictures of the renderers: positions, lights, and the same bytes every time."""

from dataclasses import replace

import numpy as np
import pytest

from lightemma.camera import project
from lightemma.frame import Pose
from lightemma.simulation.render import RenderError, front_camera, make_renderer
from lightemma.simulation.state import EgoState, Marking, Sign, WorldState
from tests.simulation.made_up_city import CONDITIONS, actor, box, made_up_city, made_up_state

pytestmark = pytest.mark.pictures
SIZE = (800, 450)


@pytest.fixture(scope="module", params=["painter", "panda3d"])
def renderer(request):
    try:
        made = make_renderer(request.param)
    except RenderError as error:
        pytest.skip(f"this renderer cannot start here: {error}")
    with made:
        yield made


def picture(renderer, state, size=SIZE, seed=1):
    return renderer.draw(state, front_camera(size), size, seed)


def in_the_world(ego: Pose, ahead: float, left: float) -> tuple[float, float]:
    cos, sin = np.cos(ego.heading), np.sin(ego.heading)
    return ego.x + cos * ahead - sin * left, ego.y + sin * ahead + cos * left


def middle(weights: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Column and row of the weighted middle of the pixels around a point of a picture."""
    reach = 50
    left, top = (max(int(value) - reach, 0) for value in near)
    part = weights[top : top + 2 * reach, left : left + 2 * reach]
    rows, columns = np.indices(part.shape)
    return np.array([(part * columns).sum(), (part * rows).sum()]) / part.sum() + (left, top)


PLACES = pytest.mark.parametrize(("size", "heading"), [(SIZE, 0.6), ((960, 540), -0.6)])


@PLACES
def test_ground_points_are_where_the_camera_model_says(renderer, size, heading):
    ego, half = Pose(3.0, -1.0, heading), 0.15
    spots = ((9.0, -2.0), (12.0, 4.0), (16.0, -1.0))
    city = replace(made_up_city(CONDITIONS["day"], bare=True), drivable=(box(-60, 260, -100, 100),), lanes=())
    state = WorldState(0.0, EgoState(ego, 0.0, 0.0), (), ())
    marks = [
        Marking("stop", np.array([in_the_world(ego, ahead + end, left) for end in (-half, half)]), 2 * half)
        for ahead, left in spots
    ]
    pictures = []
    for markings in ((), tuple(marks)):
        renderer.load(replace(city, markings=markings))
        pictures.append(picture(renderer, state, size).astype(float))
    change = np.abs(pictures[1] - pictures[0]).sum(axis=2)
    change[change < 60] = 0
    for ahead, left in spots:
        # A square does not appear as a square: its middle is the mean of all its points, weighted by their apparent size.
        near, aside = np.meshgrid(np.linspace(-half, half, 21), np.linspace(-half, half, 21))
        points = np.column_stack([ahead + near.ravel(), left + aside.ravel(), np.zeros(near.size)])
        seen = project(points, front_camera(size))
        wanted = np.average(seen.pixels, axis=0, weights=seen.depth**-3)
        assert middle(change, wanted) == pytest.approx(wanted, abs=0.5)


@PLACES
def test_raised_points_are_where_the_camera_model_says(renderer, size, heading):
    ego = Pose(3.0, -1.0, heading)
    spots = ((10.0, -3.0), (14.0, 4.5), (20.0, 0.0))
    city = made_up_city(CONDITIONS["day"], bare=True)
    state = WorldState(0.0, EgoState(ego, 0.0, 0.0), (), ())
    signs = tuple(Sign("priority", Pose(*in_the_world(ego, *spot), heading)) for spot in spots)
    pictures = []
    for there in ((), signs):
        renderer.load(replace(city, signs=there))
        pictures.append(picture(renderer, state, size).astype(float))
    yellow = np.maximum(pictures[1][..., :2].min(axis=2) - pictures[1][..., 2] - 60, 0)
    yellow[np.abs(pictures[1] - pictures[0]).sum(axis=2) < 60] = 0
    for ahead, left in spots:
        # The yellow square of a priority sign hangs 2.35 m up, 6 cm before its post.
        wanted = project(np.array([(ahead - 0.06, left, 2.35)]), front_camera(size)).pixels[0]
        assert middle(yellow, wanted) == pytest.approx(wanted, abs=0.5)


def test_brake_lights_change_pixels_in_the_lamp_region(renderer):
    renderer.load(made_up_city())
    off, on = (picture(renderer, made_up_state(braking=braking)).astype(int) for braking in (False, True))
    change = np.abs(on - off).sum(axis=2)
    rear = [(20.0 - 2.2, -1.75 + 1.75 + y, 0.75) for y in (-0.7, 0.7)]
    for column, row in project(np.array(rear), front_camera(SIZE)).pixels:
        region = np.s_[int(row) - 3 : int(row) + 4, int(column) - 3 : int(column) + 4]
        assert change[region].mean() > 60
        assert on[region][..., 0].mean() > off[region][..., 0].mean() + 25
    # Far from the car nothing changes but, at most, what is lit by the lamps.
    assert change[:120].max() < 12


def test_signal_colours_differ(renderer):
    renderer.load(made_up_city())
    heads = {}
    spot = project(np.array([(36.7, -6.2 + 1.75, 2.95 + 0.12)]), front_camera(SIZE)).pixels[0]
    for colour in ("red", "amber", "green"):
        image = picture(renderer, made_up_state(colour=colour)).astype(int)
        column, row = int(spot[0]), int(spot[1])
        head = image[row - 9 : row + 10, column - 4 : column + 5].reshape(-1, 3)
        heads[colour] = head[np.argmax(head.max(axis=1) * 2 - head.min(axis=1))]
    assert heads["red"][0] > 1.6 * heads["red"][1]
    assert heads["green"][1] > 1.3 * heads["green"][0]
    assert heads["amber"][0] > heads["amber"][2] + 60
    assert heads["amber"][1] > heads["red"][1] + 30


def test_every_condition_has_its_own_brightness(renderer):
    means = {}
    for name, conditions in CONDITIONS.items():
        renderer.load(made_up_city(conditions, bare=True))
        means[name] = picture(renderer, made_up_state(), (320, 180)).mean()
    ordered = sorted(means.values())
    assert np.diff(ordered).min() > 2.0
    assert max(means["dusk"], means["dusk-rain"]) < 0.8 * min(means["day"], means["rain"], means["fog"])


def test_equal_states_and_seeds_give_equal_pictures(renderer):
    renderer.load(made_up_city(bare=True))
    one, again, other = (picture(renderer, made_up_state(), (320, 180), seed).astype(float) for seed in (1, 1, 2))
    error = np.mean((one - again) ** 2)
    if renderer.name == "painter":
        assert error == 0
    assert error == 0 or 10 * np.log10(255**2 / error) >= 40
    assert np.mean((one - other) ** 2) > 0.5


def test_what_is_behind_the_camera_does_not_show(renderer):
    renderer.load(made_up_city(CONDITIONS["rain"], bare=True))
    behind = (actor(1, "bus", -9.0, -1.75, colour=(1.0, 0.0, 0.0)), actor(2, "pedestrian", 0.5, -1.75))
    empty, full = (picture(renderer, made_up_state(actors=actors)).astype(int) for actors in ((), behind))
    assert np.abs(empty - full).max() < 8


def test_a_near_thing_hides_a_far_one(renderer):
    renderer.load(made_up_city(CONDITIONS["fog"], bare=True))
    near = actor(1, "truck", 14.0, -1.75, colour=(0.1, 0.1, 0.6))
    alone, both = (
        picture(renderer, made_up_state(actors=actors)).astype(int)
        for actors in ((near,), (near, actor(2, "car", 26.0, -1.75, colour=(1.0, 0.0, 0.0))))
    )
    column, row = project(np.array([(26.0, 0.0, 0.9)]), front_camera(SIZE)).pixels[0].astype(int)
    assert np.abs(alone - both)[row - 6 : row + 7, column - 8 : column + 9].mean() < 4


def test_drawing_before_loading_is_an_error():
    with make_renderer("painter") as painter, pytest.raises(RenderError, match="city"):
        picture(painter, made_up_state())


def test_depth_and_ids_leave_the_colours_alone(renderer):
    size, state = (160, 90), made_up_state(actors=(actor(3, "truck", 15.0, -1.75),))
    renderer.load(made_up_city(CONDITIONS["rain"], bare=True))
    alone = picture(renderer, state, size)
    drawn = renderer.draw_outputs(state, front_camera(size), size, 1, ("ids", "rgb", "depth"))
    assert np.array_equal(alone, drawn.rgb)
    assert np.array_equal(alone, picture(renderer, state, size))
    # From the camera, 1.7 m before the axle, to the truck's rear.
    assert np.median(drawn.depth[drawn.ids == 3]) == pytest.approx(15.0 - 4.1 - 1.7, abs=0.3)
    assert ((drawn.ids == 0) == np.isinf(drawn.depth)).all()
