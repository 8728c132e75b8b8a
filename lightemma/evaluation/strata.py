"""Sorts frames by what the recorded car did next and how fast it was going, so that a mean cannot hide where models differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.scene_facts import SceneFacts

#: Thresholds of the classes; docs/metrics.md prints them.
STANDING_SPEED = 0.5  # m/s
STANDING_DISTANCE = 1.0  # m driven in 3 s
SPEED_CHANGE = 0.15  # share of the larger of the two speeds …
LEAST_SPEED_CHANGE = 1.0  # … but at least this, m/s
TURN = np.radians(20.0)
CURVE = np.radians(5.0)
COURSE_TURN = np.radians(10.0)
COURSE_SPEED_CHANGE = 1.5  # m/s in 3 s: a mean of 0.5 m/s2
LEAST_STEP = 0.25  # m: a shorter step has no direction

MANOEUVRES = (
    "stationary", "starting", "braking to a stop", "left turn", "right turn", "gentle curve",
    "accelerating", "slowing", "cruising",
)  # fmt: skip
COURSES = ("standing", "turning", "straight and braking", "straight and accelerating", "straight and steady")
SPEED_EDGES = (0.5, 5.0, 10.0)
SPEED_BANDS = ("standing", "up to 5 m/s", "5-10 m/s", "over 10 m/s")

#: The family with one stratum per scene. Its rows have no interval: a single scene has nothing to vary.
SCENE_FAMILY = "scene"


@dataclass(frozen=True, slots=True)
class Stratum:
    """A named set of frames: (n,) booleans. The name is ``family: class``."""

    name: str
    frames: npt.NDArray[np.bool_]

    @property
    def family(self) -> str:
        """The part of the name before the colon; the strata of a family have no frame in common."""
        return self.name.split(":", 1)[0]


@dataclass(frozen=True, slots=True)
class Motion:
    """What the recorded car did in the next three seconds.

    Attributes:
        now: (n,) m/s, the current speed.
        end: (n,) m/s, over the last half second.
        driven: (n,) metres along the recorded points.
        turned: (n,) radians, direction of the last step that is long enough to have one; positive = left.
    """

    now: FloatArray
    end: FloatArray
    driven: FloatArray
    turned: FloatArray


def strata(
    history: FloatArray,
    truth: FloatArray,
    scenes: Sequence[str] = (),
    facts: Mapping[str, SceneFacts] | None = None,
) -> list[Stratum]:
    """All strata that have frames: by manoeuvre, course and speed, then by place, light and weather, then scene by scene.

    The families manoeuvre, course, speed and scene each split all frames; location, light and weather those frames whose
    scene has that fact.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) recorded future, metres, ego frame.
        scenes: the frames' scene names; left out, there are no strata by scene or fact.
        facts: scene name to what is known about it.
    """
    families = (
        ("manoeuvre", MANOEUVRES, manoeuvres(history, truth)),
        ("course", COURSES, courses(history, truth)),
        ("speed", SPEED_BANDS, speed_bands(history)),
    )
    found = [
        Stratum(f"{family}: {name}", member == index)
        for family, names, member in families
        for index, name in enumerate(names)
    ]
    if facts:
        found += _by_fact("location", scenes, lambda scene: facts[scene].location if scene in facts else "")
        found += _by_fact("light", scenes, lambda scene: facts[scene].light if scene in facts else "")
        found += _by_fact("weather", scenes, lambda scene: facts[scene].weather if scene in facts else "")
    found += _by_fact(SCENE_FAMILY, scenes, lambda scene: scene)
    return [stratum for stratum in found if stratum.frames.any()]


def _by_fact(family: str, scenes: Sequence[str], fact: Callable[[str], str]) -> list[Stratum]:
    """One stratum per value, in alphabetical order; frames whose scene has none stand in no stratum."""
    of_scene = {scene: fact(scene) for scene in dict.fromkeys(scenes)}
    values = sorted(set(of_scene.values()) - {""})
    code = {value: index for index, value in enumerate(values)}
    member = np.array([code.get(of_scene[scene], -1) for scene in scenes], dtype=np.int64)
    return [Stratum(f"{family}: {value}", member == index) for index, value in enumerate(values)]


def motion(history: FloatArray, truth: FloatArray) -> Motion:
    """Speeds, distance and change of heading of the recorded drive.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) metres, ego frame.
    """
    steps = np.diff(truth, axis=1, prepend=0.0)
    lengths = np.linalg.norm(steps, axis=2)
    # The last step that is long enough to have a direction tells the heading at the end.
    moving = lengths > LEAST_STEP
    last = np.where(moving.any(axis=1), 5 - np.argmax(moving[:, ::-1], axis=1), 0)
    final = np.take_along_axis(steps, last[:, None, None].repeat(2, axis=2), axis=1)[:, 0]
    return Motion(
        now=history[:, -1, 0],
        end=lengths[:, -1] / LIGHTEMMA.dt,
        driven=lengths.sum(axis=1),
        turned=np.where(moving.any(axis=1), np.arctan2(final[:, 1], final[:, 0]), 0.0),
    )


def manoeuvres(history: FloatArray, truth: FloatArray) -> npt.NDArray[np.int64]:
    """What the recorded car did in the next three seconds, as an index into ``MANOEUVRES``; the first that fits counts.

    stationary / starting: standing now (below 0.5 m/s) and driving less / more than 1 m; braking to a stop: below 0.5 m/s at
    the end; left or right turn: heading changes by 20 degrees or more; gentle curve: by 5 degrees or more; accelerating or
    slowing: speed changes by 15 % and 1 m/s or more; cruising: the rest.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) metres, ego frame.

    Returns:
        (n,) indices.
    """
    drive = motion(history, truth)
    change = np.maximum(SPEED_CHANGE * np.maximum(drive.now, drive.end), LEAST_SPEED_CHANGE)
    standing = drive.now < STANDING_SPEED
    conditions = [
        standing & (drive.driven < STANDING_DISTANCE),
        standing,
        drive.end < STANDING_SPEED,
        drive.turned >= TURN,
        drive.turned <= -TURN,
        np.abs(drive.turned) >= CURVE,
        drive.end - drive.now >= change,
        drive.now - drive.end >= change,
    ]
    found: npt.NDArray[np.int64] = np.select(conditions, list(range(8)), default=8).astype(np.int64)
    return found


def courses(history: FloatArray, truth: FloatArray) -> npt.NDArray[np.int64]:
    """A coarser split than ``manoeuvres``, as an index into ``COURSES``; the first that fits counts.

    standing: below 0.5 m/s now; turning: heading changes by 10 degrees or more; straight and braking or accelerating: at
    the end 1.5 m/s slower or faster than now, a mean of 0.5 m/s2 over the three seconds; straight and steady: the rest.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) metres, ego frame.

    Returns:
        (n,) indices.
    """
    drive = motion(history, truth)
    gained = drive.end - drive.now
    conditions = [
        drive.now < STANDING_SPEED,
        np.abs(drive.turned) >= COURSE_TURN,
        gained <= -COURSE_SPEED_CHANGE,
        gained >= COURSE_SPEED_CHANGE,
    ]
    found: npt.NDArray[np.int64] = np.select(conditions, list(range(4)), default=4).astype(np.int64)
    return found


def speed_bands(history: FloatArray) -> npt.NDArray[np.int64]:
    """The current speed's band, as an index into ``SPEED_BANDS``. (n, 6, 2) past actions to (n,)."""
    bands: npt.NDArray[np.int64] = np.digitize(history[:, -1, 0], SPEED_EDGES).astype(np.int64)
    return bands
