"""Moving over: past what stands in the lane, and past cyclists, who ride on while they are overtaken."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lightemma.simulation.geometry import wrap
from lightemma.simulation.setup import Narrowing
from lightemma.simulation.state import EGO_WIDTH
from lightemma.simulation.world import CitySimulation

#: Metres along the route over which the car moves sideways before something it passes, and back after it.
RAMP = 15.0
#: Metres before the obstacle at which the rear axle has its full offset, and metres behind it at which it begins to return.
LEAD, LAG = 5.0, 1.5
#: Metres beside a cyclist that a careful driver leaves (in towns the least that German law allows).
BESIDE = 1.6
#: Metres between the bumper and the cyclist's rear wheel at which the car is over, and in front of it at which it comes back.
BEFORE, BEYOND = 5.0, 4.0
#: m/s by which the car must be able to be faster; metres from which it may overtake, and that it needs before a junction.
FASTER, FROM, FREE = 2.5, 45.0, 10.0
#: Metres beside its lane's middle from which on the ego has begun to overtake.
BEGUN = 0.4


@dataclass(frozen=True, slots=True)
class Passed:
    """A cyclist whom the ego overtakes now.

    Attributes:
        row: in the fleet.
        gap: metres from the ego's front bumper to the rear wheel, negative beside it.
        narrowing: where the ego will be beside the cyclist if it drives on as it can.
    """

    row: int
    gap: float
    narrowing: Narrowing


def overtaken(world: CitySimulation) -> list[Passed]:
    """The cyclists in the ego's lane whom it overtakes, or begins to because nobody comes towards it."""
    traffic = world.traffic
    if not traffic.riders:
        return []
    path, side = world.route.path, world.setup.streets.side
    at, speed = float(traffic.at[0]), float(traffic.speed[0])
    front, rear = at + float(traffic.front[0]), at + float(traffic.back[0])
    network = traffic.network
    half = network.lanes[world.route.lane_at(front)[0]].width / 2.0
    found = []
    for n in traffic.riders:
        if not traffic.active[n]:
            continue
        x, y, heading, length, width = traffic.boxes[n].tolist()
        along, offset = path.project(x, y, near=at, window=60.0)
        pace = float(traffic.speed[n])
        gap, beyond = along - length / 2.0 - front, along + length / 2.0 - rear
        if abs(offset) > half or gap > FROM or beyond < -BEYOND or abs(wrap(heading - path.pose(along).heading)) > 0.5:
            continue
        usual = min(world.setup.desired, world.route.limit_at(network, along))
        if usual < pace + FASTER and gap > 0.0:
            continue
        # On the way the car is between what it does now and what it would like to do.
        drives = max((speed + usual) / 2.0, pace + FASTER * 0.8)
        begins = at + drives * max(gap - BEFORE, 0.0) / (drives - pace)
        ends = at + drives * max(beyond + BEYOND, 0.0) / (drives - pace)
        away = (offset * side + width / 2.0 + BESIDE + EGO_WIDTH / 2.0) * side
        uses = abs(away) + EGO_WIDTH / 2.0 > half
        narrowing = Narrowing("cyclist", begins + LEAD, max(ends - LAG, begins + LEAD), away, uses, drives)
        begun = float(traffic.offset[0]) * side > BEGUN
        if not begun and (_ends_before(world, at, ends + RAMP + FREE) or (uses and comes_against(world, narrowing))):
            continue
        found.append(Passed(n, gap, narrowing))
    return found


def _ends_before(world: CitySimulation, at: float, until: float) -> bool:
    """Whether a junction begins on the ego's route before it is back in its lane."""
    return any(at < start < until for _, start in world.traffic.ways_of(0))


def may_overtake(world: CitySimulation) -> bool:
    """Whether there is a cyclist near the ego, past whom it may use the other side of the road."""
    traffic = world.traffic
    return any(
        traffic.active[n]
        and abs(float(traffic.boxes[n, 0] - traffic.boxes[0, 0])) < 30.0
        and abs(float(traffic.boxes[n, 1] - traffic.boxes[0, 1])) < 30.0
        for n in traffic.riders
    )


def narrowings_now(world: CitySimulation) -> tuple[Narrowing, ...]:
    """What the ego moves over for: what stands in its lane, and whom it overtakes."""
    return (*world.setup.narrowings, *(passed.narrowing for passed in overtaken(world)))


def comes_against(world: CitySimulation, narrowing: Narrowing) -> int | None:
    """The oncoming vehicle that would be met next to the narrowing, or None."""
    traffic = world.traffic
    path = world.route.path
    at, speed = float(traffic.at[0]), float(traffic.speed[0])
    clear = narrowing.end + LAG + RAMP * 0.7
    pace = max(min(narrowing.speed, speed + 2.0), 3.5)
    needed = (clear - at) / pace + 1.5
    for n in range(1, len(traffic.at)):
        if not traffic.active[n]:
            continue
        x, y, heading = (float(value) for value in traffic.boxes[n, :3])
        along, offset = path.project(x, y)
        if abs(offset) > 6.0 or along < at or abs(wrap(heading - path.pose(along).heading)) < 2.0:
            continue
        nose = along - float(traffic.size[n, 0]) / 2.0
        tail = along + float(traffic.size[n, 0]) / 2.0
        if tail > narrowing.start - LEAD - 0.6 * RAMP and nose - max(float(traffic.speed[n]), 3.0) * needed < clear:
            return n
    return None


def lateral_offset(narrowings: tuple[Narrowing, ...], at: float) -> float:
    """Metres to the left by which the rear axle at ``at`` metres of the route should be off its lane's middle."""
    offset = 0.0
    for narrowing in narrowings:
        full_from, full_to = narrowing.start - LEAD, narrowing.end + LAG
        share = min(max(min((at - full_from) / RAMP + 1.0, 1.0 - (at - full_to) / RAMP), 0.0), 1.0)
        offset += narrowing.offset * (1.0 - math.cos(math.pi * share)) / 2.0
    return offset
