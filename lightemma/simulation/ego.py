"""The ego car: a unicycle at the rear axle that receives a speed and a curvature and, with limits, takes time to reach them.

The protocol holds a pair (speed, curvature) for 0.5 s. With limits on, the car changes its speed evenly over what is left
of that half second and turns its front wheels as fast as they can be turned; with limits off it has both immediately and moves
exactly as `lightemma.kinematics.integrate` says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lightemma.frame import Pose
from lightemma.protocol import LIGHTEMMA, Protocol
from lightemma.simulation.geometry import arc_pose
from lightemma.simulation.state import EgoState


@dataclass(frozen=True, slots=True)
class Limits:
    """What the car can do.

    Attributes:
        accelerate: m/s²; 0 to 50 km/h in about 4.5 s, an electric small car's best.
        brake: m/s²; an emergency stop on dry asphalt, 0.8 g.
        lateral: m/s²; where tyres on dry asphalt lose grip, 0.8 g (friction 0.8). Beyond it the path widens (understeer).
        steering_rate: rad/s of the front wheels; CommonRoad's vehicle models (Althoff, Koschi and Manzinger, 2017) use 0.4.
        wheelbase: metres, Renault Zoe. Curvature is tan(steering angle) / wheelbase at the rear axle.
        curvature: 1/m, the sharpest (a turning circle of 10 m).
    """

    accelerate: float = 3.0
    brake: float = 8.0
    lateral: float = 7.8
    steering_rate: float = 0.4
    wheelbase: float = 2.588
    curvature: float = 0.2


class EgoCar:
    """The car and how it moves.

    Args:
        pose: of its rear axle.
        speed: m/s.
        curvature: 1/m of the path it is on.
        limits: what it can do, or None for a car that reaches every command immediately.
        protocol: gives the time for which a pair is held and, with limits off, the rule of motion.
    """

    def __init__(
        self,
        pose: Pose,
        speed: float = 0.0,
        curvature: float = 0.0,
        limits: Limits | None = Limits(),
        protocol: Protocol = LIGHTEMMA,
    ) -> None:
        self.pose = pose
        self.speed = speed
        self.curvature = curvature
        self.acceleration = 0.0
        self.limits = limits
        self._protocol = protocol
        self._owed_turn = 0.0

    def state(self) -> EgoState:
        """The car's state, as other modules read it."""
        return EgoState(self.pose, self.speed, self.curvature, self.acceleration)

    def step(self, speed: float, curvature: float, dt: float, remaining: float) -> None:
        """Moves the car.

        Args:
            speed: m/s to reach; below 0 it counts as 0.
            curvature: 1/m to reach.
            dt: seconds to move.
            remaining: seconds until the held pair ends, at least ``dt``.
        """
        speed = max(0.0, speed) if math.isfinite(speed) else 0.0
        curvature = curvature if math.isfinite(curvature) else 0.0
        if self.limits is None:
            self._move_exactly(speed, curvature, dt, remaining)
        else:
            self._move_within_limits(speed, curvature, dt, remaining, self.limits)

    def _move_exactly(self, speed: float, curvature: float, dt: float, remaining: float) -> None:
        self.acceleration = (speed - self.speed) / dt
        self.speed, self.curvature = speed, curvature
        if self._protocol.integration == "arc":
            self._move(speed * dt, curvature)
            return
        self._move(speed * dt, 0.0)
        self._owed_turn += curvature * speed * dt
        if remaining <= dt * (1.0 + 1e-6):  # explicit Euler turns at the end of the held pair
            self.pose = Pose(self.pose.x, self.pose.y, self.pose.heading + self._owed_turn)
            self._owed_turn = 0.0

    def _move_within_limits(self, speed: float, curvature: float, dt: float, remaining: float, limits: Limits) -> None:
        wanted = (speed - self.speed) / max(remaining, dt)
        self.acceleration = min(max(wanted, -limits.brake), limits.accelerate)
        before = self.speed
        self.speed = max(0.0, before + self.acceleration * dt)
        mean = (before + self.speed) / 2.0
        sharpest = min(limits.curvature, limits.lateral / max(self.speed, 0.1) ** 2)
        angle = math.atan(min(max(curvature, -sharpest), sharpest) * limits.wheelbase)
        now = math.atan(self.curvature * limits.wheelbase)
        turn = min(max(angle - now, -limits.steering_rate * dt), limits.steering_rate * dt)
        reached = math.tan(now + turn) / limits.wheelbase
        reached = min(max(reached, -sharpest), sharpest)
        self._move(mean * dt, (self.curvature + reached) / 2.0 if abs(self.curvature) <= sharpest else reached)
        self.curvature = reached

    def _move(self, distance: float, curvature: float) -> None:
        self.pose = arc_pose(self.pose.x, self.pose.y, self.pose.heading, curvature, distance)
