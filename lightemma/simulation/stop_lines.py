"""The stop lines with lights that the ego drives over."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lightemma.simulation.network import Group
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_LENGTH
from lightemma.simulation.world import CitySimulation


@dataclass(frozen=True, slots=True)
class _Line:
    """A stop line with lights: its middle, the direction of travel, half the lane's width and the signal group."""

    x: float
    y: float
    cos: float
    sin: float
    half: float
    group: Group


def _stop_lines(world: CitySimulation) -> list[_Line]:
    found = []
    for lane in world.traffic.network.lanes:
        if lane.stop_at is None or lane.group is None or lane.group[0] not in world.controllers:
            continue
        pose = lane.path.pose(lane.stop_at)
        found.append(
            _Line(pose.x, pose.y, math.cos(pose.heading), math.sin(pose.heading), lane.width / 2.0, lane.group)
        )
    return found


class StopLines:
    """The stop lines of a world, and where the ego was before them at the last look.

    Args:
        world: at its start.
    """

    def __init__(self, world: CitySimulation) -> None:
        self._world = world
        self._lines = _stop_lines(world)
        self._before = self._ahead_of_lines()

    def crossed_in_red(self, long_step: tuple[tuple[float, float], tuple[float, float]] | None) -> int:
        """How many lines the ego has crossed since the last look although their lights are red.

        Args:
            long_step: both ends of a step that was longer than any car's, for lines on the way; else None.
        """
        past = self._ahead_of_lines()
        crossed = 0
        for line, before, now in zip(self._lines, self._before, past, strict=True):
            if before < 0.0 <= now or (long_step is not None and _jumped_over(line, *long_step)):
                junction, phase = line.group
                crossed += self._world.controllers[junction].colour(phase, self._world.time) == "red"
        self._before = past
        return crossed

    def _ahead_of_lines(self) -> list[float]:
        """Metres by which the ego's front bumper is past each stop line; nan where it is not near the line in its lane."""
        if not self._lines:
            return []
        ego = self._world.ego
        reach = EGO_CENTRE_AHEAD + EGO_LENGTH / 2.0
        cos, sin = math.cos(ego.pose.heading), math.sin(ego.pose.heading)
        x, y = ego.pose.x + reach * cos, ego.pose.y + reach * sin
        found = []
        for line in self._lines:
            dx, dy = x - line.x, y - line.y
            past = math.nan
            if abs(dx) < 8.0 and abs(dy) < 8.0 and cos * line.cos + sin * line.sin > 0.5:
                along, across = dx * line.cos + dy * line.sin, dy * line.cos - dx * line.sin
                if abs(across) < line.half and abs(along) < 5.0:
                    past = along
            found.append(past)
        return found


def _jumped_over(line: _Line, start: tuple[float, float], end: tuple[float, float]) -> bool:
    """Whether a step that is longer than any car's led over a stop line."""
    (x0, y0), (x1, y1) = start, end
    before, now = ((x - line.x) * line.cos + (y - line.y) * line.sin for x, y in (start, end))
    if not before < 0.0 <= now:
        return False
    share = before / (before - now)
    x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
    return abs((y - line.y) * line.cos - (x - line.x) * line.sin) < line.half
