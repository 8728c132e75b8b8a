"""How far the road before us is free: the first place along our path that does not look like the road under it.

The strip of ground that the car will pass is looked at from near to far through the camera. A part of it stands in the way if
its colour is unlike that of the road just before us, and if it does not move as something painted on level ground would: what
was there in the earlier picture, moved by our own motion, looks different (inverse perspective mapping, Bertozzi and Broggi
1998). Shadows and marks differ in colour but move with the ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.agents import CAR_AHEAD, CAR_LENGTH
from lightemma.camera import project, sized
from lightemma.experts.base import Card, Expert, Found, Question
from lightemma.frame import Camera, FloatArray, PixelArray

#: Metres from the bumper: the road that others are compared with, the farthest place, the step; half the strip's width.
_MODEL, FARTHEST, _STEP, _HALF = (2.0, 5.0), 40.0, 0.5, 0.8
#: Columns of the strip; share of a row that must look different, rows in a row.
_ACROSS, _SHARE, _ROWS = 17, 0.5, 3
#: Grey levels: differences of colour that the road has itself, at least; how many times its own spread is too much.
_LEAST, _SPREADS = 22.0, 4.0
#: Grey levels by which the same ground differs between two pictures, at most; seconds between them at most, and metres driven
#: meanwhile at least.
_MOVED, _LONGEST, _DRIVEN = 8.0, 1.1, 1.0
#: How much farther than its foot a thing may first be seen to stand up: a half of its height of one colour, and as high as we.
_FRONT = 1.6
#: Pixels of the width that pictures are made small to; they are blurred by three pixels, since the car pitches and roads slope.
_WIDTH = 800


@dataclass(frozen=True, slots=True)
class Strip:
    """The ground along our path.

    Attributes:
        distances: (n,) metres from the bumper.
        points: (n, m, 2) metres, ego frame.
        pixels: (n, m, 2) column and row; NaN where not in the picture.
    """

    distances: FloatArray
    points: FloatArray
    pixels: FloatArray


class FreeSpace(Expert):
    """Says how far the road is free."""

    card = Card(
        id="free-space",
        task="free-space",
        description="Says how many metres of road on our path are free of anything, whatever it is, by its look and motion.",
        inputs=("picture", "earlier_picture?"),
        outputs=("words", "numbers"),
        code_licence="MIT",
        rank=2,
        cost=0.05,
        usual={"picture": "picture", "earlier_picture": "earlier-picture"},
        camera=True,
    )

    def look(self, question: Question) -> Found:
        """The first thing in the way."""
        frame = question.frame
        speed, curvature = frame.history.actions[-1].tolist() if frame.history.known else (0.0, 0.0)
        seconds = (frame.timestamp - frame.earlier[-1].timestamp) / 1e6 if frame.earlier else 0.0
        pixels = _small(question.pixels())
        strip = strip_ahead(_camera(question, "picture", pixels), curvature)
        different = unlike_road(looked_up(pixels, strip.pixels), strip.distances)
        if "earlier_picture" not in question.pictures or not 0 < seconds <= _LONGEST or speed * seconds < _DRIVEN:
            return said(first_blocked(different, strip.distances), sure=False)
        earlier = _small(question.pixels("earlier_picture"))
        before = moved_back(strip.points, speed * seconds, curvature)
        was = looked_up(_blurred(earlier), pixels_of(before, _camera(question, "earlier_picture", earlier)))
        change = np.abs(looked_up(_blurred(pixels), strip.pixels).mean(axis=-1) - was.mean(axis=-1))
        blocked = first_blocked(different & ~(change < _MOVED), strip.distances)
        return said(None if blocked is None else _foot(blocked, different, strip.distances))


def said(free: float | None, what: str = "something", *, sure: bool = True) -> Found:
    """Free metres in words; None where nothing is in the way.

    Args:
        free: metres from the bumper.
        what: stands there.
        sure: whether it may be called so, or could be a mark or a shadow as well.
    """
    what = what if sure else "something, or a mark or a shadow,"
    if free is None:
        return Found(
            f"The road on our path looks free for {FARTHEST:.0f} m.", numbers={"free_space_m": FARTHEST, "blocked": 0.0}
        )
    words = f"The road on our path looks free for about {free:.0f} m; {what} is there."
    return Found(words, numbers={"free_space_m": round(free, 1), "blocked": 1.0})


def strip_ahead(camera: Camera, curvature: float) -> Strip:
    """The ground that the car will pass if it goes on as it does.

    Args:
        camera: with intrinsics and size for the picture.
        curvature: 1/m of our path.
    """
    distances = np.arange(_MODEL[0], FARTHEST + _STEP, _STEP)
    x = distances + CAR_AHEAD + CAR_LENGTH / 2
    aside = np.linspace(-_HALF, _HALF, _ACROSS)
    points = np.stack(np.broadcast_arrays(x[:, None], curvature * x[:, None] ** 2 / 2 + aside[None, :]), axis=-1)
    return Strip(distances, points, pixels_of(points, camera))


def pixels_of(points: FloatArray, camera: Camera) -> FloatArray:
    """(n, m, 2) ground points to columns and rows; NaN where they are not in the picture."""
    flat = points.reshape(-1, 2)
    seen = project(np.column_stack([flat, np.zeros(len(flat))]), camera).pixels
    width, height = camera.size or (10**9, 10**9)
    with np.errstate(invalid="ignore"):
        inside = (seen >= -0.5).all(axis=1) & (seen[:, 0] < width - 0.5) & (seen[:, 1] < height - 0.5)
    return np.where(inside[:, None], seen, np.nan).reshape(*points.shape[:2], 2)


def looked_up(pixels: PixelArray | FloatArray, places: FloatArray) -> FloatArray:
    """(n, m, 3) colours of the nearest pixels; NaN where a place is none."""
    known: npt.NDArray[np.bool_] = np.asarray(np.isfinite(places).all(axis=-1))
    at = np.where(known[..., None], places, 0.0).round().astype(np.int64)
    colours = pixels[np.clip(at[..., 1], 0, len(pixels) - 1), np.clip(at[..., 0], 0, pixels.shape[1] - 1)]
    return np.where(known[..., None], colours.astype(np.float64), np.nan)


def unlike_road(colours: FloatArray, distances: FloatArray) -> npt.NDArray[np.bool_]:
    """(n, m) whether a place looks unlike the road just before the car.

    Args:
        colours: (n, m, 3) of the strip.
        distances: (n,) metres from the bumper.
    """
    near = colours[distances <= _MODEL[1]].reshape(-1, 3)
    near = near[np.isfinite(near).all(axis=1)]
    if len(near) < _ACROSS:
        return np.zeros(colours.shape[:2], dtype=bool)
    usual = np.median(near, axis=0)
    spread = float(np.median(np.abs(near - usual).max(axis=1)))
    with np.errstate(invalid="ignore"):
        found: npt.NDArray[np.bool_] = np.abs(colours - usual).max(axis=-1) > max(_LEAST, _SPREADS * spread)
    return found


def moved_back(points: FloatArray, driven: float, curvature: float) -> FloatArray:
    """Ground points as the car saw them before it drove an arc.

    Args:
        points: (n, m, 2) metres, ego frame now.
        driven: metres since then.
        curvature: 1/m of the arc.
    """
    turn = driven * curvature
    # The chord of the arc, in the frame that it began in.
    ahead, left = (np.sin(turn) / curvature, (1 - np.cos(turn)) / curvature) if abs(turn) > 1e-6 else (driven, 0.0)
    cos, sin = np.cos(turn), np.sin(turn)
    turned: FloatArray = points @ np.array([[cos, sin], [-sin, cos]]) + (ahead, left)
    return turned


def first_blocked(different: npt.NDArray[np.bool_], distances: FloatArray) -> float | None:
    """Metres to the first place where several rows of the strip are different; None if there is none."""
    rows = different.mean(axis=1) >= _SHARE
    run = np.convolve(rows, np.ones(_ROWS), "full")[_ROWS - 1 :]
    blocked = np.flatnonzero(run == _ROWS)
    return float(distances[blocked[0]]) if len(blocked) else None


def _foot(blocked: float, different: npt.NDArray[np.bool_], distances: FloatArray) -> float:
    """Metres to where what stands in the way meets the ground.

    The foot of a thing does move with the ground, and so does its front where it has one colour: what follows from place to
    place without looking like the road belongs to it.
    """
    row = int(np.searchsorted(distances, blocked))
    unlike = different.mean(axis=1) >= _SHARE
    while row > 0 and unlike[row - 1] and distances[row - 1] * _FRONT >= blocked:
        row -= 1
    return float(distances[row])


def _small(pixels: PixelArray) -> PixelArray:
    """The picture, by a whole number smaller."""
    times = max(1, round(pixels.shape[1] / _WIDTH))
    height, width = pixels.shape[0] // times * times, pixels.shape[1] // times * times
    blocks = pixels[:height, :width].reshape(height // times, times, width // times, times, 3)
    return blocks.mean(axis=(1, 3)).astype(np.uint8) if times > 1 else pixels


def _camera(question: Question, argument: str, pixels: PixelArray) -> Camera:
    return sized(question.camera(argument), (pixels.shape[1], pixels.shape[0]))


def _blurred(pixels: PixelArray) -> FloatArray:
    """(height, width, 3) means over three by three pixels."""
    height, width = pixels.shape[:2]
    padded = np.pad(pixels.astype(np.float32), ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = padded[:height] + padded[1 : height + 1] + padded[2:]
    found: FloatArray = (rows[:, :width] + rows[:, 1 : width + 1] + rows[:, 2:]) / 9
    return found
