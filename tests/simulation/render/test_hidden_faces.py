"""What the painter leaves out because it is wholly hidden changes no picture."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from lightemma.frame import Pose
from lightemma.simulation.render import front_camera
from lightemma.simulation.render.meshes.mesh import MeshBuilder, Surface
from lightemma.simulation.render.meshes.scene import shape_of
from lightemma.simulation.render.meshes.shapes import outfit_of
from lightemma.simulation.render.painter import PainterRenderer
from lightemma.simulation.render.painter_faces import eye_of, faces_of
from lightemma.simulation.render.painter_hidden import covered_by, wall_outlines
from lightemma.simulation.render.painter_layers import paint_view
from lightemma.simulation.render.painter_view import view_of
from lightemma.simulation.scenarios import make_world
from tests.simulation.made_up_city import actor

SIZE = (320, 180)
EYE = eye_of(front_camera(SIZE), Pose(0.0, 0.0, 0.0))


def wall(x: float, left: float, right: float, bays: int) -> MeshBuilder:
    """A wall of 8 m height across the view, of several bays."""
    builder = MeshBuilder()
    edges = np.linspace(left, right, bays + 1)
    for one, other in pairwise(edges):
        builder.add([(x, one, 0), (x, other, 0), (x, other, 8), (x, one, 8)], (0.5, 0.5, 0.5), solid=True)
    return builder


def square(x: float, y: float) -> MeshBuilder:
    """Half a metre square, seen from ahead."""
    builder = MeshBuilder()
    builder.add([(x, y, 1), (x, y - 0.5, 1), (x, y - 0.5, 1.5), (x, y, 1.5)], (1, 0, 0), solid=True)
    return builder


def painted(*meshes: MeshBuilder) -> list[int]:
    """The faces that are painted, in the order in which they were added."""
    whole = MeshBuilder()
    for mesh in meshes:
        whole.add_mesh(mesh.build())
    faces = faces_of(whole.build())
    view = view_of(faces, EYE, 2, covered_by([wall_outlines(faces, EYE)], EYE))
    assert view is not None
    return sorted(view.order.tolist())


@pytest.mark.parametrize("bays", [1, 2, 7])
def test_what_is_behind_a_wall_is_not_painted(bays):
    shield = wall(20.0, 6.0, -6.0, bays)
    assert painted(shield, square(40.0, 0.0)) == list(range(bays))
    assert painted(shield, square(15.0, 0.0)) == list(range(bays + 1))
    # Half of it is seen beside the wall.
    assert painted(shield, square(40.0, 12.2)) == list(range(bays + 1))


def test_two_walls_with_a_gap_do_not_hide_what_is_seen_through_it():
    one, other = wall(20.0, 6.0, 0.3, 2), wall(20.0, -0.3, -6.0, 2)
    assert painted(one, other, square(40.0, 0.25)) == [0, 1, 2, 3, 4]


def test_a_wall_seen_from_behind_or_through_the_camera_hides_what_it_must():
    beside = MeshBuilder()
    beside.add([(-5, -3, 0), (30, -3, 0), (30, -3, 8), (-5, -3, 8)], (0.5, 0.5, 0.5), solid=True)
    # It reaches behind the camera, so it is painted, and hides nothing by itself.
    assert painted(beside, square(40.0, -12.0)) == [0, 1]


@pytest.mark.parametrize(("scenario", "left_hand"), [("stopped-queue", False), ("roundabout-right", True)])
def test_pictures_are_the_same_with_everything_painted(scenario, left_hand):
    world = make_world(scenario, 11, left_hand=left_hand)
    with PainterRenderer() as painter:
        painter.load(world.city)
        state = world.state()
        eye = eye_of(front_camera(SIZE), state.ego.pose)
        scene = painter._scene(state, eye)
        with_all, without = (paint_view(scene.faces, scene.owners, eye, one) for one in (None, scene.covered))
        nothing = replace(scene.covered, table=np.full_like(scene.covered.table, np.inf))
        counts = [len(view_of(scene.faces, eye, 2, one).order) for one in (nothing, scene.covered)]
    assert np.array_equal(with_all.ids, without.ids)
    assert np.array_equal(with_all.depth, without.depth)
    assert counts[1] < 0.9 * counts[0]


@pytest.mark.parametrize("kind", ["car", "van", "truck", "bus"])
@pytest.mark.parametrize("fine", [True, False])
def test_nobody_looks_through_the_boxes_inside_a_vehicle(kind, fine):
    made = actor(1, kind, 0.0, 0.0)
    shape = shape_of(outfit_of(made, 0.0, lamps=False, fine=fine))
    assert shape.cores
    faces = faces_of(shape.mesh)
    boxes = MeshBuilder()
    for low, high in shape.cores:
        (a, b, c), (d, e, f) = low, high
        for x, side in ((a, 1), (d, -1)):
            boxes.add([(x, e, c), (x, b, c), (x, b, f), (x, e, f)][::side], (1, 1, 1), solid=True)
        for y, side in ((b, 1), (e, -1)):
            boxes.add([(a, y, c), (d, y, c), (d, y, f), (a, y, f)][::side], (1, 1, 1), solid=True)
    core = faces_of(boxes.build())
    for turn in np.arange(8) * (np.pi / 4) + 0.2:
        ego = Pose(-9.0 * np.cos(turn), -9.0 * np.sin(turn), turn)
        eye = eye_of(front_camera(SIZE), ego)

        def covers(of, eye=eye):
            chosen = np.flatnonzero(of.facing(eye.place))
            return paint_view(of.chosen(chosen), np.full(len(chosen), 7), eye).ids == 7

        assert covers(core).sum() > 100
        assert not (covers(core) & ~covers(faces)).any()


def test_faces_keep_their_order_and_values_however_they_were_added():
    builder = MeshBuilder()
    builder.add([(0, 0, 0), (1, 0, 0), (1, 1, 0)], (0.1, 0.2, 0.3), glow=2.0)
    builder.add_many(np.ones((2, 4, 2)), [(2, 0, 0), (0, 1, 0)], surface=np.array([Surface.GLASS, Surface.LEAF]))
    builder.add_mesh(builder.build())
    builder.add_upright((5, 6, 7), np.ones((2, 5, 2)), [(1, 1, 1)])
    mesh = builder.build()
    assert mesh.counts.tolist() == [3, 4, 4, 3, 4, 4, 5, 5]
    assert mesh.glows.tolist() == [2, 0, 0, 2, 0, 0, 0, 0]
    assert mesh.colours[[1, 2, 7]].tolist() == [[1, 0, 0], [0, 1, 0], [1, 1, 1]]
    assert mesh.surfaces.tolist() == [0, 2, 4, 0, 2, 4, 4, 4]
    assert mesh.anchors[0].tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert mesh.anchors[7].tolist() == [5, 6, 7]
    assert mesh.upright[-1].tolist() == [1, 1]
    assert np.isnan(mesh.normals).all()
