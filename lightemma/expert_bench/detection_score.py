"""A detector's boxes against true ones.

Recall is by class and true distance, precision by class and the distance of what is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.expert_bench.tally import Tally
from lightemma.experts.base import Box, ground_points
from lightemma.experts.detections import covered, overlap
from lightemma.frame import Camera

#: Metres: far ends of the bands of distance.
BANDS = (15.0, 30.0, 60.0)
#: Label or kind -> class. A detector may call a cyclist person or bicycle: both are right.
CLASSES = {
    "car": "vehicle", "truck": "vehicle", "bus": "vehicle", "van": "vehicle", "trailer": "vehicle", "vehicle": "vehicle",
    "person": "person", "pedestrian": "person", "officer": "person", "worker": "person",
    "cyclist": "two-wheeler", "bicycle": "two-wheeler",
    "motorcycle": "two-wheeler",
}  # fmt: skip
#: Overlap (intersection over union) from which two boxes show the same thing.
SAME = 0.4
#: Share of a box within something that is not asked for, from which it is neither right nor wrong.
_IGNORED = 0.5


@dataclass(frozen=True, slots=True)
class TrueThing:
    """A road user in the picture.

    Attributes:
        kind: what it is, a key of ``CLASSES`` or another word.
        box: around it.
        distance: metres from the bumper.
        asked: whether a detector should find it; one that is hidden, cut off or far away is neither missed nor a false alarm.
    """

    kind: str
    box: Box
    distance: float
    asked: bool


def band(distance: float) -> str:
    """The band of a distance, such as ``15-30 m``."""
    far = next((one for one in BANDS if distance <= one), None)
    near = 0.0 if far == BANDS[0] else BANDS[BANDS.index(far) - 1] if far is not None else BANDS[-1]
    return f"{near:02.0f}-{far:.0f} m" if far is not None else f"beyond {near:.0f} m"


def score_boxes(name: str, found: Sequence[Box], truth: Sequence[TrueThing], camera: Camera, tally: Tally) -> None:
    """Matches boxes one to one, the surest first, and counts.

    Args:
        name: of the detector.
        found: its boxes.
        truth: all road users in the picture.
        camera: of the picture.
        tally: is added to.
    """
    left = [one for one in truth if one.asked and one.kind in CLASSES]
    others = [one for one in truth if not (one.asked and one.kind in CLASSES)]
    matched: list[TrueThing] = []
    for box in sorted(found, key=lambda one: -one.score):
        cls = CLASSES.get(box.label)
        if cls is None:
            continue
        able = [one for one in left if _alike(cls, CLASSES[one.kind])]
        best = max(able, key=lambda one: overlap(box, one.box), default=None)
        where = band(_claimed(box, camera))
        if best is not None and overlap(box, best.box) >= SAME:
            left.remove(best)
            matched.append(best)
            tally.right[f"{name}: precision, {cls} {where}"].append(True)
        elif not any(
            covered(box, one.box) >= _IGNORED for one in (*others, *(m for m in matched if m.kind == "cyclist"))
        ):
            tally.right[f"{name}: precision, {cls} {where}"].append(False)
    for one, hit in [*((one, True) for one in matched), *((one, False) for one in left)]:
        tally.right[f"{name}: recall, {CLASSES[one.kind]} {band(one.distance)}"].append(hit)


def _alike(found: str, true: str) -> bool:
    return found == true or (true == "two-wheeler" and found == "person")


def _claimed(box: Box, camera: Camera) -> float:
    """Metres at which a box's lower edge stands on level ground."""
    x = float(ground_points(np.array([[(box.left + box.right) / 2, box.bottom]]), camera)[0, 0])
    return x if np.isfinite(x) else float("inf")
