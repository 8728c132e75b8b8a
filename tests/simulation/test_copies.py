"""A copy of the city goes on as the city does, and neither changes the other."""

from __future__ import annotations

import pickle
from copy import deepcopy

import pytest

from lightemma.simulation.events import Referee
from lightemma.simulation.scenarios import make_world


@pytest.mark.parametrize("copied", [deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))], ids=["copy", "pickle"])
def test_a_copy_goes_on_in_the_same_way(copied):
    world = make_world("pedestrian-crossing", 7)
    referee = Referee(world)
    pair = world, referee
    _drive(pair, 60)
    other = copied(pair)
    before = repr(world.state())
    _drive(other, 100)
    assert repr(world.state()) == before
    _drive(pair, 100)
    # The boxes of others are what contact is judged by; at 5.2 s a copy with those of 3 s met a bus that was not there.
    assert [(event.kind, event.time) for event in referee.events] == [
        (event.kind, event.time) for event in other[1].events
    ]
    assert world.boxes.tobytes() == other[0].boxes.tobytes()
    assert repr(world.state()) == repr(other[0].state())


def _drive(pair, steps):
    world, referee = pair
    for _ in range(steps):
        world.step(6.0, 0.0)
        referee.look()
