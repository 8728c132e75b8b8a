"""What is kept of every moment of a drive: two pictures, the motion, the expert's label, and what is seen in numbers."""

from __future__ import annotations

import numpy as np

from lightemma.observed_facts import ObservedFacts

#: Width and height of the pictures that the network is given.
SIZE = (256, 144)
#: Positions that a history spans, and half seconds that a plan spans.
BACK, AHEAD = 8, 6
LIGHTS = ("none", "red", "amber", "green")
LEADERS = ("none", "vehicle", "obstacle")
COMMANDS = ("unknown", "follow", "left", "straight", "right")
LEFT, RIGHT = COMMANDS.index("left"), COMMANDS.index("right")
SKIES = ("day", "dusk", "rain", "fog")
VEHICLES = ("car", "truck", "van", "bus", "motorcycle", "bicycle", "cyclist")
NEAR = 40.0
#: Metres beyond which a vehicle ahead, and a person, are too small in the picture to be told of.
LEADER_M, PERSON_M = 60.0, 25.0
#: Columns of ``numbers`` (NaN where unknown) and of ``kinds``.
NUMBERS = (
    "gap", "leader_speed", "stop_line", "light_m", "person_m", "offset", "heading_error",
    "k5", "k10", "k15", "k20", "k25", "k30",
)  # fmt: skip
#: Those that change their sign in a mirror.
MIRRORED = tuple(name in ("offset", "heading_error") or name[0] == "k" for name in NUMBERS)
KINDS = {"light": 4, "leader": 3, "person": 2, "works": 2, "sky": 4, "stop_line": 2, "lane": 2, "oncoming": 2}

#: Arrays of one drive of n moments; ``pictures`` (m, 144, 256, 3) lie in a file of their own.
#: now: place of the picture. paired: whether the picture before it is half a second older. poses: (8, 2) metres, ego frame,
#: half a second apart. plan: (6, 2) the expert's pairs. future: (6, 2) metres, ego frame, as the expert drove; NaN where the
#: drive ends or somebody else steered. command: index of COMMANDS; metres to it (NaN: none). numbers, kinds: facts.
FIELDS = ("now", "paired", "poses", "plan", "future", "command", "metres", "numbers", "kinds")


def facts_of(facts: ObservedFacts, sky: int) -> tuple[list[float], list[int]]:
    """Numbers and kinds of what is seen."""
    nan = float("nan")
    things = {one.number: one for one in facts.things}
    leader, kind = facts.leader, 0
    if leader is not None and leader.gap <= LEADER_M:
        thing = things.get(leader.number)
        kind = 1 if thing is None or thing.kind in VEHICLES else 2
    persons = [one.distance for one in facts.things if one.kind == "pedestrian"]
    works = [one.distance for one in facts.things if one.kind in ("cone", "barrier")]
    lane = facts.lane
    curves = [nan] * 6 if lane is None else [nan if k is None else k for k in lane.curvatures]
    oncoming = any(one.kind in VEHICLES and abs(one.box_3d[6]) > 2.4 and one.distance < NEAR for one in facts.things)
    numbers = [
        nan if leader is None else leader.gap,
        nan if leader is None else leader.speed,
        nan if facts.stop_line is None else facts.stop_line,
        nan if facts.light is None else facts.light.distance,
        min(persons, default=nan),
        nan if lane is None else lane.offset,
        nan if lane is None else lane.heading_error,
        *curves,
    ]
    kinds = [
        0 if facts.light is None else LIGHTS.index(facts.light.colour),
        kind,
        int(min(persons, default=99.0) < PERSON_M),
        int(min(works, default=99.0) < NEAR),
        sky,
        int(facts.stop_line is not None and facts.stop_line < NEAR),
        int(lane is not None),
        int(oncoming),
    ]
    return numbers, kinds


def sky_of(conditions: str) -> int:
    """Index of SKIES of light and weather by name; of dusk with rain it is the rain."""
    return next((SKIES.index(word) for word in ("rain", "fog", "dusk") if word in conditions.split("-")), 0)


def nans(*shape: int) -> np.ndarray:
    """All unknown."""
    return np.full(shape, np.nan, np.float32)
