"""At the end of a street: the car comes from the side, without lights, and turns into a street whose traffic goes first."""

from __future__ import annotations

from functools import partial

from lightemma.simulation.meetings import Meets
from lightemma.simulation.network import Turn
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder, way_start
from lightemma.simulation.scenarios.following import NOSE
from lightemma.simulation.scenarios.junctions import INATTENTIVE_ONCOMING
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.streets import JunctionPlan, Streets, Stretch


def _end_of_street(builder: ScenarioBuilder, turn: Turn) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(8.0, 11.0)
    streets = builder.lay(
        Stretch(((120.0, 0.0), builder.bend(), (45.0, 0.0))),
        JunctionPlan(left=False, signals=False, side_length=190.0),
        Stretch(((45.0, 0.0), builder.bend(), (140.0, 0.0))),
    )
    road = streets.junctions[0].arms["south"]
    lanes = streets.network.onward(road.backward[0], turn)
    line, start = way_start(streets, lanes)
    speed = desired * 0.95
    at = line - NOSE - speed * WARM_UP - float(rng.uniform(45.0, 65.0))
    for entry in (streets.stretches[0].forward[0], streets.stretches[1].backward[0]):
        _who_goes_first(builder, streets, lanes, start, entry)
    builder.behind(lanes, at, speed, desired)
    builder.strollers(streets, int(builder.extras.integers(1, 4)))
    beyond = start + streets.network.lanes[lanes[1]].path.length + 35.0
    return builder.finish(streets, lanes, at, speed, desired, beyond, time_limit=40.0)


def _who_goes_first(builder: ScenarioBuilder, streets: Streets, own: tuple[int, ...], start: float, entry: int) -> None:
    """Cars along the street, the first of which comes when the ego would."""
    rng = builder.rng
    lanes = streets.network.onward(entry)
    _, begins = way_start(streets, lanes)
    speed = float(rng.uniform(8.5, 10.5)) * builder.caution
    place, lag = begins - 62.0 - 0.8 * speed * WARM_UP, float(rng.uniform(-0.3, 1.0))
    found = next((c for c in streets.network.conflicts[own[1]] if c.other == lanes[1]), None)
    for i in range(int(rng.integers(1, 4))):
        attentive = bool(rng.random() > INATTENTIVE_ONCOMING)
        row = builder.car(lanes, place, 0.8 * speed, speed, attentive=attentive)
        if i == 0 and found is not None and found.yields:
            builder.incidents.append(
                Meets("crossing-traffic", row, start + found.enter, begins + found.other_enter, 9.0, lag)
            )
        place -= float(rng.uniform(18.0, 26.0))


SCENARIOS = (
    Scenario(
        "t-junction-left",
        "The street ends at another, whose traffic goes first, and the route turns left.",
        "Slow down, let those go who go first, turn left, and speed up.",
        partial(_end_of_street, turn="left"),
    ),
    Scenario(
        "t-junction-right",
        "The street ends at another, whose traffic goes first, and the route turns right.",
        "Slow down, let those from the near side go who go first, turn right, and speed up.",
        partial(_end_of_street, turn="right"),
        "t-junction-left",
    ),
)
