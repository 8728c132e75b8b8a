"""The command of the car at each step: from the plan in force, or the fallback without one."""

from __future__ import annotations

from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA

#: Steps of the world per second, and per action of a plan.
TICKS_PER_S = 20
TICKS_PER_ACTION = round(LIGHTEMMA.dt * TICKS_PER_S)
#: m/s² of a car whose driver gives no plan: firm, but no emergency stop.
FALLBACK_BRAKE = 3.0


class PlanFollower:
    """Turns plans into one command per step of the world.

    An action of a plan is held for half a second, counted from the moment its picture was taken. A car without a plan in
    force holds its last action for another half second, then brakes at 3 m/s² to a standstill, until there is a plan again.

    Args:
        actions: (6, 2) pairs of speed (m/s) and curvature (1/m), in force from tick 0 until the first plan.
    """

    def __init__(self, actions: FloatArray) -> None:
        self._actions = actions
        self._since = 0
        self._last = (float(actions[0, 0]), float(actions[0, 1]))
        self._silent_since: int | None = None

    def take(self, actions: FloatArray, since: int) -> None:
        """Follows a plan that was made for the tick ``since``."""
        self._actions, self._since, self._silent_since = actions, since, None

    def miss(self, now: int) -> None:
        """Has no plan from the tick ``now`` on, unless it has none already."""
        if self._silent_since is None:
            self._silent_since = now

    def command(self, now: int) -> tuple[float, float]:
        """Speed (m/s) and curvature (1/m) at the tick ``now``; ticks come in order."""
        number = (now - self._since) // TICKS_PER_ACTION
        if self._silent_since is None and number >= len(self._actions):
            self._silent_since = now
        if self._silent_since is None:
            self._last = (float(self._actions[number, 0]), float(self._actions[number, 1]))
            return self._last
        speed, curvature = self._last
        # In whole actions, as in a plan: each has the speed that braking reaches at its end.
        held = (now - self._silent_since) // TICKS_PER_ACTION
        return max(0.0, speed - FALLBACK_BRAKE * LIGHTEMMA.dt * held), curvature
