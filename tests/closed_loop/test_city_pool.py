"""Simulations that are kept for the next driver: a copy is as good as a new one, and no drive leaves a trace in the next."""

from dataclasses import replace

import pytest

from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds.city_pool import SimulationPool
from lightemma.simulation.conditions import conditions_named
from lightemma.simulation.scenarios import make_world

RULES = LoopRules()


def _driven(simulation, steps=60):
    states = []
    for step in range(steps):
        simulation.step(7.0, 0.002 * (step % 5))
        states.append(repr(simulation.state()))
    return states


@pytest.mark.parametrize("scenario", ["pedestrian-crossing", "red-light", "cyclist-ahead", "roundabout-straight"])
def test_every_driver_gets_the_same_simulation(scenario):
    spec, pool = EpisodeSpec(scenario, 4, "dusk"), SimulationPool()
    new = make_world(scenario, 4, conditions_named("dusk"))
    first, second = pool.at_start(spec, RULES), pool.at_start(spec, RULES)
    assert first is not second
    assert first.city is second.city
    assert _driven(first) == _driven(new)
    # The first has been driven, which the second and a third do not notice.
    assert (
        _driven(second) == _driven(pool.at_start(spec, RULES)) == _driven(make_world(scenario, 4, new.city.conditions))
    )
    assert len(pool) == 1


def test_other_episodes_have_simulations_of_their_own_and_few_are_kept():
    pool, spec = SimulationPool(most=3), EpisodeSpec("cruise", 1, "day")
    made = pool.at_start(spec, RULES)
    others = [
        pool.at_start(replace(spec, seed=2), RULES),
        pool.at_start(replace(spec, conditions="fog"), RULES),
        pool.at_start(replace(spec, left_hand=True), RULES),
        pool.at_start(spec, LoopRules(car_limits=False)),
    ]
    assert len({id(one.city) for one in (made, *others)}) == 5
    assert others[1].city.conditions.weather == "fog"
    assert others[2].city.left_hand
    assert others[3].ego.limits is None
    assert len(pool) == 3
    assert pool.at_start(spec, RULES).city is not made.city
    pool.clear()
    assert len(pool) == 0
