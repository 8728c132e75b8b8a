"""What numba's machine code draws is what NumPy and Pillow draw, to the byte or nearly so."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from lightemma.frame import Pose
from lightemma.simulation.render import camera_effects, front_camera
from lightemma.simulation.render import compiled as ways
from lightemma.simulation.render.automatic import AutomaticRenderer
from lightemma.simulation.render.base import Renderer, RenderError
from lightemma.simulation.render.compiled import compiler
from lightemma.simulation.render.meshes.polygons import in_any
from lightemma.simulation.render.meshes.scene import shape_of
from lightemma.simulation.render.meshes.shapes import outfit_of
from lightemma.simulation.render.painter import PainterRenderer
from lightemma.simulation.render.painter_faces import eye_of, faces_of
from lightemma.simulation.render.painter_polygons import cut_spots
from lightemma.simulation.render.painter_spots import Sheets
from lightemma.simulation.render.painter_view import view_of
from lightemma.simulation.render.palettes import look_of
from lightemma.simulation.scenarios import make_world
from tests.simulation.made_up_city import CONDITIONS, actor

needs_numba = pytest.mark.skipif(compiler() is None, reason="numba is not installed")

corner = st.tuples(st.integers(-30, 90), st.integers(-30, 70))


def not_there(package: str) -> str:
    raise PackageNotFoundError(package)


@contextmanager
def without_numba() -> Iterator[None]:
    """The painter as it is where numba is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ways, "version", not_there)
        compiler.cache_clear()
        assert compiler() is None
        yield
    compiler.cache_clear()


def both_ways(make: Callable[[], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    with without_numba():
        plain = make()
    return make(), plain


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    error = float(((one.astype(float) - other) ** 2).mean())
    return 10 * np.log10(255**2 / error) if error else np.inf


def filled(*polygons: list[tuple[int, int]], plain: bool = False) -> np.ndarray:
    """(40, 60) the number of the polygon that was filled last at each spot, counted from 1; 0 for none."""
    from lightemma.simulation.render.painter_rows import fill

    canvas = np.zeros((40, 60), dtype=np.int32)
    ends = np.cumsum([len(one) for one in polygons])
    points = np.array([spot for one in polygons for spot in one], dtype=np.float32)
    begins, inks = ends - [len(one) for one in polygons], np.arange(1, len(polygons) + 1, dtype=np.int32)
    if plain:
        with np.errstate(invalid="ignore"):
            fill.py_func(canvas, points, begins, ends, inks)
    else:
        fill(canvas, points, begins, ends, inks)
    return canvas


def decupled(number: int) -> int:
    return 10 * number


def no_display() -> Renderer:
    raise RenderError("there is no display.")


SPOTS = np.argwhere(np.ones((40, 60)))[:, ::-1].astype(float)


def near(outline: list[tuple[int, int]]) -> np.ndarray:
    """(40, 60) which spots are at most one spot away from an outline."""
    return shapely.dwithin(shapely.linearrings([*outline, outline[0]]), shapely.points(SPOTS), 1.0).reshape(40, 60)


@needs_numba
@settings(max_examples=200, deadline=None)
@given(outline=st.lists(corner, min_size=3, max_size=9))
def test_a_polygon_is_filled_where_its_outline_was_crossed_an_odd_number_of_times(outline):
    inside = in_any((np.array(outline, dtype=float),), SPOTS).reshape(40, 60)
    sure = ~near(outline)
    assert np.array_equal((filled(outline) > 0)[sure], inside[sure])


@needs_numba
@settings(max_examples=200, deadline=None)
@given(cloud=st.lists(corner, min_size=3, max_size=9))
def test_a_convex_polygon_is_filled_as_pillow_fills_it_but_at_its_outline(cloud):
    hull = shapely.convex_hull(shapely.multipoints(cloud))
    assume(hull.geom_type == "Polygon")
    outline = [(int(x), int(y)) for x, y in hull.exterior.coords[:-1]]
    image = Image.new("L", (60, 40))
    ImageDraw.Draw(image).polygon(outline, fill=1)
    differs = (filled(outline) > 0) != (np.asarray(image) > 0)
    assert not np.any(differs & ~near(outline))
    # Corners themselves are always filled.
    assert all(filled(outline)[y, x] for x, y in outline if 0 <= x < 60 and 0 <= y < 40)


@needs_numba
@settings(max_examples=100, deadline=None)
@given(outlines=st.lists(st.lists(corner, min_size=3, max_size=7), min_size=1, max_size=4))
def test_compiled_loops_do_what_is_written(outlines):
    assert np.array_equal(filled(*outlines), filled(*outlines, plain=True))


@needs_numba
@settings(max_examples=100, deadline=None)
@given(corners=st.lists(corner, min_size=2, max_size=2), shared=corner, last=corner)
def test_triangles_beside_each_other_leave_no_gap(corners, shared, last):
    one, other = filled([*corners, shared]) > 0, filled([corners[1], shared, last]) > 0
    together = filled([*corners, shared], [corners[1], shared, last]) > 0
    assert np.array_equal(together, one | other)
    # Every spot in the middle of a crossing of the common edge belongs to both.
    (x, y), (a, b) = corners[1], shared
    for row in range(max(min(y, b), 0), min(max(y, b), 39) + 1):
        if y != b:
            column = round(x + (a - x) * (row - y) / (b - y))
            exact = (x + (a - x) * (row - y)) % (b - y) == 0
            if exact and 0 <= column < 60:
                assert one[row, column]
                assert other[row, column]


@needs_numba
def test_the_last_polygon_stays_and_what_is_outside_or_empty_changes_nothing():
    square = [(2, 3), (8, 3), (8, 6), (2, 6)]
    canvas = filled(square, [(-9, -9), (-2, -9), (-2, -2)], [(70, 5), (90, 5), (80, 30)], [(5, 5), (5, 5), (5, 5)], [])
    assert np.argwhere(canvas == 1).min(axis=0).tolist() == [3, 2]
    assert np.argwhere(canvas == 1).max(axis=0).tolist() == [6, 8]
    assert np.count_nonzero(canvas == 1) == 4 * 7 - 1
    assert canvas[5, 5] == 4
    assert set(np.unique(canvas)) == {0, 1, 4}


@needs_numba
@pytest.mark.parametrize("spot", [(np.nan, np.nan), (5, np.nan), (np.inf, 5), (5, -np.inf), (1e30, 2e30), (9e9, 1)])
def test_a_corner_that_is_nowhere_or_beyond_all_reason_paints_nothing(spot):
    from lightemma.simulation.render.painter_rows import shade

    for outline in (
        [spot] * 3,
        [spot, (1, 1), (9, 9)],
        [(1, 1), spot, (9, 9)],
        [(20, 20), (0, 39), (59, 0), (3, 3), spot],
    ):
        assert not filled(outline).any()
        levels = np.full((40, 60, 4), 200, dtype=np.uint8)
        points, ends = np.array(outline, dtype=np.float32), np.array([len(outline)])
        shade(levels, points, ends - len(outline), ends, np.zeros(256, dtype=np.uint8))
        assert np.all(levels == 200)


@needs_numba
@pytest.mark.parametrize("size", [(32, 18), (50, 61), (800, 450)])
def test_the_mean_of_spots_is_the_same(size):
    sheets = Sheets.of(size)
    sheets.spots.levels[:] = np.random.default_rng(2).integers(0, 256, sheets.spots.levels.shape, dtype=np.uint8)

    def averaged() -> np.ndarray:
        sheets.pixels.levels[:] = 77
        sheets.average()
        return sheets.pixels.levels.copy()

    ours, plain = both_ways(averaged)
    assert np.array_equal(ours, plain)


@needs_numba
@pytest.mark.pictures
@pytest.mark.parametrize("size", [(32, 18), (333, 187), (800, 450), (1600, 900)])
@pytest.mark.parametrize("conditions", ["day", "rain", "dusk"])
def test_the_effects_of_a_camera_are_the_same(size, conditions):
    clean = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    look = look_of(CONDITIONS[conditions])
    for seed in range(6):  # noise in all directions
        ours, plain = both_ways(lambda seed=seed: camera_effects.as_taken(clean, look, seed))
        assert np.array_equal(ours, plain)


@needs_numba
@pytest.mark.parametrize("turn", [np.asfortranarray, np.fliplr, lambda clean: clean[:, :, ::-1]])
def test_the_effects_of_a_camera_do_not_depend_on_how_a_picture_lies_in_memory(turn):
    clean = turn(np.random.default_rng(3).integers(0, 256, (36, 64, 3), dtype=np.uint8))
    ours, plain = both_ways(lambda: camera_effects.as_taken(clean, look_of(CONDITIONS["rain"]), 2))
    assert np.array_equal(ours, plain)


@needs_numba
@settings(max_examples=100, deadline=None)
@given(
    faces=st.lists(
        st.lists(st.tuples(st.floats(-40, 40), st.floats(-4, 4), st.floats(-20, 60)), min_size=3, max_size=7),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_before_the_camera_is_the_same(faces):
    ends = np.cumsum([len(face) for face in faces])
    begins, seen = (
        ends - [len(face) for face in faces],
        np.array([corner for face in faces for corner in face]).T.copy(),
    )
    camera = front_camera((320, 180))
    spots, many = cut_spots(seen, begins, ends, camera, 2)
    with without_numba():
        plain, counts = cut_spots(seen, begins, ends, camera, 2)
    assert many.tolist() == counts.tolist()
    assert np.array_equal(spots, plain)


@needs_numba
@pytest.mark.parametrize("kind", ["car", "pedestrian", "bus"])
def test_the_corners_of_a_thing_are_at_the_same_spots(kind):
    eye = eye_of(front_camera((320, 180)), Pose(-9.0, 0.4, 0.1))
    faces = faces_of(shape_of(outfit_of(actor(1, kind, 0.0, 0.0), 0.0, lamps=False, fine=True)).mesh)
    ours = view_of(faces, eye, 2)
    with without_numba():
        plain = view_of(faces, eye, 2)
    assert ours is not None
    assert plain is not None
    assert np.array_equal(ours.spots, plain.spots)
    assert np.array_equal(ours.seen, plain.seen)
    assert ours.order.tolist() == plain.order.tolist()


@needs_numba
@pytest.mark.pictures
@pytest.mark.parametrize("conditions", sorted(CONDITIONS))
def test_pictures_are_nearly_equal_and_labels_too(conditions):
    world = make_world("left-turn", 11, CONDITIONS[conditions])
    camera = front_camera((800, 450))

    def drawn() -> list[np.ndarray]:
        renderer = PainterRenderer()
        renderer.load(world.city)
        layers = renderer.layers(world.state(), camera, (800, 450))
        picture = renderer.draw(world.state(), camera, (800, 450), 5)
        assert ("numba" in renderer.details) == (compiler() is not None)
        renderer.close()
        return [picture, layers.ids, layers.depth]

    with without_numba():
        plain = drawn()
    ours = drawn()
    assert decibels(ours[0], plain[0]) > 48
    assert np.mean(ours[1] != plain[1]) < 2e-3
    assert np.mean(ours[2] != plain[2]) < 5e-3


@needs_numba
def test_where_no_folder_can_keep_machine_code_it_is_made_anew(monkeypatch):
    import numba

    make = numba.njit

    def no_folder(*, cache: bool = False, **options: object) -> Callable:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return make(**options)

    monkeypatch.setattr(numba, "njit", no_folder)
    doubled = ways.compiled(lambda number: number * 2)
    assert doubled(21) == 42
    assert doubled is not doubled.py_func


@needs_numba
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_kept_machine_code_that_is_damaged_is_made_anew(ending, tmp_path, monkeypatch):
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    assert ways.compiled(decupled)(4) == 40
    (kept,) = tmp_path.rglob(f"*.{ending}")
    kept.write_bytes(kept.read_bytes()[:10])
    assert ways.compiled(decupled)(4) == 40
    again = ways.compiled(decupled)
    assert again(4) == 40
    assert sum(again.stats.cache_hits.values()) == 1


@needs_numba
def test_machine_code_works_also_where_it_cannot_be_kept_in_the_end(tmp_path, monkeypatch):
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    ten_times = ways.compiled(decupled)
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").touch()
    assert ten_times(4) == 40


@needs_numba
def test_numba_that_cannot_be_imported_is_done_without_and_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    for each in (compiler, ways._fault):
        each.cache_clear()
    try:
        painter = PainterRenderer()
        assert set(painter.details) == {"pillow"}
        assert ways.compiled(decupled) is decupled
        fallen_back = AutomaticRenderer(no_display).note
    finally:
        monkeypatch.undo()
        for each in (compiler, ways._fault):
            each.cache_clear()
    assert painter.note is not None
    assert painter.note.startswith("The painter draws more slowly than it could, because numba ")
    assert fallen_back == f"The simple painter draws the pictures, because there is no display. {painter.note}"
    assert PainterRenderer().note is None


def test_without_numba_a_function_stays_itself():
    with without_numba():
        assert ways.compiled(decibels) is decibels


@pytest.mark.parametrize("said", ["1", "yes"])
def test_who_tells_numba_not_to_compile_has_no_loops_in_plain_python(said, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", said)
    compiler.cache_clear()
    found = compiler()
    monkeypatch.undo()
    compiler.cache_clear()
    assert found is None


def test_numba_is_imported_by_nobody_who_paints_nothing():
    code = "import sys, lightemma.simulation.render.painter, lightemma.cli; print('numba' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
