"""The roads of a demo drive: where they run, and their surface and markings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.data.demo_drives import ROAD_CENTRE, Drive, Path, Profile
from lightemma.data.demo_mesh import Colour, Layer, MeshBuilder
from lightemma.data.demo_shapes import dimmed
from lightemma.frame import FloatArray, Pose

LANE = 3.5
"""Metres: width of a lane."""

_ASPHALT: Colour = (92, 93, 96)
_LINE: Colour = (222, 222, 216)
_STRAIGHT = Profile(((0.0, 0.0),))


@dataclass(frozen=True, slots=True)
class Road:
    """A two-lane road, or the rounded corner between two.

    Attributes:
        path: stations and headings.
        centre: metres from the path to the road's middle, positive to the left.
        span: first and last station.
        half: metres from the middle to the edge lines.
        shoulder: metres from the edge lines to the kerb.
        gap: stations between which there are no markings.
        corner: a rounded corner: no centre line and nothing along it.
        lined: first and last station with houses, trees and lamps.
    """

    path: Path
    centre: float
    span: tuple[float, float]
    half: float = LANE
    shoulder: float = 0.55
    gap: tuple[float, float] = (0.0, 0.0)
    corner: bool = False
    lined: tuple[float, float] = (-25.0, 190.0)

    @property
    def edge(self) -> float:
        """Metres from the middle to the kerb."""
        return self.half + self.shoulder

    def middle(self, station: FloatArray | float, left: FloatArray | float = 0.0) -> FloatArray:
        """(..., 2) metres: points so many metres to the left of the road's middle."""
        return self.path.beside(station, self.centre + np.asarray(left))


def roads_of(drive: Drive, lane: Path, cross: Path | None) -> list[Road]:
    """All roads of a drive, the driven one first.

    Args:
        drive: the drive.
        lane: the middle of its lane.
        cross: the middle of the crossing road, if there is one.
    """
    shoulder = 2.3 if drive.parking else 0.55
    crossing = drive.crossing
    if crossing is None or cross is None:
        return [Road(lane, ROAD_CENTRE, (-50.0, 350.0), shoulder=shoulder)]
    reach = LANE + 3.5
    line = drive.stop_line
    gap = (crossing.station - reach if line is None else line - 0.8, crossing.station + reach)
    if crossing.turn_end is None:
        main = Road(lane, ROAD_CENTRE, (-50.0, 350.0), shoulder=shoulder, gap=gap)
        return [
            main,
            Road(cross, 0.0, (-150.0, 150.0), gap=(-reach - shoulder, reach + shoulder), lined=(-70.0, 70.0)),
        ]
    ahead = Path.along(_STRAIGHT, -50.0, 300.0, Pose(0.0, 0.0, 0.0))
    return [
        Road(ahead, ROAD_CENTRE, (-50.0, 300.0), shoulder=shoulder, gap=gap),
        Road(cross, 0.0, (-150.0, 250.0), gap=(-reach, reach), lined=(-60.0, 170.0)),
        Road(lane, 0.0, (crossing.turn_end - 26.0, crossing.turn_end + 5.0), half=1.6, corner=True),
    ]


def add_surface(builder: MeshBuilder, road: Road, pavement: float, kerb: Colour, rng: np.random.Generator) -> None:
    """Pavement, kerb, asphalt and lines of a road: one band over the other, so that crossings come out right.

    Args:
        builder: gets the faces.
        road: the road.
        pavement: metres of pavement at each side; 0 for a strip of ``kerb`` colour.
        kerb: colour of the kerb.
        rng: decides where the asphalt is patched.
    """
    cell = 1.0 if road.corner else 2.5
    stations = np.arange(road.span[0], road.span[1] + cell / 2, cell)
    tones = np.repeat(rng.normal(0.0, 1.3, len(stations) // 4 + 1), 4)
    paved: Colour = (150, 147, 142) if pavement else kerb
    for layer, half, colour in (
        (Layer.PAVEMENT, road.edge + max(pavement, 0.5), paved),
        (Layer.KERB, road.edge + (0.28 if pavement else 0.1), kerb),
        (Layer.ROAD, road.edge, _ASPHALT),
        (Layer.EDGE_LINE, road.half - 0.12, _LINE),
        (Layer.LANES, road.half - 0.26, _ASPHALT),
    ):
        # The line of a rounded corner is on its right only: the lanes cover what is to the left, inside the crossing.
        beyond = half + 2.4 if road.corner and layer is Layer.LANES else half
        left, right = road.middle(stations, beyond), road.middle(stations, -half)
        tone = tones[: len(stations) - 1, None] if layer in (Layer.ROAD, Layer.LANES) else 0.0
        colours = np.tile(np.array(colour, dtype=np.float64), (len(stations) - 1, 1)) + tone
        builder.add_many(np.stack([right[:-1], right[1:], left[1:], left[:-1]], axis=1), colours, layer)
    if not road.corner:
        _add_wear(builder, road, rng)
        _add_dashes(builder, road)


def _add_wear(builder: MeshBuilder, road: Road, rng: np.random.Generator) -> None:
    """Patches, seams and drain covers, which make the motion visible."""
    for station in np.arange(road.span[0] + 4, road.span[1] - 6, 6.5):
        place = station + rng.uniform(-2, 2)
        side, width, length = rng.uniform(-2.9, 2.9), rng.uniform(0.05, 0.9), rng.uniform(0.7, 3.5)
        ring = np.array([place, place + length, place + length, place])
        shade = rng.uniform(0.88, 1.06)
        across = np.clip([side - width, side - width, side + width, side + width], -3.1, 3.1)
        builder.add(road.middle(ring, across), dimmed(_ASPHALT, shade), Layer.MARKING)


def add_stop_line(builder: MeshBuilder, lane: Path, station: float) -> None:
    """A stop line across the driven lane, and a zebra crossing behind it."""
    ring = np.array([station, station + 0.45, station + 0.45, station])
    builder.add(lane.beside(ring, np.array([-1.45, -1.45, 1.6, 1.6])), _LINE, Layer.MARKING)
    ring = np.array([station + 1.2, station + 3.4, station + 3.4, station + 1.2])
    for left in np.arange(-LANE + 0.5, LANE - 0.6, 1.0):
        sides = ROAD_CENTRE + left + np.array([0.0, 0.0, 0.5, 0.5])
        builder.add(lane.beside(ring, sides), _LINE, Layer.MARKING)


def crossing_path(drive: Drive, lane: Path) -> Path | None:
    """The middle of the road that crosses, station 0 where the two middles meet; from left to right of the drive."""
    if drive.crossing is None:
        return None
    if drive.crossing.turn_end is None:
        meeting = lane.pose(drive.crossing.station, ROAD_CENTRE)
        start = Pose(meeting.x, meeting.y, meeting.heading - np.pi / 2)
        return Path.along(_STRAIGHT, -200.0, 200.0, start)
    after = lane.pose(drive.crossing.turn_end, ROAD_CENTRE)
    # The new road runs to the right (heading -90 degrees), so its station 0 is where it meets y = ROAD_CENTRE.
    start = Pose(after.x, ROAD_CENTRE, after.heading)
    return Path.along(_STRAIGHT, -200.0, 260.0, start)


def _add_dashes(builder: MeshBuilder, road: Road) -> None:
    """The broken line along the middle: 3 m of paint, 4.5 m of none."""
    for station in np.arange(road.span[0], road.span[1] - 3.0, 7.5):
        if road.gap[0] < station + 3.0 and station < road.gap[1]:
            continue
        ring = np.array([station, station + 1.5, station + 3.0, station + 3.0, station + 1.5, station])
        builder.add(road.middle(ring, np.array([-0.07, -0.07, -0.07, 0.07, 0.07, 0.07])), _LINE, Layer.MARKING)


def add_right_arrow(builder: MeshBuilder, lane: Path, station: float) -> None:
    """A painted arrow to the right, 4 m long."""
    for outline in (
        [(0.0, 0.09), (0.0, -0.09), (3.0, -0.09), (3.0, 0.09)],
        [(2.5, 0.09), (2.5, -0.4), (3.0, -0.4), (3.0, 0.09)],
        [(1.9, -0.4), (2.75, -1.05), (3.6, -0.4)],
    ):
        ahead, left = np.array(outline).T
        builder.add(lane.beside(station + ahead, left), _LINE, Layer.MARKING)
