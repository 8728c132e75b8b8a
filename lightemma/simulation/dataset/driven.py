"""What was driven, picture by picture and without noise: ``driven/<scene>.jsonl`` of a data set."""

from __future__ import annotations

import msgspec

from lightemma.simulation.dataset.recording import Recording
from lightemma.simulation.dataset.tables import picture_name

_ENCODER = msgspec.json.Encoder()


class DrivenRow(msgspec.Struct, frozen=True, kw_only=True):
    """The car at the moment of one picture, as it truly was; the tables' poses have a few millimetres of noise.

    Attributes:
        picture: its path inside the data set.
        timestamp: microseconds.
        key_frame: its number among the key frames; None for a sweep.
        time: seconds since the episode's start, negative in the warm-up.
        x: metres, of the rear axle in the world of the simulation.
        y: metres.
        heading: radians.
        speed: m/s.
        curvature: 1/m of the path it is on, positive = left.
        acceleration: m/s².
    """

    picture: str
    timestamp: int
    key_frame: int | None
    time: float
    x: float
    y: float
    heading: float
    speed: float
    curvature: float
    acceleration: float


def driven_file(recording: Recording) -> bytes:
    """One line for each picture, in order of time."""
    lines = []
    for look in recording.looks:
        state = look.state
        ego = state.ego
        row = DrivenRow(
            picture=picture_name(recording.drive, look),
            timestamp=look.timestamp,
            key_frame=look.key_frame,
            time=round(state.time, 6),
            x=round(ego.pose.x, 4),
            y=round(ego.pose.y, 4),
            heading=round(ego.pose.heading, 6),
            speed=round(ego.speed, 4),
            curvature=round(ego.curvature, 6),
            acceleration=round(ego.acceleration, 4),
        )
        lines.append(_ENCODER.encode(row) + b"\n")
    return b"".join(lines)
