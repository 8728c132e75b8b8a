"""Paths, the lane graph, lights, and houses and trees around the streets."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.boxes import first_contact
from lightemma.frame import Pose
from lightemma.simulation import ground
from lightemma.simulation.geometry import Area, Path, box_corners, box_meets, boxes_overlap, contact_within
from lightemma.simulation.scenarios import SCENARIOS, make_world
from lightemma.simulation.signals import Controller
from lightemma.simulation.street_builder import build_streets
from lightemma.simulation.streets import JunctionPlan, StreetPlan, Stretch
from tests.simulation.ordinary_traffic import busy_streets

PIECES = ((20.0, 0.0), (15.0, 0.1), (5.0, 0.0), (14.0, -0.11), (30.0, 0.0))
PATH = Path.from_pieces(Pose(3.0, -2.0, 0.3), PIECES)


@given(st.floats(0.0, PATH.length), st.floats(-3.0, 3.0))
def test_projection_undoes_an_offset(along: float, offset: float):
    pose = PATH.offset_pose(along, offset)
    found, aside = PATH.project(pose.x, pose.y)
    back = PATH.offset_pose(found, aside)
    assert math.hypot(back.x - pose.x, back.y - pose.y) < 1e-9
    assert abs(aside) <= abs(offset) + 1e-9


@given(st.floats(-4.0, 4.0))
def test_parallel_reversed_and_mirrored_paths_end_where_they_should(offset: float):
    end, parallel = PATH.offset_pose(PATH.length, offset), PATH.shifted(offset)
    reached = parallel.pose(parallel.length)
    assert (reached.x, reached.y, reached.heading) == pytest.approx((end.x, end.y, end.heading), abs=1e-9)
    start = PATH.reversed().pose(PATH.length)
    assert (start.x, start.y) == pytest.approx((3.0, -2.0), abs=1e-9)
    mirrored, plain = PATH.mirrored().pose(40.0), PATH.pose(40.0)
    assert (mirrored.x, mirrored.y, mirrored.heading) == pytest.approx((plain.x, -plain.y, -plain.heading), abs=1e-9)


boxes = st.tuples(
    st.floats(-6, 6), st.floats(-6, 6), st.floats(-math.pi, math.pi), st.floats(0.5, 8.0), st.floats(0.5, 3.0)
)


def resized(box: np.ndarray, by: float) -> np.ndarray:
    return box + np.array([0.0, 0.0, 0.0, by, by])


@given(boxes, boxes)
def test_boxes_overlap_when_a_point_is_in_both(one, other):
    a, b = np.array(one), np.array(other)
    # Whether boxes that just touch overlap depends on rounding.
    assert box_meets(one, other) or not boxes_overlap(a, resized(b, -1e-9)[None])[0]
    assert boxes_overlap(b, resized(a, 1e-9)[None])[0] or not box_meets(one, other)
    grid = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 9), np.linspace(-0.5, 0.5, 9)), axis=-1).reshape(-1, 2)
    cos, sin = math.cos(a[2]), math.sin(a[2])
    points = a[:2] + (grid * a[3:]) @ np.array([[cos, sin], [-sin, cos]])
    if Area([box_corners(*b)]).contains(points).any():
        assert boxes_overlap(a, b[None])[0]


@given(boxes, boxes, st.tuples(st.floats(-9, 9), st.floats(-9, 9)))
def test_contact_of_two_boxes_is_that_of_arrays_unless_it_is_late(one, other, velocity):
    a, b, v = np.array(one), np.array(other), np.array(velocity)

    def of_many(box: np.ndarray) -> float:
        return float(first_contact(a[:2], a[2], a[3:], box[:2], box[2], box[3:], v))

    earliest, latest = of_many(resized(b, 1e-6)), of_many(resized(b, -1e-6))
    cos, sin = float(np.cos(b[2])), float(np.sin(b[2]))
    time = contact_within(math.inf, one, other, velocity, cos, sin)
    assert earliest - 1e-6 <= time <= latest + 1e-6
    assert contact_within(1.0, one, other, velocity, cos, sin) == (time if time < 1.0 else math.inf)


@given(st.floats(0.0, PATH.length), st.floats(-3.0, 3.0), st.floats(-4.0, 4.0))
def test_projection_near_the_last_place_is_that_onto_the_whole_path(along: float, offset: float, moved: float):
    pose = PATH.offset_pose(along, offset)
    assert PATH.project(pose.x, pose.y, near=along + moved) == PATH.project(pose.x, pose.y)


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=2, max_size=6))
def test_answers_of_an_area_do_not_depend_on_earlier_queries(places):
    squares = [box_corners(x, 0.5 * x, 0.3, 2.0, 2.0) for x in (-2.0, -0.8, 0.4, 1.6)]
    used = Area(squares)
    for place in places:
        points = np.array([place, (place[0] + 0.2, place[1])])
        assert used.contains(points).tolist() == Area(squares).contains(points).tolist()


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("lanes", [1, 2])
def test_lanes_join_without_a_gap_and_ways_have_their_turn(lanes: int, mirror: bool):
    streets = busy_streets(lanes)
    network = (streets.mirrored() if mirror else streets).network
    for lane in network.lanes:
        end = lane.path.pose(lane.path.length)
        for number in lane.successors:
            start = network.lanes[number].path.pose(0.0)
            assert math.hypot(end.x - start.x, end.y - start.y) < 1e-6
            assert math.cos(end.heading - start.heading) == pytest.approx(1.0)
        if lane.junction is not None:
            turned = lane.path.pose(lane.path.length).heading - lane.path.pose(0.0).heading
            wanted = {"straight": 0.0, "left": math.pi / 2, "right": -math.pi / 2}[lane.turn]
            assert turned == pytest.approx(wanted)
            sharpest = max(abs(segment.curvature) for segment in lane.path.segments)
            assert sharpest < 1.0 / 7.5, "a car's turning circle is 10 m"


def test_traffic_keeps_to_its_side():
    for streets, side in ((busy_streets(), -1), (busy_streets().mirrored(), 1)):
        for road in streets.roads:
            for number, direction in ((road.forward[0], 1), (road.backward[0], -1)):
                pose = streets.network.lanes[number].path.pose(5.0)
                _, offset = road.middle.project(pose.x, pose.y)
                assert offset * direction * side > 1.0


def test_of_two_ways_that_conflict_one_at_the_most_yields():
    conflicts = busy_streets(2).network.conflicts
    pairs = {(c.own, c.other): c.yields for found in conflicts.values() for c in found}
    assert pairs
    assert any(pairs.values())
    for (own, other), yields in pairs.items():
        assert (other, own) in pairs
        assert not (yields and pairs[other, own])


def test_routes_must_follow_the_lanes():
    network = busy_streets().network
    with pytest.raises(ValueError, match="does not follow"):
        network.route((0, 0))
    with pytest.raises(ValueError, match="stretch"):
        build_streets(StreetPlan(Pose(0, 0, 0), (JunctionPlan(), Stretch(((50.0, 0.0),)))))


@given(st.floats(5, 60), st.floats(5, 60), st.floats(0, 200), st.floats(-20, 400))
def test_lights_are_never_open_for_both_streets(main: float, side: float, offset: float, time: float):
    lights = Controller(main, side, offset)
    colours = [lights.colour("main", time), lights.colour("side", time)]
    assert "red" in colours
    colour, left = lights.look("main", time)
    # Within rounding of a change, the light may be either.
    assert left < 1e-9 or lights.colour("main", time + left * 0.999) == colour
    assert 0.0 <= left <= lights.cycle


@pytest.mark.parametrize("left_hand", [False, True])
@pytest.mark.parametrize("name", [name for name, one in SCENARIOS.items() if not one.family])
def test_nothing_stands_on_the_road(name: str, left_hand: bool):
    world = make_world(name, 3, left_hand=left_hand)
    city = world.city
    road = Area(city.drivable)
    paved = Area(city.walkways)
    assert city.left_hand == left_hand
    for house in city.buildings:
        assert not road.contains(house.footprint).any()
        assert not paved.contains(house.footprint).any()
    spots = [plant.place for plant in city.plants] + [(pose.x, pose.y) for pose in city.lamp_posts]
    assert not road.contains(np.array(spots)).any()
    posts = [(s.pose.x, s.pose.y) for s in city.signs if not s.kind.startswith("keep")]
    posts += [(s.pose.x, s.pose.y) for s in world.state().signals]
    assert not road.contains(np.array(posts)).any()
    for polygon in (*city.drivable, *city.lanes, *city.walkways):
        after = np.roll(polygon, -1, axis=0)
        assert np.sum(polygon[:, 0] * after[:, 1] - after[:, 0] * polygon[:, 1]) > 0.0, "not counter-clockwise"


@pytest.mark.parametrize("mirror", [False, True])
def test_every_lane_is_on_the_road(mirror: bool):
    streets = busy_streets(2)
    streets = streets.mirrored() if mirror else streets
    area = Area(ground.drivable(streets))
    for lane in streets.network.lanes:
        for along in np.arange(0.5, lane.path.length - 0.5, 1.3):
            spots = [lane.path.offset_pose(float(along), offset) for offset in (-1.0, 0.0, 1.0)]
            assert area.contains(np.array([(pose.x, pose.y) for pose in spots])).all()
