"""Sorts frames by what the recorded car did and where it was, so that a mean cannot hide where runs differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.metrics.manoeuvres import COURSES, MANOEUVRES, SPEED_BANDS, courses, manoeuvres, speed_bands
from lightemma.evaluation.metrics.recorded_path import pose_turns
from lightemma.frame import FloatArray
from lightemma.scene_facts import SceneFacts

#: The family with one stratum per scene. Its rows have no interval: a single scene has nothing to vary.
SCENE_FAMILY = "scene"


@dataclass(frozen=True, slots=True)
class Stratum:
    """A named set of frames, as one class of a family that no two of them share a frame of.

    Attributes:
        name: ``family: class``.
        codes: (n,) class of each frame in the family, -1 for none. All strata of a family hold the same array: a set of
            booleans for each scene would need memory that grows with frames times scenes.
        code: the class of this stratum.
    """

    name: str
    codes: npt.NDArray[np.int64]
    code: int

    @property
    def frames(self) -> npt.NDArray[np.bool_]:
        """(n,) whether each frame is in it."""
        inside: npt.NDArray[np.bool_] = self.codes == self.code
        return inside

    @property
    def family(self) -> str:
        """The part of the name before the colon; the strata of a family have no frame in common."""
        return self.name.split(":", 1)[0]


def strata(
    history: FloatArray,
    truth: FloatArray,
    scenes: Sequence[str] = (),
    facts: Mapping[str, SceneFacts] | None = None,
    frame_index: npt.NDArray[np.int64] | None = None,
) -> list[Stratum]:
    """All strata that have frames: by manoeuvre, course and speed, then by place, light and weather, then scene by scene.

    The families manoeuvre, course, speed and scene each split all frames; location, light and weather those frames whose
    scene has that fact.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) recorded future, metres, ego frame.
        scenes: the frames' scene names; left out, there are no strata by scene or fact.
        facts: scene name to what is known about it.
        frame_index: (n,) the frames' places in their scenes; left out, the car's turn is that of its path, not of its poses.
    """
    turned = None if frame_index is None else pose_turns(scenes, frame_index, truth)
    families = (
        ("manoeuvre", MANOEUVRES, manoeuvres(history, truth, turned)),
        ("course", COURSES, courses(history, truth, turned)),
        ("speed", SPEED_BANDS, speed_bands(history)),
    )
    found = [one for family, names, member in families for one in _classes(family, names, member)]
    if facts:
        found += _by_fact("location", scenes, lambda scene: facts[scene].location if scene in facts else "")
        found += _by_fact("light", scenes, lambda scene: facts[scene].light if scene in facts else "")
        found += _by_fact("weather", scenes, lambda scene: facts[scene].weather if scene in facts else "")
    return found + _by_fact(SCENE_FAMILY, scenes, lambda scene: scene)


def _classes(family: str, names: Sequence[str], member: npt.NDArray[np.int64]) -> list[Stratum]:
    """The classes that have frames."""
    counts = np.bincount(member[member >= 0], minlength=len(names))
    return [Stratum(f"{family}: {name}", member, code) for code, name in enumerate(names) if counts[code]]


def _by_fact(family: str, scenes: Sequence[str], fact: Callable[[str], str]) -> list[Stratum]:
    """One stratum per value, in alphabetical order; frames whose scene has none belong to no stratum."""
    of_scene = {scene: fact(scene) for scene in dict.fromkeys(scenes)}
    values = sorted(set(of_scene.values()) - {""})
    code = {value: index for index, value in enumerate(values)}
    member = np.array([code.get(of_scene[scene], -1) for scene in scenes], dtype=np.int64)
    return _classes(family, values, member)
