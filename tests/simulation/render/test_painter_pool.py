"""Cities that the painter keeps: pictures have the same bytes whoever has seen the city before, and no other city is drawn."""

from dataclasses import replace

import pytest

from lightemma.frame import Pose
from lightemma.simulation.render.painter import PainterRenderer
from lightemma.simulation.render.painter_pool import CityPool
from lightemma.simulation.render.palettes import look_of
from lightemma.simulation.render.pinhole import front_camera
from lightemma.simulation.state import Conditions, WorldState
from tests.simulation.made_up_city import CONDITIONS, made_up_city, made_up_state

SIZE = (160, 90)


def _moved(state: WorldState, x: float, turned: float = 0.0) -> WorldState:
    pose = state.ego.pose
    return replace(state, ego=replace(state.ego, pose=Pose(pose.x + x, pose.y, pose.heading + turned)))


def _drawn(pool: CityPool, city, states) -> list[bytes]:
    renderer = PainterRenderer(pool)
    renderer.load(city)
    return [renderer.draw(state, front_camera(SIZE), SIZE, 3).tobytes() for state in states]


@pytest.mark.parametrize("weather", ["day", "dusk-rain"])
def test_pictures_are_the_same_whoever_has_seen_the_city_before(weather):
    state, city = made_up_state(), made_up_city(CONDITIONS[weather])
    ways = [
        [_moved(state, x, turn) for x, turn in way] for way in ([(0, 0), (15, 0.4)], [(20, 3.0), (0, 0), (9, -1.0)])
    ]
    alone = [_drawn(CityPool(), city, way) for way in ways]
    pool = CityPool()
    # Another way has been driven before, so that houses are there which this one has not seen, made in another order.
    assert [_drawn(pool, made_up_city(CONDITIONS[weather]), way) for way in ways] == alone
    assert [_drawn(pool, city, way) for way in reversed(ways)] == alone[::-1]
    assert len(pool) == 1
    assert pool.size > 0


def test_two_drives_at_once_do_not_see_each_others_houses():
    state, city, pool = made_up_state(), made_up_city(), CityPool()
    states = [_moved(state, x, turn) for x, turn in ((0, 0), (15, 2.0), (5, 0.3))]
    one, other = PainterRenderer(pool), PainterRenderer(pool)
    one.load(city)
    other.load(city)
    seen = []
    for at, now in enumerate(states):
        seen.append(one.draw(now, front_camera(SIZE), SIZE, 3).tobytes())
        other.draw(states[-1 - at], front_camera(SIZE), SIZE, 3)
    assert seen == _drawn(CityPool(), city, states)


def test_only_what_is_drawn_alike_is_shared():
    pool, city = CityPool(), made_up_city()
    first = pool.shapes(city, look_of(city.conditions))
    foggy = replace(made_up_city(), name="elsewhere", conditions=Conditions("day", "fog"))
    assert pool.shapes(foggy, look_of(foggy.conditions)) is first
    house, plant = city.buildings[0], city.plants[0]
    changed = [
        replace(city, buildings=(replace(house, height=house.height + 0.5), *city.buildings[1:])),
        replace(city, buildings=(replace(house, footprint=house.footprint + 0.01), *city.buildings[1:])),
        replace(city, plants=(replace(plant, look=plant.look + 1), *city.plants[1:])),
        replace(city, lamp_posts=city.lamp_posts[1:]),
        replace(city, signs=()),
        replace(city, walkways=city.walkways[1:]),
        replace(city, seed=city.seed + 1),
    ]
    others = [pool.shapes(one, look_of(one.conditions)) for one in changed]
    others.append(pool.shapes(city, look_of(Conditions("dusk"))))
    assert len({id(one) for one in (first, *others)}) == 1 + len(others)
    # What is changed in place is another city, too.
    walkway = city.walkways[0]
    walkway += 0.25
    assert pool.shapes(city, look_of(city.conditions)) is not first


def test_faces_that_are_shared_cannot_be_changed():
    shapes = CityPool().shapes(made_up_city(), look_of(Conditions()))
    (lot,) = shapes.lots([0])
    for faces in (shapes.bare, lot):
        for numbers in (faces.points, faces.values, faces.kinds, faces.flags):
            with pytest.raises(ValueError, match="read-only"):
                numbers[0, 0] = 1


def test_the_pool_is_bounded_and_forgets_what_was_not_asked_for_longest():
    cities = [replace(made_up_city(), seed=seed) for seed in range(4)]
    look = look_of(Conditions())
    one = CityPool().shapes(cities[0], look).size
    pool = CityPool(int(2.5 * one))
    first, second = (pool.shapes(city, look) for city in cities[:2])
    assert pool.shapes(cities[0], look) is first
    pool.shapes(cities[2], look)
    assert (len(pool), pool.shapes(cities[0], look) is first) == (2, True)
    assert pool.shapes(cities[1], look) is not second
    # A city that grew counts with all that it has: the next that is asked for is kept alone or with one that is small.
    before = pool.size
    grown = pool.shapes(cities[3], look)
    assert len(grown.lots(list(range(grown.places.shape[1])))) == grown.places.shape[1] > 0
    assert grown.size > one
    assert pool.size - before == grown.size - one
    pool.shapes(cities[3], look)
    assert pool.size <= 2.5 * one or len(pool) == 1
    assert pool.shapes(cities[3], look) is grown
    small = CityPool(1)
    for city in cities:
        small.shapes(city, look)
    assert len(small) == 1
