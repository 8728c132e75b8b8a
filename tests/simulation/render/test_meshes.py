"""Shapes: valid faces, right positions, and the effect of lamps and walking."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.frame import Pose
from lightemma.simulation.render.meshes.mesh import Layer, MeshBuilder
from lightemma.simulation.render.meshes.polygons import in_any, strip
from lightemma.simulation.render.meshes.scene import city_mesh, ground_heights, placed_things, shape_of
from lightemma.simulation.render.meshes.shapes import outfit_of
from lightemma.simulation.render.meshes.signs import sign_mesh
from lightemma.simulation.render.meshes.triangles import ears, triangles_of
from lightemma.simulation.render.palettes import look_of
from lightemma.simulation.state import SignalState
from tests.simulation.made_up_city import actor, made_up_city, made_up_state

pytestmark = pytest.mark.pictures

KINDS = ["car", "van", "truck", "bus", "pedestrian", "officer", "worker", "cone", "barrier"]


def area(polygon: np.ndarray) -> float:
    x, y = polygon[:, 0], polygon[:, 1]
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


def shape(kind: str, time: float = 0.0, lamps: bool = False, fine: bool = True, **more):
    return shape_of(outfit_of(actor(1, kind, 0.0, 0.0, **more), time, lamps=lamps, fine=fine))


@given(st.lists(st.floats(0.3, 1.0), min_size=4, max_size=24), st.booleans())
def test_ears_cover_a_star_shaped_polygon(radii, reverse):
    angles = np.arange(len(radii)) * 2 * np.pi / len(radii)
    polygon = np.array(radii)[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    polygon = polygon[::-1] if reverse else polygon
    triangles = polygon[ears(polygon)]
    assert len(triangles) == len(radii) - 2
    pieces = [area(triangle) for triangle in triangles]
    assert sum(pieces) == pytest.approx(area(polygon))
    # No triangle is turned over, so none is outside the polygon or over another.
    assert all(piece * np.sign(area(polygon)) > -1e-9 for piece in pieces)


def test_triangles_keep_area_and_direction_of_every_face():
    builder = MeshBuilder()
    builder.add([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)], (1, 1, 1), layer=Layer.ROAD)
    builder.add([(0, 0, 0), (0, 2, 0), (0, 2, 3), (0, 0, 3)], (1, 1, 1), solid=True)
    mesh = builder.build()
    triangles = triangles_of(mesh)
    corners = mesh.corners[triangles.rows]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.bincount(triangles.faces).tolist() == [3, 2]
    assert np.linalg.norm(normals, axis=1).sum() / 2 == pytest.approx(10.0 + 6.0)
    assert np.all(np.sum(normals * mesh.face_normals()[triangles.faces], axis=1) > 0)


def test_points_in_a_polygon_with_a_dent():
    polygon = np.array([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)], dtype=float)
    points = np.array([(1.0, 1.0), (2.0, 3.0), (3.9, 3.0), (5.0, 1.0)])
    assert in_any((polygon,), points).tolist() == [True, False, True, False]


def test_a_strip_has_its_width_and_faces_up():
    bands = strip(np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]), 0.2)
    assert [area(band) for band in bands] == pytest.approx([2.0, 2.0], abs=0.05)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fine", [True, False])
def test_actors_fill_their_box_and_stand_on_the_ground(kind, fine):
    made = actor(1, kind, 0.0, 0.0)
    mesh = shape(kind, fine=fine).mesh
    body = mesh.chosen(np.flatnonzero(mesh.layers == Layer.STANDING))
    low, high = body.corners.min(axis=0), body.corners.max(axis=0)
    assert abs(low[2]) < 0.03
    assert high[2] == pytest.approx(made.height, abs=0.08)
    if kind not in ("pedestrian", "officer", "worker"):
        assert high[0] - low[0] == pytest.approx(made.length, abs=0.12)
        # Mirrors stick out.
        assert made.width - 0.15 < high[1] - low[1] < made.width + 0.62
    assert np.isfinite(mesh.corners).all()
    # Solid faces look outwards: the body's volume by the divergence theorem is positive.
    triangles = triangles_of(body)
    corners = body.corners[triangles.rows]
    solid = body.solid[triangles.faces]
    volume = np.einsum("ti,ti->t", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))[solid].sum() / 6
    assert volume > 0


@pytest.mark.parametrize("kind", ["car", "van", "truck", "bus"])
def test_brake_lights_glow_at_the_back_only(kind):
    dark, bright = shape(kind).mesh, shape(kind, braking=True).mesh
    destination = 1 if kind == "bus" else 0
    assert (dark.glows[dark.anchors[:, 0] < 99] > 3).sum() == 0
    lit = np.flatnonzero(bright.glows > 3)
    assert len(lit) >= 2 > destination
    starts = bright.starts[lit]
    places = np.array(
        [
            bright.corners[start : start + count].mean(axis=0)
            for start, count in zip(starts, bright.counts[lit], strict=True)
        ]
    )
    low_lamps = places[places[:, 2] < 1.3]
    assert np.all(low_lamps[:, 0] < -0.4 * actor(1, kind, 0, 0).length)
    assert (low_lamps[:, 1] > 0).any()
    assert (low_lamps[:, 1] < 0).any()


def test_indicators_blink_one_and_a_half_times_a_second():
    lit = [
        outfit_of(actor(1, "car", 0, 0, indicator="left"), time, lamps=False, fine=True) for time in np.arange(120) / 60
    ]
    changes = sum(one.left != other.left for one, other in pairwise(lit))
    assert changes == 5
    assert not any(outfit.right for outfit in lit)
    side = shape("car", indicator="left").halos
    assert side
    assert all(halo.place[1] > 0 for halo in side)


def test_walkers_move_legs_and_arms():
    def feet(gait: float) -> np.ndarray:
        mesh = shape("pedestrian", speed=1.4, gait=gait).mesh
        low = mesh.corners[mesh.corners[:, 2] < 0.25]
        return np.array([low[low[:, 1] > 0.02, 0].max(), low[low[:, 1] < -0.02, 0].max()])

    left, right = feet(np.pi / 2), feet(3 * np.pi / 2)
    assert abs(left[0] - left[1]) > 0.2
    assert (left[0] > left[1]) != (right[0] > right[1])
    still = shape("pedestrian").mesh
    low = still.corners[(still.corners[:, 2] < 0.25) & (still.corners[:, 2] > 0.0)]
    assert np.ptp(low[:, 0]) < 0.3


def test_standing_officer_stretches_out_the_arms():
    width = {kind: np.ptp(shape(kind).mesh.corners[:, 1]) for kind in ("officer", "pedestrian")}
    assert width["officer"] > width["pedestrian"] + 0.4


@pytest.mark.parametrize(
    "kind",
    [
        "priority",
        "yield",
        "stop",
        "speed-30",
        "speed-50",
        "crossing",
        "roadworks",
        "keep-left",
        "roundabout",
        "roundabout-left",
    ],
)
def test_signs_face_the_traffic_they_are_for(kind):
    mesh = sign_mesh(kind)
    faces = mesh.chosen(np.flatnonzero(np.abs(mesh.face_normals()[:, 0]) > 0.9))
    board = faces.chosen(np.flatnonzero(faces.anchors[:, 2] > -1))
    high = np.array(
        [
            board.corners[start : start + count, 2].mean()
            for start, count in zip(board.starts, board.counts, strict=True)
        ]
    )
    looks = board.face_normals()[high > 1.8, 0]
    # Without the plate's grey back.
    assert (looks > 0).sum() == 1
    assert (looks < 0).sum() >= 2
    assert 1.7 < mesh.corners[:, 2].max() < 3.2


def test_keep_left_is_keep_right_in_a_mirror():
    left, right = sign_mesh("keep-left").corners, sign_mesh("keep-right").corners
    assert sorted(np.round(left[:, 1], 6)) == pytest.approx(sorted(np.round(-right[:, 1], 6)))


def test_things_on_pavements_are_raised_by_the_kerb():
    city = made_up_city()
    assert ground_heights(city, np.array([(10.0, -7.0), (10.0, -1.0)])).tolist() == [0.12, 0.0]
    state = made_up_state(actors=(actor(1, "pedestrian", 10.0, -7.0), actor(2, "car", 10.0, -1.75)))
    heights = [thing.height for thing in placed_things(city, look_of(city.conditions), state)[:2]]
    assert heights == [0.12, 0.0]


@pytest.mark.parametrize("fine", [True, False])
def test_city_mesh_has_only_finite_faces_above_ground(fine):
    mesh = city_mesh(made_up_city(), look_of(made_up_city().conditions), fine=fine)
    assert np.isfinite(mesh.corners).all()
    assert mesh.corners[:, 2].min() > -0.2
    assert len(np.unique(mesh.layers)) == 7
    again = city_mesh(made_up_city(), look_of(made_up_city().conditions), fine=fine)
    assert np.array_equal(mesh.corners, again.corners)


def test_signal_head_hangs_out_to_the_left_by_its_arm():
    state = made_up_state(actors=())
    city = made_up_city()
    signals = (SignalState(1, Pose(30.0, -6.0, 0.0), 4.0, "green"),)
    (thing,) = placed_things(city, look_of(city.conditions), type(state)(0.0, state.ego, (), signals))
    mesh = shape_of(thing.key).mesh
    lit = np.flatnonzero(mesh.glows > 3)
    spot = mesh.corners[mesh.rows(lit)].mean(axis=0)
    assert spot[1] == pytest.approx(4.0, abs=0.01)
    assert spot[0] < 0
    assert mesh.colours[lit[0], 1] > mesh.colours[lit[0], 0]
