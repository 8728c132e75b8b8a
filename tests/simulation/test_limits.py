"""A zone of 30 km/h in a street of 50; and which towns look the same."""

from __future__ import annotations

import itertools

import pytest

from lightemma.closed_loop.driving_score import SPEEDING, score_of
from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.simulation.backgrounds import background_of, shared_backgrounds
from lightemma.simulation.scenarios import SCENARIOS, make_world
from tests.simulation.refereed import make_world as refereed_world
from tests.simulation.refereed import steering


@pytest.mark.parametrize("left_hand", [False, True])
def test_the_zone_holds_in_both_directions_and_its_signs_stand_where_it_begins(left_hand: bool):
    world = make_world("limit-30", 2, left_hand=left_hand)
    place = world.incidents[0].place
    network, streets = world.traffic.network, world.setup.streets
    limits = [round(3.6 * world.route.limit_at(network, place + s)) for s in (-1.0, 1.0, 60.0, 130.0)]
    assert limits == [50, 30, 30, 50]
    begin, end, _ = streets.stretches[0].zone
    back = network.lanes[streets.stretches[0].backward[0]]
    for along, limit in ((begin - 2.0, 50), (begin + 2.0, 30), (end - 2.0, 30), (end + 2.0, 50)):
        pose = streets.middle.pose(along)
        assert round(3.6 * back.limit_at(back.path.project(pose.x, pose.y)[0])) == limit
    signs = [sign for sign in world.city.signs if sign.kind == "speed-30"]
    ahead = [streets.middle.project(sign.pose.x, sign.pose.y) for sign in signs]
    assert sorted(round(along - begin) for along, _ in ahead) == sorted([0, 0, round(end - begin), round(end - begin)])
    assert len({offset > 0.0 for _, offset in ahead[:2]}) == 2, "one at each side"
    assert sum(marking.kind == "speed-30" for marking in world.city.markings) == 4
    free = make_world("limit-50", 2, left_hand=left_hand)
    assert {round(3.6 * lane.limit_at(s)) for lane in free.traffic.network.lanes for s in (0.0, 200.0)} == {50}


def test_who_keeps_to_fifty_is_too_fast_in_the_zone_and_pays_for_it():
    world = refereed_world("limit-30", 3)
    while world.referee.conduct.speeding_s < 2.0:
        world.step(12.0, steering(world.world, 12.0))
    assert [event.kind for event in world.referee.events] == ["speeding"]
    outcome = EpisodeOutcome("goal", 20.0, 1.0, speeding_s=0.8)
    slow, fast = score_of(outcome), score_of(EpisodeOutcome("goal", 20.0, 1.0, speeding_s=2.0))
    assert fast.score == pytest.approx(SPEEDING * slow.score)
    assert (slow.speeding, fast.speeding) == (1.0, SPEEDING)
    assert score_of(EpisodeOutcome("goal", 20.0, 1.0)).speeding is None


def test_towns_are_shared_by_a_family_and_a_seed_and_by_nothing_else():
    families = sorted({scenario.family or name for name, scenario in SCENARIOS.items()})
    names = sorted({*families[::4], "roundabout-straight"})
    one_seed = [(name, make_world(name, 9).city) for name in names]
    assert shared_backgrounds(one_seed) == []
    others = [(f"roundabout {seed}", make_world("roundabout-free", seed).city) for seed in (8, 9)]
    mirrored = ("mirrored", make_world("roundabout-left", 9, left_hand=True).city)
    assert shared_backgrounds([*one_seed, *others, mirrored]) == [("roundabout-straight", "roundabout 9", "mirrored")]
    digests = [background_of(city) for _, city in one_seed]
    assert all(a != b for a, b in itertools.combinations(digests, 2))
