"""The car's own motion put into plain words: the tool without training that is known to help most."""

from __future__ import annotations

import io

import numpy as np

from lightemma.experts.base import Card, Expert, Found, Question
from lightemma.frame import EgoHistory, FloatArray, Picture
from lightemma.protocol import LIGHTEMMA

#: m/s: below it the car stands; below it a change over the shown time is none.
_STANDS, _SAME = 0.3, 0.3
#: 1/m: below it the path is straight; above it the bend is sharp (a radius of 50 m).
_STRAIGHT, _SHARP = 0.002, 0.02
#: Pictures are compared at this width, in grey levels (0 to 255); a mean change below it is none.
_WIDTH, _STILL = 64, 2.0


class MotionWords(Expert):
    """Says how fast the car is, how its speed and its path have changed, and whether the view has changed."""

    card = Card(
        id="motion-words",
        task="motion-words",
        description="Puts the last three seconds of our own car's motion into words: speed, its change, the bend of the path.",
        inputs=("picture?", "earlier_picture?"),
        outputs=("words", "numbers"),
        code_licence="MIT",
        rank=1,
        cost=0.005,
        usual={"picture": "picture", "earlier_picture": "earlier-picture"},
    )

    def look(self, question: Question) -> Found:
        """Words of the history, and of two pictures where they are given."""
        history = question.frame.history
        words, numbers = motion_in_words(history)
        pictures = question.pictures
        if "picture" in pictures and "earlier_picture" in pictures:
            changed = _change(pictures["earlier_picture"], pictures["picture"])
            numbers["view_change"] = round(changed, 2)
            words += f" The view has {'hardly changed' if changed < _STILL else 'changed'} since the earlier picture."
        return Found(words, numbers=numbers)


def motion_in_words(history: EgoHistory) -> tuple[str, dict[str, float]]:
    """The car's motion as a sentence, and the numbers in it.

    Args:
        history: three seconds.

    Returns:
        Words, and ``speed_mps``, ``acceleration_mps2`` (least squares over the last 1.5 s) and ``curvature_1pm``.
    """
    if not history.known:
        return "How our car has moved is not known.", {}
    speeds, curvatures = history.actions[:, 0], history.actions[:, 1]
    speed, curvature, slope = float(speeds[-1]), float(curvatures[-1]), _slope(speeds[-4:])
    change = speed - float(speeds[0])
    said = [f"Our car {'stands still' if speed < _STANDS else f'drives at {speed:.1f} m/s'}"]
    span = f"{LIGHTEMMA.dt * (len(speeds) - 1):g} s"
    if abs(change) < _SAME:
        said.append(f", as it did {span} ago.")
    else:
        said.append(f"; {span} ago it drove at {speeds[0]:.1f} m/s.")
    if abs(slope) >= _SAME:
        said.append(f" It is {'gaining' if slope > 0 else 'losing'} about {abs(slope):.1f} m/s every second")
        if slope < 0 and speed >= _STANDS:
            said.append(f" and would stand in about {speed / -slope:.1f} s")
        said.append(".")
    if speed >= _STANDS:
        said.append(f" Its path {_bend(curvature)}.")
    numbers = {"speed_mps": speed, "acceleration_mps2": slope, "curvature_1pm": curvature}
    return "".join(said), {name: round(value, 4) for name, value in numbers.items()}


def _bend(curvature: float) -> str:
    if abs(curvature) < _STRAIGHT:
        return "is straight"
    side = "left" if curvature > 0 else "right"
    how = "sharply" if abs(curvature) >= _SHARP else "slightly"
    return f"bends {how} to the {side} (radius {1 / abs(curvature):.0f} m)"


def _slope(speeds: FloatArray) -> float:
    times = LIGHTEMMA.dt * np.arange(len(speeds))
    centred = times - times.mean()
    return float((centred * (speeds - speeds.mean())).sum() / (centred**2).sum())


def _change(earlier: Picture, now: Picture) -> float:
    """Mean change of grey levels between two pictures, both made small."""
    from PIL import Image

    small = []
    for picture in (earlier, now):
        with Image.open(io.BytesIO(picture.data), formats=("JPEG", "PNG")) as opened:
            opened.draft("L", (_WIDTH * 2, _WIDTH * 2))
            small.append(np.asarray(opened.convert("L").resize((_WIDTH, _WIDTH * 9 // 16)), dtype=np.float64))
    return float(np.abs(small[0] - small[1]).mean())
