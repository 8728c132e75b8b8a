"""The lane by its marks: bright narrow strokes on level ground, seen from above through the camera.

For every pair of heading h and curvature c of a grid, marks at (x, y) metres are moved to y - h x - c x²/2. Where h and c are
those of the road, the marks of one line fall together: the pair with the sharpest histogram is taken (a Hough transform).
"""

from __future__ import annotations

import numpy as np

from lightemma.experts.base import Card, Expert, Found, Question, ground_points
from lightemma.experts.oracle_lane import heading_in_words
from lightemma.frame import Camera, FloatArray, PixelArray

#: Metres: the part of the ground that is looked at, the width of a stroke, of a bin, and how wide lanes are.
_NEAR, _FAR, _ASIDE, _STROKE, _BIN = 5.0, 30.0, 7.0, 0.15, 0.15
_NARROWEST, _WIDEST = 2.4, 5.0
#: Grey levels by which a stroke is brighter than the road at both sides.
_BRIGHTER = 28
#: The grid: radians, 1/m.
_HEADINGS = np.linspace(-0.25, 0.25, 41)
_CURVATURES = np.linspace(-0.03, 0.03, 31)
#: Marks that are needed, marks that are used at most, and share of the best line that a second line must have.
_FEWEST, _MOST, _SECOND = 40, 3000, 0.2
#: 1/m: below it the lane is straight.
_STRAIGHT = 0.003


class LaneGeometry(Expert):
    """Says where our lane is: its bend, how the car points in it, and how far from its middle it is."""

    card = Card(
        id="lane-geometry",
        task="lane-geometry",
        description="Finds lane marks on the ground and says how the lane bends and where in it our car is.",
        inputs=("picture",),
        outputs=("words", "numbers"),
        code_licence="MIT",
        rank=1,
        cost=0.15,
        usual={"picture": "picture"},
        camera=True,
    )

    def look(self, question: Question) -> Found:
        """The lane through its marks."""
        marks = lane_marks(question.pixels(), question.camera())
        if len(marks) < _FEWEST:
            return Found("No lane marks are seen clearly.")
        heading, curvature, lines = fitted(marks)
        left, right = [y for y in lines if y > 0], [y for y in lines if y <= 0]
        if not (left and right and _NARROWEST <= min(left) - max(right) <= _WIDEST):
            return Found("No lane with marks at both sides is seen clearly.")
        width, middle = min(left) - max(right), (min(left) + max(right)) / 2
        words = (
            f"The lane {_bend(curvature)}. It is {width:.1f} m wide; our car is {abs(middle):.1f} m to the "
            f"{'left' if middle < 0 else 'right'} of its middle{heading_in_words(-heading)}."
        )
        numbers = {
            "lane_curvature_1pm": round(curvature, 4),
            "heading_error_rad": round(-heading, 4),
            "lane_width_m": round(width, 2),
            "lane_offset_m": round(-middle, 2),
        }
        return Found(words, numbers=numbers)


def lane_marks(pixels: PixelArray, camera: Camera) -> FloatArray:
    """Middles of bright narrow strokes on the ground.

    Args:
        pixels: (height, width, 3).
        camera: with intrinsics for them.

    Returns:
        (n, 2) metres, ego frame.
    """
    grey = pixels.astype(np.float64).mean(axis=2)
    height, width = grey.shape
    rows = np.arange(height // 3, height)
    columns = np.arange(width)
    middle = ground_points(np.column_stack([np.full(len(rows), width / 2), rows]), camera)
    found = []
    for row, (x, _) in zip(rows.tolist(), middle.tolist(), strict=True):
        if not np.isfinite(x) or not _NEAR <= x <= _FAR:
            continue
        # Two strokes' widths to each side lies bare road.
        step = int(max(2.0, round(2 * _STROKE * float(camera.intrinsic[0, 0]) / x)))
        if 2 * step >= width:
            continue
        line = grey[row]
        inner = line[step:-step]
        stroke = (inner - line[: -2 * step] > _BRIGHTER) & (inner - line[2 * step :] > _BRIGHTER)
        places = columns[step:-step][stroke]
        if not len(places):
            continue
        # Neighbouring columns are one stroke.
        groups = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
        found += [(float(group.mean()), float(row)) for group in groups if len(group) <= 2 * step]
    if not found:
        return np.zeros((0, 2))
    points = ground_points(np.array(found), camera)
    kept = np.isfinite(points).all(axis=1) & (np.abs(points[:, 1]) < _ASIDE)
    points = points[kept]
    return points[:: max(1, len(points) // _MOST)]


def fitted(marks: FloatArray) -> tuple[float, float, list[float]]:
    """Heading (radians) and curvature (1/m) of the road in the ego frame, and where its lines are at x = 0.

    Args:
        marks: (n, 2) metres, ego frame.

    Returns:
        Heading, curvature, and metres to the left of each line.
    """
    x, y = marks[:, 0], marks[:, 1]
    bins = int(4 * _ASIDE / _BIN)
    # Far marks are few and near ones many: each metre of road counts the same.
    weights = 1.0 / np.bincount(x.astype(int))[x.astype(int)]
    best, sharpest = (0.0, 0.0), -1.0
    for heading in _HEADINGS:
        straight = y - heading * x
        for curvature in _CURVATURES:
            place = ((straight - curvature * x * x / 2 + 2 * _ASIDE) / _BIN).astype(int)
            inside = (place >= 0) & (place < bins)
            weighed = np.bincount(place[inside], weights[inside], minlength=bins)
            # Lines that fall on the border of two bins count as much as those within one. On equal terms the straighter wins.
            sharp = float(((weighed[1:] + weighed[:-1]) ** 2).sum()) * (1.0 - 2.0 * abs(curvature))
            if sharp > sharpest:
                best, sharpest = (float(heading), float(curvature)), sharp
    heading, curvature = best
    moved = y - heading * x - curvature * x * x / 2
    place = np.clip(((moved + 2 * _ASIDE) / _BIN).astype(int), 0, bins - 1)
    counts: FloatArray = np.convolve(np.bincount(place, weights, minlength=bins), np.ones(3), "same")
    lines = []
    for one in np.flatnonzero(counts >= _SECOND * counts.max()):
        if counts[one] == counts[max(0, one - 4) : one + 5].max():
            near = np.abs(moved - ((one + 0.5) * _BIN - 2 * _ASIDE)) < 2 * _BIN
            lines.append(float(np.median(moved[near])))
    return heading, curvature, list(dict.fromkeys(lines))


def _bend(curvature: float) -> str:
    if abs(curvature) < _STRAIGHT:
        return "ahead is straight"
    return f"bends to the {'left' if curvature > 0 else 'right'} (radius about {1 / abs(curvature):.0f} m)"
