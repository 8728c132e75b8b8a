"""The command of the car at each step: from the plan in force, or the fallback without one."""

from __future__ import annotations

import numpy as np

from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.ego import Limits

#: Steps of the world per second, and per action of a plan.
TICKS_PER_S = 20
TICKS_PER_ACTION = round(LIGHTEMMA.dt * TICKS_PER_S)
#: m/s² of a car whose driver gives no plan: firm, but no emergency stop.
FALLBACK_BRAKE = 3.0


class PlanFollower:
    """Turns plans into one command per step of the world.

    A plan counts from the moment its picture was taken. Its pairs mean what they mean in a history (see
    `kinematics.actions_from_poses`): a speed is the mean of its half second, a curvature is that at its beginning. A car
    with limits cannot have a mean at once, so it is led along the motion that has these means: at the end of a half second
    it has the speed halfway between the means before and after, and the curvature goes evenly from one to the next. The
    speed reached does not depend on the present one: turning means into ends exactly (``2 mean - present``) would double
    every error and swing from one plan to the next. A car without limits has each pair at once, as the protocol integrates.

    A car without a plan in force holds its last action for another half second, then brakes at 3 m/s² to a standstill,
    until there is a plan again.

    Args:
        actions: (6, 2) pairs of speed (m/s) and curvature (1/m), in force from tick 0 until the first plan.
        ticks_per_action: steps of the world per action.
        limits: what the car can do; None for one that has every command at once.
    """

    def __init__(
        self, actions: FloatArray, ticks_per_action: int = TICKS_PER_ACTION, limits: Limits | None = None
    ) -> None:
        self._ticks, self._limited = ticks_per_action, limits is not None
        self._since = 0
        self._silent_since: int | None = None
        self.take(actions, 0)
        self._last = (float(self._speeds[0]), float(actions[0, 1]))

    def take(self, actions: FloatArray, since: int) -> None:
        """Follows a plan that was made for the tick ``since``."""
        self._since, self._silent_since = since, None
        self._speeds = ends_from_means(actions[:, 0]) if self._limited else actions[:, 0]
        self._curvatures = actions[:, 1]

    def miss(self, now: int) -> None:
        """Has no plan from the tick ``now`` on, unless it has none already."""
        if self._silent_since is None:
            self._silent_since = now

    def command(self, now: int) -> tuple[float, float]:
        """Speed (m/s) and curvature (1/m) at the tick ``now``; ticks come in order.

        For a car with limits the speed is to be reached at the end of the action, the curvature at the end of the tick.
        """
        number = (now - self._since) // self._ticks
        if self._silent_since is None and number >= len(self._speeds):
            self._silent_since = now
        if self._silent_since is None:
            curvature = self._curvatures[number]
            if self._limited:
                after = self._curvatures[min(number + 1, len(self._curvatures) - 1)]
                share = ((now - self._since) % self._ticks + 1) / self._ticks
                curvature += share * (after - curvature)
            self._last = (float(self._speeds[number]), float(curvature))
            return self._last
        speed, held_curvature = self._last
        # In whole actions, as in a plan: each has the speed that braking reaches at its end.
        held = (now - self._silent_since) // self._ticks
        return max(0.0, speed - FALLBACK_BRAKE * LIGHTEMMA.dt * held), held_curvature


def ends_from_means(means: FloatArray) -> FloatArray:
    """The speeds at the ends of equal times from the mean speeds of these: exact at constant acceleration.

    Args:
        means: (n,) m/s, n at least 2.

    Returns:
        (n,) m/s, not below 0; after the last mean the change goes on.
    """
    after = np.append(means[1:], 2.0 * means[-1] - means[-2])
    ends: FloatArray = np.maximum((means + after) / 2.0, 0.0)
    return ends
