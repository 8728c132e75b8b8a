"""How far things ahead are: the lower edge of a box stands on level ground, which the camera's calibration places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.agents import CAR_AHEAD, CAR_LENGTH
from lightemma.experts.base import Box, Card, Expert, Found, Question, ground_points
from lightemma.frame import Camera

#: Labels of things that stand on the road.
ON_THE_ROAD = frozenset(
    {"car", "truck", "bus", "van", "vehicle", "motorcycle", "bicycle", "person", "pedestrian", "cyclist", "trailer"}
)
#: Metres: half a lane, the farthest that level ground is believed, things that are named.
HALF_LANE, FARTHEST, _MOST = 1.8, 80.0, 5
#: Pixels above the lower edge of the picture: a box that ends there is cut off, and does not show where it stands.
_CUT = 2.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A thing on the ground.

    Attributes:
        box: in the picture.
        distance: metres from the front bumper, straight ahead.
        aside: metres to the left of the path that the car is on.
    """

    box: Box
    distance: float
    aside: float


class GroundDistance(Expert):
    """Says how far the things of boxes are, by level ground."""

    card = Card(
        id="ground-distance",
        task="ground-distance",
        description="Turns boxes of vehicles and people into metres ahead and aside, by the camera's calibration.",
        inputs=("boxes", "picture?"),
        outputs=("words", "numbers"),
        code_licence="MIT",
        rank=1,
        cost=0.002,
        usual={"boxes": "object-detection", "picture": "picture"},
        camera=True,
    )

    def look(self, question: Question) -> Found:
        """The nearest things, the one in our lane first."""
        placed = on_the_ground(question.boxes["boxes"], question.camera(), _curvature(question))
        if not placed:
            return Found("No vehicle or person is seen on the road ahead.")
        lead = lead_of(placed)
        numbers = {"lead_distance_m": round(lead.distance, 2)} if lead else {}
        named = list(dict.fromkeys(([lead] if lead else []) + placed))[:_MOST]
        return Found(f"Ahead: {'; '.join(map(_words, named))}.", numbers=numbers)


def on_the_ground(boxes: tuple[Box, ...], camera: Camera, curvature: float = 0.0) -> list[Placed]:
    """Where the things of boxes stand, the nearest first.

    Args:
        boxes: in the picture of the camera.
        camera: with intrinsics and size for that picture.
        curvature: 1/m of the path that the car is on, by which "in our lane" is told.
    """
    last = camera.size[1] - 0.5 - _CUT if camera.size is not None else np.inf
    kept = [box for box in boxes if box.label in ON_THE_ROAD and box.bottom < last]
    if not kept:
        return []
    feet = np.array([[(box.left + box.right) / 2, box.bottom] for box in kept])
    placed = []
    for box, (x, y) in zip(kept, ground_points(feet, camera).tolist(), strict=True):
        distance = x - CAR_AHEAD - CAR_LENGTH / 2
        if np.isfinite(distance) and 0 < distance <= FARTHEST:
            placed.append(Placed(box, distance, y - curvature * x * x / 2))
    return sorted(placed, key=lambda one: one.distance)


def lead_of(placed: list[Placed]) -> Placed | None:
    """The nearest thing in our lane."""
    return next((one for one in placed if abs(one.aside) < HALF_LANE), None)


def _curvature(question: Question) -> float:
    history = question.frame.history
    return float(history.actions[-1, 1]) if history.known else 0.0


def _words(one: Placed) -> str:
    if abs(one.aside) < HALF_LANE:
        where = "in our lane"
    else:
        where = f"{abs(one.aside):.0f} m to the {'left' if one.aside > 0 else 'right'}"
    return f"{one.box.label} {one.distance:.0f} m ahead {where}"
