"""The state of the world between two steps, since the camera's times are not those of the 20 Hz steps."""

from __future__ import annotations

import math
from dataclasses import replace

from lightemma.frame import Pose
from lightemma.simulation.geometry import wrap
from lightemma.simulation.state import ActorState, EgoState, WorldState


def state_between(before: WorldState, after: WorldState, time: float) -> WorldState:
    """The world at a time between two states: positions, headings and speeds linear, all else from the nearer one.

    Args:
        before: the earlier state.
        after: the later state, one step later, so that linear interpolation is exact to millimetres.
        time: seconds, between those of the two.
    """
    span = after.time - before.time
    share = min(max((time - before.time) / span, 0.0), 1.0) if span > 0 else 0.0
    nearer = before if share < 0.5 else after
    earlier = {actor.number: actor for actor in before.actors}
    later = {actor.number: actor for actor in after.actors}
    actors = tuple(
        _actor(actor, earlier[actor.number], later[actor.number], share)
        if actor.number in earlier and actor.number in later
        else actor
        for actor in nearer.actors
    )
    ego = EgoState(
        _pose(before.ego.pose, after.ego.pose, share),
        _mix(before.ego.speed, after.ego.speed, share),
        _mix(before.ego.curvature, after.ego.curvature, share),
        _mix(before.ego.acceleration, after.ego.acceleration, share),
    )
    return WorldState(time, ego, actors, nearer.signals)


def _actor(nearer: ActorState, before: ActorState, after: ActorState, share: float) -> ActorState:
    return replace(
        nearer,
        pose=_pose(before.pose, after.pose, share),
        speed=_mix(before.speed, after.speed, share),
        gait=_turn(before.gait, after.gait, share) % (2.0 * math.pi),
    )


def _pose(before: Pose, after: Pose, share: float) -> Pose:
    return Pose(
        _mix(before.x, after.x, share), _mix(before.y, after.y, share), _turn(before.heading, after.heading, share)
    )


def _mix(before: float, after: float, share: float) -> float:
    return before + share * (after - before)


def _turn(before: float, after: float, share: float) -> float:
    """The angle on the shorter way from one to the other."""
    return before + share * wrap(after - before)
