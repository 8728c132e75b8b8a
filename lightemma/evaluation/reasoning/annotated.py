"""What annotations say of the things that descriptions claim: persons, a vehicle ahead, roadworks, rain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightemma.agents import PEDESTRIAN, VEHICLE, Agents
from lightemma.evaluation.scene_context import SceneContext
from lightemma.frame import FloatArray

#: As far as a description is held to what was annotated, metres.
NEAR = 40.0
#: Half of what the front camera of nuScenes sees, degrees.
HALF_VIEW = 32.0
#: A vehicle ahead: within this aside of the car's line, metres, and pointing the same way within, degrees.
LANE_HALF = 2.0
SAME_WAY = 45.0
_WORKS = ("trafficcone", "traffic_cone", "barrier", "construction", "cone")


def annotated(scenes: Sequence[str], tokens: Sequence[str], context: SceneContext) -> dict[str, FloatArray]:
    """What is there, frame by frame: 1 there, 0 not there, NaN unknown.

    ``person``: a pedestrian within 40 m in the view of the front camera. ``lead_vehicle``: a vehicle ahead within 40 m, at most
    2 m aside of the car's line, that points the same way. ``roadworks``: cones or barriers within 40 m in view.
    ``bad_weather``: the scene's facts say rain. Lights are not annotated.

    Returns:
        Field to (n,) values.
    """
    count = len(tokens)
    found = {name: np.full(count, np.nan) for name in ("person", "lead_vehicle", "roadworks", "bad_weather")}
    for place, (scene, token) in enumerate(zip(scenes, tokens, strict=True)):
        facts = context.facts.get(scene)
        if facts is not None and facts.weather:
            found["bad_weather"][place] = float(facts.weather == "rain")
        around = None if context.agents is None else context.agents(scene, token)
        if around is None or around.agents is None:
            continue
        for name, there in _seen(around.agents).items():
            found[name][place] = float(there)
    return found


def _seen(agents: Agents) -> dict[str, bool]:
    centres, valid = agents.centres[:, 0], agents.valid[:, 0]
    with np.errstate(invalid="ignore"):
        far = np.hypot(centres[:, 0], centres[:, 1])
        aside = np.degrees(np.abs(np.arctan2(centres[:, 1], centres[:, 0])))
        seen = valid & (far <= NEAR) & (aside <= HALF_VIEW)
        same_way = np.cos(agents.yaws[:, 0]) >= np.cos(np.radians(SAME_WAY))
        ahead = seen & (centres[:, 0] > 0) & (np.abs(centres[:, 1]) <= LANE_HALF) & same_way
    works = np.array([any(word in name for word in _WORKS) for name in agents.categories], dtype=bool).reshape(-1)
    return {
        "person": bool((seen & (agents.kinds == PEDESTRIAN)).any()),
        "lead_vehicle": bool((ahead & (agents.kinds == VEHICLE)).any()),
        "roadworks": bool((seen & works).any()),
    }
