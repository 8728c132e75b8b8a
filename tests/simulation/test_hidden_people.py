"""People behind a parked van: when they come into sight, full braking at 4 m/s² still saves them."""

from __future__ import annotations

import numpy as np
import pytest

from lightemma.frame import Pose
from lightemma.simulation.hazards import assess
from lightemma.simulation.hidden_people import StepsOut, is_hidden
from lightemma.simulation.scenarios import make_world
from lightemma.simulation.world import CitySimulation
from tests.simulation.refereed import steering


def in_store(world: CitySimulation) -> StepsOut:
    (one,) = (one for one in world.incidents if isinstance(one, StepsOut))
    return one


def front(world: CitySimulation) -> float:
    return float(world.traffic.at[0] + world.traffic.front[0])


def near(world: CitySimulation, speed: float) -> None:
    """Drives to 80 m before the person by the fastest means."""
    while front(world) < in_store(world).near - 75.0:
        world.step(max(speed, 9.0), steering(world, 9.0))


@pytest.mark.parametrize(("speed", "seed"), [(4.0, 1), (8.0, 2), (11.0, 3), (13.0, 4), (17.0, 5)])
def test_who_comes_into_sight_can_still_be_saved(speed: float, seed: int):
    world = make_world("person-behind-van", seed, left_hand=seed % 2 == 1)
    person = in_store(world)
    near(world, speed)
    while person.seen_at is None and front(world) < person.near + 3.0:
        world.step(speed, steering(world, speed))
        concerns = [one.kind for one in assess(world).concerns]
        assert person.seen_at is not None or "person" not in concerns, (
            "the expert knows of somebody whom nobody can see"
        )
    if person.seen_at is None:
        assert speed > 15.0, "who is not met walks behind a car that is too fast"
        return
    distance, then = person.seen_at
    assert distance >= 0.5 * then + then * then / 8.0
    for _ in range(10):
        world.step(then, steering(world, then))
    while world.ego.speed > 0.0:
        world.step(max(world.ego.speed - 2.0, 0.0), steering(world, 4.0))
    assert front(world) < person.near


def test_a_driver_who_does_not_brake_hits_them_and_one_who_stands_lets_them_cross():
    world = make_world("person-behind-van", 6)
    person = in_store(world)
    near(world, 9.0)
    met = False
    while front(world) < person.near + 4.0:
        world.step(9.0, steering(world, 9.0))
        x, y = world.walkers[0].pose.x, world.walkers[0].pose.y
        along, offset = world.route.path.project(x, y)
        met = met or (abs(offset) < 1.1 and abs(along - front(world)) < 1.0)
    assert met
    assert person.met is not None
    waits = make_world("person-behind-van", 6)
    near(waits, 6.0)
    while front(waits) < in_store(waits).near - 15.0:
        waits.step(3.0, steering(waits, 3.0))
    for _ in range(400):
        waits.step(0.0, 0.0)
    assert waits.walkers[0].activity == "done"


def test_a_box_hides_what_is_behind_it_only():
    van = np.array([[10.0, 2.0, 0.0, 5.0, 2.0]])
    eye = Pose(0.0, 0.0, 0.0)
    assert is_hidden(eye, Pose(13.5, 2.2, 0.0), van)
    assert not is_hidden(eye, Pose(13.5, 0.9, 0.0), van)
    assert not is_hidden(eye, Pose(7.0, 1.5, 0.0), van), "before the van"
    assert not is_hidden(eye, Pose(13.5, 2.2, 0.0), np.zeros((0, 5)))
