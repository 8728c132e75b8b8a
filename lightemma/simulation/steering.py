"""How the expert steers: along its line, and back to it from wherever it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lightemma.simulation.ego import EgoCar, Limits
from lightemma.simulation.geometry import Path, wrap
from lightemma.simulation.overtaking import lateral_offset, narrowings_now
from lightemma.simulation.setup import Narrowing
from lightemma.simulation.world import CitySimulation

#: m/s² of lateral acceleration in bends.
LATERAL = 2.0
#: A deviation is corrected over this many actions of 0.5 s; with 1 the car would sway.
CORRECTION = 2.3
#: Radians at which a car drives back to its line at most, from however far.
STEEPEST = 0.45
#: Metres beside its line, and radians from its direction, beyond which a car has strayed and slows down to come back.
STRAYED, ASKEW = 1.5, 0.35
#: Metres by which the correction is longer for every metre beyond that.
GENTLER = 0.8
#: m/s of a car that comes back; slower it would hardly turn.
SLOWEST_BACK = 2.0


@dataclass(frozen=True, slots=True)
class Line:
    """Where a car is on the line that it should drive.

    Attributes:
        at: metres along the path.
        error: metres to the left of the line.
        askew: radians to the left of its direction.
    """

    at: float
    error: float
    askew: float

    @property
    def strayed(self) -> bool:
        """Whether a car there is so far beside its line, or so much across it, that it has to come back."""
        return abs(self.error) > STRAYED or abs(self.askew) > ASKEW


def line_of(world: CitySimulation, car: EgoCar) -> Line:
    """Where a car is on the ego's line: the middle of its route, shifted where something is passed."""
    return _line(world.route.path, narrowings_now(world), car, float(world.traffic.at[0]))


def steer(world: CitySimulation, car: EgoCar, speed: float) -> float:
    """Curvature (1/m) to hold for the next half second: that of the line, plus a correction of the deviation."""
    path, narrowings = world.route.path, narrowings_now(world)
    return _steer(path, narrowings, car, speed, _line(path, narrowings, car, float(world.traffic.at[0])))


def steer_along(path: Path, car: EgoCar, speed: float) -> float:
    """The same along another path than the ego's route."""
    return _steer(path, (), car, speed, _line(path, (), car, None))


def calm_speed(world: CitySimulation, car: EgoCar) -> float:
    """m/s at which a car that has strayed comes back; inf on its line."""
    if not line_of(world, car).strayed:
        return math.inf
    sharp = max(abs(steer(world, car, SLOWEST_BACK)), 1e-3)
    return max(math.sqrt(LATERAL / sharp), SLOWEST_BACK)


def _line(path: Path, narrowings: tuple[Narrowing, ...], car: EgoCar, near: float | None) -> Line:
    at, offset = path.project(car.pose.x, car.pose.y, near=near, window=60.0)
    return Line(at, offset - lateral_offset(narrowings, at), wrap(car.pose.heading - _heading(path, narrowings, at)))


def _steer(path: Path, narrowings: tuple[Narrowing, ...], car: EgoCar, speed: float, line: Line) -> float:
    hold = max(speed * 0.5, 1.2)
    # The front wheels take a moment to turn, so the line is read a little ahead.
    begin = line.at + 0.12 * speed
    along = wrap(_heading(path, narrowings, begin + hold) - _heading(path, narrowings, begin)) / hold
    # From far the line is approached more gently, since the wheels take their time to turn back.
    reach = CORRECTION * hold + GENTLER * max(abs(line.error) - STRAYED, 0.0)
    lean = min(max(line.error / (1.5 * reach), -STEEPEST), STEEPEST)
    sharpest = (car.limits or Limits()).curvature
    return min(max(along - 1.5 * (line.askew + lean) / reach, -sharpest), sharpest)


def _heading(path: Path, narrowings: tuple[Narrowing, ...], place: float) -> float:
    slope = lateral_offset(narrowings, place + 0.5) - lateral_offset(narrowings, place - 0.5)
    return path.pose(place).heading + math.atan(slope)
