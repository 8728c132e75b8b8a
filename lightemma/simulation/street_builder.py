"""Lays out a street by its plan: lanes, stop lines, crossings, and the ways through junctions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from lightemma.frame import Pose
from lightemma.simulation.geometry import Path
from lightemma.simulation.junction_ways import gives_way, turn_between, way_path
from lightemma.simulation.network import Conflict, Crossing, Group, Lane, Network, Turn, find_conflict, middle_points
from lightemma.simulation.roundabouts import Quarter, conflicts_round, lay_round, reach_of
from lightemma.simulation.streets import (
    CROSSING_GAP,
    CROSSING_WIDTH,
    GUTTER,
    PARKING,
    STOP_GAP,
    WALK_FROM,
    WALK_WIDTH,
    Junction,
    JunctionPlan,
    Road,
    StreetPlan,
    Streets,
    Stretch,
)


@dataclass
class _Builder:
    """Collects lanes while the street is laid out."""

    plan: StreetPlan
    lanes: list[Lane] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    roads: list[Road] = field(default_factory=list)

    def road(
        self,
        middle: Path,
        lanes: int,
        begins: JunctionPlan | None,
        ends: JunctionPlan | None,
        group_begin: Group | None,
        group_end: Group | None,
        must_yield: bool,
        stretch: Stretch | None = None,
    ) -> Road:
        """Adds a road with its lanes; the junctions at its two ends say which stop lines and crossings it has."""
        width = self.plan.lane_width
        side = self.plan.cycle if stretch is not None else 0.0
        half = lanes * width + side + GUTTER
        length = middle.length
        line = CROSSING_GAP + CROSSING_WIDTH + STOP_GAP
        stop_end = _stop(ends, must_yield, line)
        stop_begin = _stop(begins, must_yield, line)
        forward: list[int] = []
        backward: list[int] = []
        for direction, numbers in ((-1, forward), (1, backward)):
            first = len(self.lanes)
            for k in range(lanes):
                path = middle.shifted(direction * (k + 0.5) * width)
                setback, group = (stop_end, group_end) if direction < 0 else (stop_begin, group_begin)
                if direction > 0:
                    path = path.reversed()
                yields = must_yield or _is_ring(ends if direction < 0 else begins)
                numbers.append(first + k)
                self.lanes.append(
                    Lane(
                        number=first + k,
                        path=path,
                        width=width,
                        limit=self.plan.limit,
                        neighbours=tuple(n for n in (first + k - 1, first + k + 1) if first <= n < first + lanes),
                        stop_at=None if setback is None else path.length - setback,
                        group=group,
                        must_yield=yields and setback is not None and group is None,
                        zones=_zones(stretch, middle, path),
                    )
                )
        cycle: list[int] = []
        for direction in (-1, 1) if side else ():
            path = middle.shifted(direction * (lanes * width + side / 2.0))
            setback, group = (stop_end, group_end) if direction < 0 else (stop_begin, group_begin)
            path = path if direction < 0 else path.reversed()
            stop = None if setback is None else path.length - setback
            cycle.append(len(self.lanes))
            self.lanes.append(Lane(len(self.lanes), path, side, self.plan.limit, stop_at=stop, group=group, cycle=True))
        places: list[tuple[float, Group | None]] = []
        if begins is not None and begins.signals:
            places.append((CROSSING_GAP + CROSSING_WIDTH / 2, group_begin))
        if ends is not None and ends.signals:
            places.append((length - CROSSING_GAP - CROSSING_WIDTH / 2, group_end))
        parking = (0.0, 0.0)
        if stretch is not None:
            places += [(along, None) for along in stretch.crossings]
            parking = (PARKING * stretch.parking[0], PARKING * stretch.parking[1])
        for along, group in places:
            self._crossing(middle, along, half, group, (*forward, *backward))
        for along in stretch.walks if stretch is not None else ():
            self._crossing(middle, along, half, None, (*forward, *backward), WALK_WIDTH, WALK_FROM)
        road = Road(
            middle,
            tuple(forward),
            tuple(backward),
            half,
            parking,
            tuple(along for along, _ in places),
            (stop_begin, None if stop_end is None else length - stop_end),
            stretch.zone if stretch is not None else None,
            tuple(cycle),
        )
        self.roads.append(road)
        return road

    def _crossing(
        self,
        middle: Path,
        along: float,
        half: float,
        group: Group | None,
        lanes: tuple[int, ...],
        width: float = CROSSING_WIDTH,
        beside: float = 0.9,
    ) -> None:
        one, two = middle.offset_pose(along, -half - beside), middle.offset_pose(along, half + beside)
        at = middle.pose(along)
        self.crossings.append(
            Crossing(
                number=len(self.crossings),
                start=(one.x, one.y),
                end=(two.x, two.y),
                width=width,
                lanes=tuple((n, self.lanes[n].path.project(at.x, at.y)[0]) for n in lanes),
                group=group,
            )
        )

    def connect(self, junction: Junction) -> tuple[Quarter, ...]:
        """Adds the ways through a junction and links them to the lanes at both ends; gives those of a roundabout."""
        if junction.plan.ring:
            return self._round(junction)
        incoming = {name: road.forward if name == "west" else road.backward for name, road in junction.arms.items()}
        outgoing = {name: road.backward if name == "west" else road.forward for name, road in junction.arms.items()}
        for name, lanes_in in incoming.items():
            for target, lanes_out in outgoing.items():
                if target == name:
                    continue
                turn = turn_between(self.lanes[lanes_in[0]].path, self.lanes[lanes_out[0]].path)
                for k, lane_in in enumerate(lanes_in):
                    if (turn == "left" and k > 0) or (turn == "right" and k < len(lanes_in) - 1):
                        continue
                    out = {"left": 0, "right": len(lanes_out) - 1, "straight": min(k, len(lanes_out) - 1)}[turn]
                    self._way(junction.number, lane_in, lanes_out[out], turn)
        west, east = junction.arms["west"], junction.arms["east"]
        for one, other in zip(west.cycle, east.cycle, strict=True):
            along = one == west.cycle[0]
            self._way(junction.number, one if along else other, other if along else one, "straight")
        return ()

    def _round(self, junction: Junction) -> tuple[Quarter, ...]:
        """Adds a roundabout."""
        ends: dict[str, tuple[int, int]] = {
            name: (road.forward[-1], road.backward[-1]) if name == "west" else (road.backward[-1], road.forward[-1])
            for name, road in junction.arms.items()
        }
        lanes, entries, quarters = lay_round(
            len(self.lanes), junction.number, junction.centre, junction.plan.ring, ends, self.lanes
        )
        self.lanes += lanes
        for lane, entry in entries.items():
            self.lanes[lane] = replace(self.lanes[lane], successors=(entry,))
        return quarters

    def _way(self, junction: int, lane_in: int, lane_out: int, turn: Turn) -> None:
        before, after = self.lanes[lane_in], self.lanes[lane_out]
        number = len(self.lanes)
        path = way_path(before.path.pose(before.path.length), after.path.pose(0.0))
        self.lanes.append(
            Lane(
                number,
                path,
                before.width,
                before.limit,
                (),
                (lane_out,),
                junction,
                turn,
                # Beside a lane for cyclists a right turn crosses it.
                waits_inside=turn == "left" or (turn == "right" and self.plan.cycle > 0.0),
                cycle=before.cycle,
            )
        )
        self.lanes[lane_in] = replace(before, successors=(*before.successors, number))

    def network(self) -> Network:
        """The lane graph with all conflicts."""
        conflicts: dict[int, tuple[Conflict, ...]] = {}
        entry = {way: lane for lane in self.lanes for way in lane.successors}
        points = {lane.number: middle_points(lane.path) for lane in self.lanes if lane.junction is not None}
        for own in self.lanes:
            if own.junction is None:
                continue
            found: list[Conflict] = []
            if own.ring:
                conflicts[own.number] = conflicts_round(own, self.lanes, points)
                continue
            for other in self.lanes:
                if other.junction != own.junction or entry[other.number] == entry[own.number]:
                    continue
                yields = gives_way(entry[own.number], own, entry[other.number], other)
                conflict = find_conflict(own, other, points[own.number], points[other.number], yields)
                if conflict:
                    found.append(conflict)
            conflicts[own.number] = tuple(found)
        return Network(tuple(self.lanes), tuple(self.crossings), conflicts)


def build_streets(plan: StreetPlan) -> Streets:
    """Lays out a street in right-hand traffic.

    Raises:
        ValueError: if stretches and junctions do not alternate.
    """
    builder = _Builder(plan)
    elements = plan.elements
    if not elements or isinstance(elements[0], JunctionPlan) or isinstance(elements[-1], JunctionPlan):
        raise ValueError("a street begins and ends with a stretch")
    kerb_main, kerb_side = plan.lanes * plan.lane_width + plan.cycle + GUTTER, plan.lane_width + GUTTER
    here, middles = plan.start, []
    stretches: list[Road] = []
    waiting: list[tuple[int, JunctionPlan, Pose, float, float]] = []
    for index, element in enumerate(elements):
        if isinstance(element, JunctionPlan):
            half_x, half_y = kerb_side + element.radius, kerb_main + element.radius
            if element.ring:
                half_x = half_y = reach_of(element.ring, plan.lane_width)
            across = Path.from_pieces(here, [(2.0 * half_x, 0.0)])
            waiting.append((len(waiting), element, across.pose(half_x), half_x, half_y))
            middles.append(across)
            here = across.pose(across.length)
            continue
        before, after = _junction_at(elements, index - 1), _junction_at(elements, index + 1)
        middle = Path.from_pieces(here, element.pieces)
        group_begin: Group | None = (len(waiting) - 1, "main") if before and before.signals else None
        group_end: Group | None = (len(waiting), "main") if after and after.signals else None
        stretches.append(builder.road(middle, plan.lanes, before, after, group_begin, group_end, False, element))
        middles.append(middle)
        here = middle.pose(middle.length)
    junctions = []
    for number, element, centre, half_x, half_y in waiting:
        arms: dict[Literal["west", "east", "north", "south"], Road] = {
            "west": stretches[number],
            "east": stretches[number + 1],
        }
        group: Group | None = (number, "side") if element.signals else None
        if element.left:
            arms["north"] = builder.road(
                _side(centre, half_y, math.pi / 2, element), 1, element, None, group, None, not element.signals
            )
        if element.right:
            arms["south"] = builder.road(
                _side(centre, half_y, -math.pi / 2, element), 1, element, None, group, None, not element.signals
            )
        junction = Junction(number, centre, half_x, half_y, kerb_main, kerb_side, element, arms)
        quarters = builder.connect(junction)
        junctions.append(replace(junction, quarters=quarters))
    return Streets(
        builder.network(),
        Path.joined(middles),
        tuple(builder.roads),
        tuple(stretches),
        tuple(junctions),
        lane_width=plan.lane_width,
    )


def _stop(junction: JunctionPlan | None, must_yield: bool, line: float) -> float | None:
    """How far before a road's end its stop line is, or None where there is none."""
    if junction is None:
        return None
    if junction.signals:
        return line
    return 1.0 if must_yield or junction.ring else None


def _is_ring(junction: JunctionPlan | None) -> bool:
    return junction is not None and junction.ring > 0.0


def _zones(stretch: Stretch | None, middle: Path, lane: Path) -> tuple[tuple[float, float, float], ...]:
    """A stretch's zone, in metres along one of its lanes."""
    if stretch is None or stretch.zone is None:
        return ()
    begin, end, limit = stretch.zone
    ends = [lane.project(pose.x, pose.y)[0] for pose in (middle.pose(begin), middle.pose(end))]
    return ((min(ends), max(ends), limit),)


def _junction_at(elements: tuple[Stretch | JunctionPlan, ...], index: int) -> JunctionPlan | None:
    if not 0 <= index < len(elements):
        return None
    element = elements[index]
    if not isinstance(element, JunctionPlan):
        raise ValueError("stretches and junctions must alternate")
    return element


def _side(centre: Pose, half_y: float, turn: float, plan: JunctionPlan) -> Path:
    heading = centre.heading + turn
    start = Pose(centre.x + half_y * math.cos(heading), centre.y + half_y * math.sin(heading), heading)
    return Path.from_pieces(start, [(plan.side_length, 0.0)])
