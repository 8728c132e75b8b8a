"""A roundabout, entered by giving way to those on it, and left at one of three exits."""

from __future__ import annotations

from functools import partial
from typing import Literal

from lightemma.simulation.meetings import MeetsInTurn
from lightemma.simulation.network import Turn
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder, way_start
from lightemma.simulation.scenarios.junctions import BEND, INATTENTIVE_ONCOMING
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.streets import JunctionPlan, Streets, Stretch

#: Metres from the middle to the middle of the lane round it.
RING = 17.0

Arm = Literal["west", "east", "north", "south"]


def _exit(turn: Turn, left_hand: bool) -> Arm:
    """The arm, before mirroring, that leads to the left, right or straight on."""
    if turn == "straight":
        return "east"
    return "north" if (turn == "left") != left_hand else "south"


def _way(streets: Streets, first: Arm, last: Arm) -> tuple[int, ...]:
    """The lanes from one arm to another, and on."""
    arms = streets.junctions[0].arms
    entry = arms[first].forward[0] if first == "west" else arms[first].backward[0]
    out = arms[last].backward[0] if last == "west" else arms[last].forward[0]
    return streets.network.between(entry, out)


def _round(builder: ScenarioBuilder, turn: Turn, others: bool) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.0, 11.5)
    streets = builder.lay(
        Stretch(((BEND, 0.0), builder.bend(straight=0.0), (float(rng.uniform(36.0, 46.0)), 0.0))),
        JunctionPlan(signals=False, side_length=200.0, ring=RING),
        Stretch(((40.0, 0.0), builder.bend(), (130.0, 0.0))),
    )
    lanes = _way(streets, "west", _exit(turn, builder.left_hand))
    _, start = way_start(streets, lanes)
    speed = desired * 0.95
    at = BEND - speed * WARM_UP - float(rng.uniform(15.0, 35.0))
    _circulating(builder, streets, lanes, start)
    if not others:  # made all the same, so that everything drawn after them is as in the twins
        builder.vehicles.clear()
        builder.incidents.clear()
    builder.behind(lanes, at, speed, desired)
    builder.strollers(streets, int(builder.extras.integers(1, 4)))
    leaves = streets.network.route(lanes).start_of[lanes[-1]]
    return builder.finish(streets, lanes, at, speed, desired, leaves + 28.0, time_limit=48.0 if others else 40.0)


def _circulating(builder: ScenarioBuilder, streets: Streets, own: tuple[int, ...], start: float) -> None:
    """Cars from the arm before the ego's, the first of which comes past when the ego would enter."""
    rng = builder.rng
    last: Arm = "south" if rng.random() < 0.6 else "east"
    lanes = _way(streets, "north", last)
    found = streets.network.conflicts[own[1]][0]
    begins = streets.network.route(lanes).start_of[found.other]
    _, enters = way_start(streets, lanes)
    place, lag = enters - float(rng.uniform(48.0, 60.0)), float(rng.uniform(-0.1, 0.6))
    for i in range(int(rng.integers(1, 4))):
        desired = float(rng.uniform(8.0, 9.5)) * builder.caution
        attentive = bool(rng.random() > INATTENTIVE_ONCOMING)
        row = builder.car(lanes, place, 0.7 * desired, desired, attentive=attentive)
        if i == 0:
            own_place, other_place = start + found.enter, begins + found.other_enter
            builder.incidents.append(MeetsInTurn("circulating", row, own_place, other_place, 3.0, lag))
        place -= float(rng.uniform(14.0, 20.0))


SCENARIOS = (
    Scenario(
        "roundabout-straight",
        "The route leads straight on across a roundabout, and somebody is on it.",
        "Slow down, let those on the roundabout go first, drive round to the second exit, and speed up.",
        partial(_round, turn="straight", others=True),
    ),
    Scenario(
        "roundabout-right",
        "The route turns right at a roundabout, and somebody is on it.",
        "Slow down, let those on the roundabout go first, leave it to the right, and speed up.",
        partial(_round, turn="right", others=True),
        "roundabout-straight",
    ),
    Scenario(
        "roundabout-left",
        "The route turns left at a roundabout, and somebody is on it.",
        "Slow down, let those on the roundabout go first, leave it to the left, and speed up.",
        partial(_round, turn="left", others=True),
        "roundabout-straight",
    ),
    Scenario(
        "roundabout-free",
        "The route leads straight on across a roundabout, and nobody is on it.",
        "Slow down, drive on round to the second exit without stopping, and speed up.",
        partial(_round, turn="straight", others=False),
        "roundabout-straight",
    ),
)
