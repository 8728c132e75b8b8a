"""The driver `imitator`: plans that were recorded of the expert's own drive of the same episode, right by the protocol."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import numpy as np

from lightemma.closed_loop.plan_follower import TICKS_PER_ACTION
from lightemma.closed_loop.privileged import PrivilegedDriver, WorldPlan
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.world import World
from lightemma.closed_loop.worlds.city_world import CityWorld
from lightemma.closed_loop.worlds.line_recovery import led_back
from lightemma.errors import UserError
from lightemma.frame import FloatArray, Pose
from lightemma.kinematics import actions_from_poses
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.conditions import conditions_named
from lightemma.simulation.expert import Expert
from lightemma.simulation.scenarios import make_world

#: Half seconds recorded after the goal, so that the last plans are whole.
AFTER = LIGHTEMMA.plan_steps + 2


class ImitatorDriver(PrivilegedDriver):
    """Plans the speeds and curvatures that were recorded of the expert's drive of the same episode, half second by half second.

    It looks at nobody: what it does is right only if the loop drives pairs as the protocol means them. The curvatures of a
    drive of half a minute, rounded as in a history, lead a few metres astray; so it also steers back to the recorded line,
    as anybody does who sees the road.
    """

    name: ClassVar[str] = "imitator"

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Plans by the recorded drive.

        Raises:
            UserError: at the first plan, if the world is not the city.
        """

        def plan(world: World) -> FloatArray:
            if not isinstance(world, CityWorld):
                raise UserError("The driver 'imitator' drives in the city only; let another planner drive.")
            return recorded_plan(spec, world.simulation.time, world.car.pose)

        return plan


def recorded_plan(spec: EpisodeSpec, time: float, pose: Pose) -> FloatArray:
    """(6, 2) the pairs that were recorded of the expert's drive from a time on, led back to the recorded line.

    Args:
        spec: the episode.
        time: seconds since its start.
        pose: of the car.

    Raises:
        UserError: if there is no such scenario.
    """
    scenario = str(spec.options.get("scenario", spec.scenario))
    pairs, poses = _drive(scenario, spec.seed, spec.conditions, spec.left_hand)
    rows = np.minimum(round(time / LIGHTEMMA.dt) + np.arange(LIGHTEMMA.plan_steps), len(pairs) - 1)
    return led_back(pairs[rows], pose, poses)


@lru_cache(maxsize=64)
def _drive(scenario: str, seed: int, conditions: str, left_hand: bool) -> tuple[FloatArray, FloatArray]:
    """The expert's drive: (n, 2) pairs of every half second as a history has them, and (m, 3) poses of every step.

    Raises:
        UserError: if there is no such scenario.
    """
    simulation = make_world(scenario, seed, conditions_named(conditions), left_hand=left_hand)
    expert, places, poses = Expert(), [tuple(simulation.history_poses[-1, :2])], []
    after = 0
    while after < AFTER:
        pose = simulation.ego.pose
        places.append((pose.x, pose.y))
        speed, curvature = expert.plan(simulation).actions[0].tolist()
        for _ in range(TICKS_PER_ACTION):
            pose = simulation.ego.pose
            poses.append((pose.x, pose.y, pose.heading))
            simulation.step(speed, curvature)
        over = (
            float(simulation.traffic.at[0]) >= simulation.setup.goal or simulation.time >= simulation.setup.time_limit
        )
        after += over
    times: FloatArray = np.arange(len(places), dtype=np.float64) * LIGHTEMMA.dt
    return actions_from_poses(np.array(places), times), np.array(poses)
