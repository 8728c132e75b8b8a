"""Paths in the camera's picture: parity with nuscenes-devkit, and clipping."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.camera import (
    NEAR,
    NUSCENES_SIZE,
    clip_polyline,
    polyline_in_picture,
    project,
    rotation_matrix,
    sized,
    to_camera,
)
from lightemma.frame import Camera
from lightemma.kinematics import integrate
from lightemma.report.camera_view import boxes_in_picture, paths_in_picture, points_in_picture
from tests.conftest import steady
from tests.devkit import needs_devkit
from tests.shared_data import SHARED, TEST_POSES, needs_shared

REAL = SHARED / "real-scenes"
LEVEL = np.array([0.5, -0.5, 0.5, -0.5])  # camera looks along x
PLAIN = Camera(
    np.array([[1000.0, 0, 799.5], [0, 1000.0, 449.5], [0, 0, 1.0]]), LEVEL, np.array([1.7, 0, 1.5]), (1600, 900)
)
SQUARE = (np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]]), np.full(4, -1.0))  # |x| <= 1, |y| <= 1

coordinates = st.floats(-60, 60, allow_nan=False)
places = st.lists(st.tuples(coordinates, coordinates), min_size=6, max_size=6).map(np.array)
cameras = st.builds(
    lambda turn, shift, focus, size: Camera(
        np.array([[focus, 0, size[0] / 2], [0, focus, size[1] / 2], [0, 0, 1.0]]),
        LEVEL + 0.1 * np.array(turn),
        np.array([1.5, shift, 1.6]),
        size,
    ),
    st.tuples(*[st.floats(-1, 1)] * 4),
    st.floats(-1, 1),
    st.floats(200, 2000),
    st.tuples(st.integers(64, 2000), st.integers(64, 1200)),
)


def calibrations():
    found = []
    for root, version in ((REAL, "v1.0-real"), (TEST_POSES, "v1.0-test")):
        path = root / version / "calibrated_sensor.json"
        if path.exists():
            found += [pytest.param(row, id=f"{version}-{row['token'][:6]}") for row in json.loads(path.read_text())]
    return found or [pytest.param(None, id="absent")]


@needs_devkit
@needs_shared(REAL, TEST_POSES)
@pytest.mark.parametrize("row", calibrations())
def test_projection_agrees_with_the_devkit(row):
    from nuscenes.utils import geometry_utils as geometry
    from nuscenes.utils.data_classes import PointCloud
    from pyquaternion import Quaternion

    class Cloud(PointCloud):
        @classmethod
        def nbr_dims(cls):
            return 3

        @classmethod
        def from_file(cls, file_name):
            raise NotImplementedError

    camera = Camera(np.array(row["camera_intrinsic"]), np.array(row["rotation"]), np.array(row["translation"]))
    rng = np.random.default_rng(5)
    points = rng.uniform([3, -20, -1], [60, 20, 3], (200, 3))
    # The devkit's own way from the ego frame to pixels, as in NuScenes.map_pointcloud_to_image.
    cloud = Cloud(points.T.copy())
    cloud.translate(-np.array(row["translation"]))
    cloud.rotate(Quaternion(row["rotation"]).rotation_matrix.T)
    theirs = geometry.view_points(cloud.points, np.array(row["camera_intrinsic"]), normalize=True)[:2].T
    mine = project(points, camera)
    assert np.abs(mine.pixels - theirs).max() < 0.5
    np.testing.assert_allclose(mine.depth, cloud.points[2], atol=1e-9)


class TestClipPolyline:
    def test_crosses_a_square_twice(self):
        line = np.array([[-2.0, 0], [0, 0], [2, 0], [2, 2], [-2, 0.5]])
        first, second = clip_polyline(line, *SQUARE)
        np.testing.assert_allclose(first, [[-1, 0], [0, 0], [1, 0]])
        np.testing.assert_allclose(second, [[-2 / 3, 1.0], [-1, 0.875]])

    def test_passes_a_corner_outside(self):
        assert clip_polyline(np.array([[0.0, 2.5], [2.5, 0.0]]), *SQUARE) == []

    def test_leaves_out_what_is_not_finite(self):
        line = np.array([[0.0, 0], [0.5, 0], [np.nan, 0], [0, 0.5], [0, 0.75]])
        assert [piece.tolist() for piece in clip_polyline(line, *SQUARE)] == [[[0, 0], [0.5, 0]], [[0, 0.5], [0, 0.75]]]

    def test_one_point_is_no_line(self):
        assert clip_polyline(np.zeros((1, 2)), *SQUARE) == []


class TestPathsInPicture:
    def test_a_straight_drive_rises_from_the_bottom_to_the_horizon(self):
        (path,) = paths_in_picture(PLAIN, {"a": integrate(steady(10.0))}, (1600, 900))["a"]
        assert path[0, 1] == pytest.approx(899.5)  # enters at the lower edge
        # 30 m ahead is 28.3 m before the camera, 1.5 m below it.
        np.testing.assert_allclose(path[-1], [799.5, 449.5 + 1000 * 1.5 / 28.3])
        assert np.all(np.diff(path[:, 1]) < 0)

    def test_left_is_left(self):
        paths = paths_in_picture(
            PLAIN, {"left": integrate(steady(8.0, 0.03)), "right": integrate(steady(8.0, -0.03))}, (1600, 900)
        )
        assert paths["left"][0][-1, 0] < 750
        assert paths["right"][0][-1, 0] > 850

    def test_a_path_behind_the_car_is_not_seen(self):
        back = integrate(steady(8.0)) * -1
        assert paths_in_picture(PLAIN, {"back": back}, (1600, 900)) == {"back": []}
        assert np.isnan(points_in_picture(PLAIN, back, (1600, 900))).all()

    def test_no_plan_is_no_line(self):
        assert paths_in_picture(PLAIN, {"none": np.full((6, 2), np.nan)}, (1600, 900)) == {"none": []}

    @pytest.mark.parametrize("far", [1e12, 1e200, 1e308])
    def test_places_beyond_the_world_stay_in_the_picture(self, far):
        path = integrate(steady(8.0))
        path[3:] = [far, far / 3]
        (piece,) = paths_in_picture(PLAIN, {"far": path}, (1600, 900))["far"]
        assert len(piece) >= 3  # what is near is drawn, also if the rest is not
        assert piece.min() >= -0.5
        assert np.all(piece <= [1599.5, 899.5])

    @given(places, cameras)
    @settings(max_examples=150, deadline=None)
    def test_every_pixel_is_inside(self, path, camera):
        for piece in paths_in_picture(camera, {"p": path}, camera.size)["p"]:
            assert piece.shape[0] >= 2
            assert piece.min() >= -0.5
            assert np.all(piece <= np.array(camera.size) - 0.5)

    @given(places, cameras)
    @settings(max_examples=100, deadline=None)
    def test_equals_dense_sampling(self, path, camera):
        """Points taken densely along the path are seen where the clipped lines run, and nowhere else."""
        shares = np.linspace(0, 1, 200)[:, None]
        corners = np.vstack([[0, 0], path])
        dense = np.concatenate([a + shares * (b - a) for a, b in pairwise(corners)])
        seen = project(np.column_stack([dense, np.zeros(len(dense))]), camera)
        margin = 1e-6
        upper = np.array(camera.size) - 0.5
        inside = (seen.depth > NEAR + margin) & ((seen.pixels > -0.5 + margin) & (seen.pixels < upper - margin)).all(
            axis=1
        )
        pieces = paths_in_picture(camera, {"p": path}, camera.size)["p"]
        if not pieces:
            assert not inside.any()
            return
        starts = np.concatenate([piece[:-1] for piece in pieces])
        ends = np.concatenate([piece[1:] for piece in pieces])
        for pixel in seen.pixels[inside]:
            along = ends - starts
            length = np.maximum((along**2).sum(axis=1), 1e-12)
            share = np.clip(((pixel - starts) * along).sum(axis=1) / length, 0, 1)
            assert np.hypot(*(starts + share[:, None] * along - pixel).T).min() < 1e-3

    @given(places, cameras)
    @settings(max_examples=100, deadline=None)
    def test_every_corner_of_a_line_is_on_the_path(self, path, camera):
        corners = np.vstack([[0, 0], path])
        starts, along = corners[:-1], np.diff(corners, axis=0)
        inverse = np.linalg.inv(camera.intrinsic)
        for piece in paths_in_picture(camera, {"p": path}, camera.size)["p"]:
            for column, row in piece:
                ray = rotation_matrix(camera.rotation) @ inverse @ [column, row, 1.0]
                ground = camera.translation - ray * camera.translation[2] / ray[2]
                length = np.maximum((along**2).sum(axis=1), 1e-12)
                share = np.clip(((ground[:2] - starts) * along).sum(axis=1) / length, 0, 1)
                apart = np.hypot(*(starts + share[:, None] * along - ground[:2]).T).min()
                assert apart < 1e-6 * (1 + np.hypot(*ground[:2]) ** 2)

    def test_points_are_the_corners_of_the_line(self):
        path = integrate(steady(9.0, 0.02))
        points = points_in_picture(PLAIN, path, (1600, 900))
        (line,) = paths_in_picture(PLAIN, {"a": path}, (1600, 900))["a"]
        visible = points[~np.isnan(points[:, 0])]
        assert len(visible) >= 4
        np.testing.assert_allclose(line[-len(visible) :], visible, atol=1e-9)

    def test_boxes_are_closed(self):
        box = np.array([[[20.0, -1], [20, 1], [24, 1], [24, -1]]])
        (piece,) = boxes_in_picture(PLAIN, box, (1600, 900))
        np.testing.assert_allclose(piece[0], piece[-1])
        assert len(piece) == 5


class TestSized:
    def test_a_scaled_picture_shows_the_same_places(self):
        path = integrate(steady(8.0, 0.02))
        whole = points_in_picture(PLAIN, path, (1600, 900))
        half = points_in_picture(PLAIN, path, (800, 450))
        np.testing.assert_allclose(half + 0.5, (whole + 0.5) / 2)

    def test_own_size_changes_nothing(self):
        assert sized(PLAIN, (1600, 900)).intrinsic.tolist() == PLAIN.intrinsic.tolist()

    def test_a_camera_without_a_size_is_nuscenes_or_fits_the_picture(self):
        unknown = replace(PLAIN, size=None)
        np.testing.assert_allclose(sized(unknown, (800, 450)).intrinsic, sized(PLAIN, (800, 450)).intrinsic)
        kitti = Camera(np.array([[721.5, 0, 609.6], [0, 721.5, 172.9], [0, 0, 1]]), LEVEL, np.array([1.1, 0, 1.65]))
        assert sized(kitti, (1242, 375)).intrinsic.tolist() == kitti.intrinsic.tolist()
        assert NUSCENES_SIZE == (1600, 900)

    def test_a_picture_of_unknown_size_cannot_be_drawn_on(self):
        with pytest.raises(ValueError, match="size"):
            polyline_in_picture(np.zeros((2, 3)), replace(PLAIN, size=None))


@given(st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1))
def test_rotations_keep_lengths_and_handedness(quaternion):
    turn = rotation_matrix(np.array(quaternion))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1.0)


def test_camera_axes():
    np.testing.assert_allclose(to_camera(np.array([[11.7, 2.0, 0.5]]), PLAIN), [[-2.0, 1.0, 10.0]], atol=1e-12)
