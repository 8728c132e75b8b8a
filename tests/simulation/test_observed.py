"""What is seen: planted occluders hide, and their removal shows; nothing hidden is in the visible facts or words."""

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from lightemma.observed_facts import LANE_AHEAD, ObservedFacts
from lightemma.simulation.conditions import conditions_named
from lightemma.simulation.expert import Expert
from lightemma.simulation.explain import explain
from lightemma.simulation.observed import observe_facts
from lightemma.simulation.own_lane import FRONT
from lightemma.simulation.render import front_camera
from lightemma.simulation.scenarios import make_world
from lightemma.simulation.state import Building, Plant
from tests.simulation.made_up_city import actor, box

CAMERA = front_camera((800, 450))


@pytest.fixture(scope="module")
def world():
    """A car on a straight road, without houses and plants, 25 m before a line with red lights."""
    world = make_world("red-light", 2)
    line = next(control.stop for control in world.traffic.controls_of(0) if control.kind == "signal")
    world.city = replace(world.city, buildings=(), plants=())
    path = world.route.path
    world.ego.pose = path.pose(line - 25.0 - FRONT)
    world.traffic.place_ego(world.ego.state())
    return world


def at(world, ahead: float, left: float, kind: str = "car", number: int = 50, heading: float = 0.0, **more):
    """An actor at a place of the ego frame."""
    ego = world.ego.pose
    cos, sin = math.cos(ego.heading), math.sin(ego.heading)
    x, y = ego.x + cos * ahead - sin * left, ego.y + sin * ahead + cos * left
    return actor(number, kind, x, y, ego.heading + heading, **more)


def seen(world, *actors, camera=CAMERA, command="straight", **more) -> ObservedFacts:
    return observe_facts(world, camera, command, state=replace(world.state(), actors=actors), **more)


def numbers(facts: ObservedFacts) -> list[int]:
    return [thing.number for thing in facts.things]


@pytest.mark.parametrize("hider", ["truck", "bus", "house", "bush", "tree"])
@pytest.mark.parametrize("kind", ["pedestrian", "car", "cone", "worker"])
def test_what_is_behind_something_is_hidden(world, hider, kind):
    target = at(world, 32.0, 3.0, kind)
    place = at(world, 20.0, 1.7, number=60)
    hiders, city = (), world.city
    if hider in ("truck", "bus"):
        hiders = (at(world, 20.0, 1.7, hider, number=60),)
    elif hider == "house":
        house = Building(box(place.pose.x - 3.0, place.pose.x + 3.0, place.pose.y - 3.0, place.pose.y + 3.0), 9.0, 1)
        city = replace(city, buildings=(house,))
    else:
        height = 12.0 if hider == "bush" else 30.0
        lower = Plant("bush" if hider == "bush" else "tree", (place.pose.x, place.pose.y), height, 1)
        city = replace(city, plants=(lower,))
    free, before = seen(world, target), world.city
    assert numbers(free) == [50]
    assert free.things[0].visible_share > 0.95
    world.city = city
    try:
        behind = seen(world, target, *hiders, privileged=True)
        nearer = seen(world, at(world, 10.0, 1.0, kind), *hiders)
    finally:
        world.city = before
    # A crown is high above people and cars; they are seen under it, beside the trunk.
    assert (50 in numbers(behind)) == (hider == "tree")
    assert 50 in numbers(nearer)
    hidden = [thing.number for thing in behind.privileged.hidden]
    assert (50 in hidden) != (50 in numbers(behind))
    if hider != "tree":
        assert f'"number":{target.number}' not in msgspec.json.encode(behind.visible()).decode()


@pytest.mark.parametrize(
    ("ahead", "left", "heading"), [(-12.0, 0.0, 0.0), (8.0, 9.0, 0.0), (6.0, -8.0, 1.0), (160.0, 1.0, 0.0)]
)
def test_what_is_outside_the_picture_or_far_away_is_not_seen(world, ahead, left, heading):
    facts = seen(world, at(world, ahead, left, heading=heading), privileged=True)
    assert facts.things == ()
    assert facts.leader is None
    assert len(facts.privileged.hidden) == (ahead < 100.0)


def test_a_body_around_the_camera_hides_nothing(world):
    facts = seen(world, at(world, 1.7, 0.0, "truck", 1), at(world, 25.0, 0.0, "car", 2))
    assert numbers(facts) == [2]
    assert facts.lane is not None


def test_numbers_are_those_of_the_state(world):
    facts = seen(
        world, at(world, 20.0, 0.3, "van", 7, speed=4.0, braking=True), at(world, 14.0, 3.6, "car", 8, math.pi)
    )
    van, car = (next(one for one in facts.things if one.number == number) for number in (7, 8))
    assert van.box_3d == pytest.approx((20.0, 0.3, 1.15, 5.4, 2.0, 2.3, 0.0), abs=2e-3)
    assert van.distance == pytest.approx(20.0 - 2.7 - FRONT, abs=2e-3)
    assert (van.speed, van.brake_lights, car.brake_lights) == (4.0, True, None)
    assert numbers(facts) == [8, 7]
    left, top, right, bottom = van.box_2d
    depth = 20.0 - 2.7 - 1.7
    focal, column, row = CAMERA.intrinsic[0, 0], CAMERA.intrinsic[0, 2], CAMERA.intrinsic[1, 2]
    assert right == pytest.approx(column + focal * 0.7 / depth, abs=0.1)
    assert left == pytest.approx(column - focal * 1.3 / depth, abs=0.1)
    assert bottom == pytest.approx(row + focal * 1.5 / depth, abs=0.1)
    assert top < row
    # The van does not stand on the lane's middle: its corners are 0.7 m to the right and 1.3 m to the left.
    assert facts.leader.number == 7
    assert facts.leader.gap == pytest.approx(van.distance, abs=0.05)
    assert facts.lane.offset == pytest.approx(0.0, abs=1e-6)


def test_a_leader_is_in_the_lane_and_goes_along_it(world):
    assert seen(world, at(world, 20.0, 3.4)).leader is None
    assert seen(world, at(world, 20.0, 0.0, heading=math.pi)).leader is None
    assert seen(world, at(world, 20.0, 0.0, "pedestrian")).leader is None
    assert seen(world, at(world, 20.0, 0.0, "barrier")).leader.number == 50
    two = seen(world, at(world, 20.0, 0.0, "truck", 1), at(world, 30.0, 0.0, "car", 2))
    assert (numbers(two), two.leader.number) == ([1], 1)


def test_the_light_and_the_line_are_hidden_by_a_truck(world):
    free = seen(world)
    assert free.light.colour == "red"
    assert free.stop_line == pytest.approx(25.0, abs=0.01)
    left, top, right, bottom = free.light.box_2d
    assert 0.0 < left < right < 800.0
    assert 0.0 < top < bottom < 450.0
    hidden = seen(world, at(world, 9.5, 0.0, "truck"), at(world, 12.0, -3.5, "truck", 51), privileged=True)
    assert (hidden.light, hidden.stop_line) == (None, None)
    assert hidden.privileged.light == "red"
    assert hidden.privileged.stop_line == pytest.approx(25.0, abs=0.01)
    assert hidden.visible().privileged is None


def test_the_lane_ends_where_the_view_ends(world):
    free = seen(world)
    assert None not in free.lane.curvatures
    lorry = seen(world, at(world, FRONT + 4.0 + 9.0, 0.0, "truck"))
    assert lorry.lane.curvatures[0] is not None
    assert None in lorry.lane.curvatures
    wall = [at(world, 7.0, left, "bus", 60 + place, math.pi / 2) for place, left in enumerate((-9.0, 0.0, 9.0))]
    assert seen(world, *wall).lane is None
    assert len(free.lane.curvatures) == len(LANE_AHEAD)


def test_without_a_command_nobody_knows_the_way_through_a_junction(world):
    before, line = world.ego.pose, seen(world).stop_line
    world.ego.pose = world.route.path.pose(float(world.route.path.project(before.x, before.y)[0]) + line - 8.0)
    try:
        told, untold = seen(world).lane.curvatures, seen(world, command=None).lane.curvatures
    finally:
        world.ego.pose = before
    assert None not in told
    assert untold[:2] == told[:2]
    assert untold[3:] == (None, None, None)


def test_fog_and_small_pictures_hide_what_is_far(world):
    far = at(world, 70.0, 1.0, "pedestrian")
    assert numbers(seen(world, far)) == [50]
    assert numbers(seen(world, far, camera=front_camera((160, 90)))) == []
    assert seen(world, camera=front_camera((64, 36))).light is None
    before = world.city
    world.city = replace(before, conditions=conditions_named("fog"))
    try:
        assert numbers(seen(world, at(world, 125.0, 1.0, "truck"))) == []
        assert numbers(seen(world, at(world, 92.0, 1.0, "truck"))) == [50]
    finally:
        world.city = before


def test_facts_are_stored_and_read_back(world):
    facts = observe_facts(world, CAMERA, "straight", privileged=True)
    data = msgspec.json.encode(facts)
    assert msgspec.json.decode(data, type=ObservedFacts) == facts
    assert np.isfinite([number for thing in facts.things for number in (*thing.box_2d, *thing.box_3d)]).all()
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(data.replace(b'"stop_line"', b'"stop_lines"', 1), type=ObservedFacts)


def test_words_name_nobody_who_is_hidden():
    world, expert = make_world("pedestrian-crossing", 5), Expert()
    for _ in range(140):
        world.step(world.ego.speed, world.route.path.curvature(float(world.traffic.at[0])))
        plan = expert.plan(world)
        person = next((one for one in plan.situation.concerns if one.kind == "person"), None)
        if person is not None and person.distance < 40.0:
            break
    city = world.city
    shown = explain(world, plan, visible_only=True)
    assert "pedestrian" in shown.scene
    assert "about" in shown.scene
    walker = next(one for one in world.state().actors if one.number == person.actor)
    ego = world.ego.pose
    middle = (walker.pose.x + ego.x) / 2.0, (walker.pose.y + ego.y) / 2.0
    house = Building(box(middle[0] - 5.0, middle[0] + 5.0, middle[1] - 5.0, middle[1] + 5.0), 8.0, 1)
    world.city = replace(city, buildings=(house,), plants=())
    behind = explain(world, plan, visible_only=True)
    assert person.actor not in numbers(observe_facts(world, CAMERA))
    text = f"{behind.scene} {behind.intent} {behind.reason}"
    assert "pedestrian" not in text
    assert "cannot see" in behind.reason
    # The expert itself, who knows everything, still says it.
    assert "pedestrian" in explain(world, plan).scene


def test_words_tell_the_route_only_as_far_as_the_command():
    world, expert = make_world("right-turn", 5), Expert()
    told = set()
    for _ in range(18):
        plan = expert.plan(world)
        for command in (None, "straight", "right"):
            facts = observe_facts(world, front_camera(), command)
            said = explain(world, plan, visible_only=True, facts=facts)
            text = f"{said.scene} {said.intent} {said.reason}"
            if "turn right" in text:
                told.add(command)
            assert "route" not in text
        for _ in range(10):
            world.step(*plan.actions[0])
    assert told == {"right"}
