"""What all detectors share: driving's words for COCO's classes, suppression of boxes that show one thing, tiles, and counts.

Tiles are square parts of the picture at the height where far things are; a network that scales everything to one small input
sees them some three times as large there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace

from lightemma.experts.base import Box, Expert, Found, Question
from lightemma.experts.found_check import MOST_BOXES
from lightemma.frame import PixelArray

#: COCO's classes of what matters on a road, as drivers say them; other classes are left out.
DRIVING_WORDS = {
    "person": "person", "bicycle": "bicycle", "car": "car", "motorcycle": "motorcycle", "motorbike": "motorcycle", "bus": "bus",
    "truck": "truck", "traffic light": "traffic light", "stop sign": "stop sign",
}  # fmt: skip
#: Detectors take one of these for another.
_ALIKE = {"truck": "car", "bus": "car", "motorcycle": "bicycle"}
#: Boxes that overlap by more than this share are one; of boxes of two tiles also those that lie in each other by this share.
_OVERLAP, _WITHIN = 0.5, 0.7
#: Tiles: side and place of their upper edge as shares of the picture's height, and the share that neighbours have in common.
_SIDE, _UPPER, _COMMON = 0.55, 0.2, 0.2
#: Pixels: smaller tiles show nothing that the whole picture does not show.
_SMALLEST = 150
#: Pixels: a box that ends this near to a tile's border, where the picture goes on, is cut off.
_CUT = 3.0

#: Left, top, right and bottom in whole pixels, right and bottom not within.
Tile = tuple[int, int, int, int]


class Detector(Expert):
    """An expert that finds boxes in a picture, and says how many of what."""

    @abstractmethod
    def detect(self, pixels: PixelArray) -> list[Box]:
        """Boxes in pixels, the surest first.

        Args:
            pixels: (height, width, 3) red, green, blue.
        """

    def look(self, question: Question) -> Found:
        """The things of a picture, the surest first."""
        return counted(self.detect(question.pixels()))


def counted(boxes: list[Box]) -> Found:
    """Boxes and their counts in words."""
    if not boxes:
        return Found("No vehicle, person or traffic light is detected.")
    labels = [box.label for box in boxes]
    counts = ", ".join(f"{labels.count(one)} x {one}" for one in dict.fromkeys(labels))
    return Found(f"Detected: {counts}.", tuple(boxes[:MOST_BOXES]))


def suppressed(boxes: list[Box], *, nested: bool = False) -> list[Box]:
    """The surest of boxes that overlap by more than half (intersection over union), whatever their label.

    Args:
        boxes: of one picture.
        nested: also the surest of boxes that lie in each other, if their labels are alike.
    """
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if not any(overlap(box, other) > _OVERLAP or (nested and _is_nested(box, other)) for other in kept):
            kept.append(box)
    return kept


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    common = _common(one, other)
    return common / (_area(one) + _area(other) - common) if common > 0 else 0.0


def covered(box: Box, other: Box) -> float:
    """The share of a box that another covers, 0 to 1."""
    return _common(box, other) / _area(box)


def tiles(width: int, height: int) -> list[Tile]:
    """Square tiles beside each other at the height of the horizon, from the left to the right edge of a picture."""
    side = min(width, height, max(_SMALLEST, round(_SIDE * height)))
    top = min(round(_UPPER * height), height - side)
    if width <= side:
        return [(0, top, width, top + side)]
    count = -(-(width - side) // max(1, round(side * (1 - _COMMON)))) + 1
    lefts = [round(one * (width - side) / (count - 1)) for one in range(count)]
    return [(left, top, left + side, top + side) for left in lefts]


def in_tiles(detect: Callable[[PixelArray], list[Box]], pixels: PixelArray, least_in_tiles: float = 0.0) -> list[Box]:
    """Boxes of the whole picture and of its tiles, each thing once.

    A tile's box that ends at the tile's border shows a part of something that another tile, or the whole picture, shows whole;
    it is left out. Of boxes of different tiles that lie in each other the surer is kept if their labels are alike.

    Args:
        detect: finds boxes in pixels.
        pixels: (height, width, 3) red, green, blue.
        least_in_tiles: boxes of tiles with a lower score are left out. Tiles show a network several times as much, and what
            it is less sure of is more often wrong there.

    Returns:
        The surest first.
    """
    height, width = pixels.shape[:2]
    found = [(box, -1) for box in detect(pixels)]
    for number, (left, top, right, bottom) in enumerate(tiles(width, height)):
        for box in detect(pixels[top:bottom, left:right]):
            cut = (
                (left > 0 and box.left < _CUT) or (right < width and box.right > right - left - 1 - _CUT)
                or (top > 0 and box.top < _CUT) or (bottom < height and box.bottom > bottom - top - 1 - _CUT)
            )  # fmt: skip
            if not cut and box.score >= least_in_tiles:
                moved = replace(
                    box, left=box.left + left, right=box.right + left, top=box.top + top, bottom=box.bottom + top
                )
                found.append((moved, number))
    kept: list[tuple[Box, int]] = []
    for box, tile in sorted(found, key=lambda one: -one[0].score):
        if not any(
            overlap(box, other) > _OVERLAP or (tile != source and _is_nested(box, other)) for other, source in kept
        ):
            kept.append((box, tile))
    return [box for box, _ in kept][:MOST_BOXES]


def _kind(box: Box) -> str:
    return _ALIKE.get(box.label, box.label)


def _is_nested(one: Box, other: Box) -> bool:
    """Whether most of the smaller box lies in the other, and they may be the same thing."""
    return _kind(one) == _kind(other) and _common(one, other) > _WITHIN * min(_area(one), _area(other))


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)


def _common(one: Box, other: Box) -> float:
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    return wide * high if wide > 0 and high > 0 else 0.0
