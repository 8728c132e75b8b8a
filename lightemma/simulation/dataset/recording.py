"""The recording of a drive: the times of the camera's pictures, the measured poses, and the expert's notes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.frame import FloatArray, Pose
from lightemma.label_rows import Explanation, FactsRow, LabelRow, Steered, rounded
from lightemma.observed_facts import ObservedFacts
from lightemma.simulation.dataset.drives import Drive
from lightemma.simulation.dataset.interpolate import state_between
from lightemma.simulation.state import City, WorldState

#: A nuScenes scene: 20 s with a key frame every 0.5 s, and six front-camera pictures in that time.
KEY_FRAMES = 40
GAP = 0.5
SWEEPS_BETWEEN = 5

_START_TIME = 1_600_000_000_000_000  # microseconds
_TIME_JITTER, _MOST_JITTER = 3e-3, 8e-3  # seconds
_PLACE_NOISE, _HEADING_NOISE = 2e-3, 4e-4  # metres, radians


@dataclass(frozen=True, slots=True)
class Look:
    """The moment of one picture of the camera.

    Attributes:
        timestamp: microseconds.
        key_frame: its number among the key frames; None for a sweep.
        state: of the world at that time.
        pose: of the rear axle, with measurement noise.
    """

    timestamp: int
    key_frame: int | None
    state: WorldState
    pose: Pose


@dataclass(frozen=True, slots=True)
class Note:
    """The expert's explanation and plan at a key frame.

    Attributes:
        explanation: named texts: scene, intent and reason; None where the expert says nothing.
        plan: (6, 2) pairs of speed (m/s) and curvature (1/m), the means of 0.5 s each.
        valid: False where the expert knows no way back: never learn from such a plan.
        reason: why it is not valid, or how it gets back; empty on the route.
        steered: whose plan was driven from here.
        command: where the route goes next.
        facts: what is seen at the moment of the plan, a few milliseconds before or after the picture's.
    """

    explanation: dict[str, str] | None
    plan: FloatArray
    valid: bool = True
    reason: str = ""
    steered: Steered = "expert"
    command: str | None = None
    facts: ObservedFacts | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """The recording of one drive.

    Attributes:
        drive: what was driven.
        what: what happens, in one sentence.
        right_answer: what a good driver does, in one sentence.
        city: where it was driven.
        looks: in order of time; every key frame, and the sweeps between them if wanted.
        notes: one for each key frame; None in the warm-up, before the expert drives.
    """

    drive: Drive
    what: str
    right_answer: str
    city: City
    looks: tuple[Look, ...]
    notes: tuple[Note | None, ...]

    @property
    def key_frames(self) -> list[Look]:
        """The looks at key frames."""
        return [look for look in self.looks if look.key_frame is not None]


def camera_looks(
    drive: Drive, states: Sequence[WorldState], key_frames: int = KEY_FRAMES, sweeps: bool = False
) -> list[Look]:
    """The camera's looks at a world: at slightly uneven times, with millimetres of noise in the poses.

    Key frames are the same with and without sweeps.

    Args:
        drive: seeds the noise.
        states: of the world at each step, the first at the first key frame, the last not before the last look.
        key_frames: their number.
        sweeps: whether to look six times as often, between the key frames.
    """
    rng = np.random.default_rng(drive.seed_for("key frames"))
    between = np.random.default_rng(drive.seed_for("sweeps"))
    days = np.random.default_rng(drive.seed_for("date")).integers(0, 365)
    start = states[0].time
    origin = _START_TIME + 86_400_000_000 * int(days)
    looks = []
    for number in range(key_frames):
        looks.append(_look(states, origin, start, number * GAP, number, rng))
        if sweeps and number + 1 < key_frames:
            for extra in range(1, SWEEPS_BETWEEN + 1):
                seconds = (number + extra / (SWEEPS_BETWEEN + 1)) * GAP
                looks.append(_look(states, origin, start, seconds, None, between))
    return looks


def _look(
    states: Sequence[WorldState],
    origin: int,
    start: float,
    planned: float,
    number: int | None,
    rng: np.random.Generator,
) -> Look:
    jitter = float(np.clip(rng.normal(0.0, _TIME_JITTER), -_MOST_JITTER, _MOST_JITTER))
    x, y = rng.normal(0.0, _PLACE_NOISE, 2)
    turn = rng.normal(0.0, _HEADING_NOISE)
    # The world is unknown before the first state.
    offset = max(round((planned + jitter) * 1e6), 0)
    state = _state_at(states, start + offset / 1e6)
    ego = state.ego.pose
    pose = Pose(ego.x + float(x), ego.y + float(y), ego.heading + float(turn))
    return Look(origin + offset, number, state, pose)


def _state_at(states: Sequence[WorldState], time: float) -> WorldState:
    index = min(max(bisect_right(states, time, key=lambda state: state.time) - 1, 0), len(states) - 2)
    return state_between(states[index], states[index + 1], time)


def label_rows(recording: Recording, scene: str, samples: Sequence[str]) -> list[LabelRow]:
    """The expert's notes as rows, one for each key frame of the episode; none in the warm-up."""
    return [
        LabelRow(
            scene=scene,
            key_frame=number,
            sample_token=samples[number],
            timestamp=look.timestamp,
            explanation=None if note.explanation is None else Explanation(**note.explanation),
            plan=rounded(note.plan.tolist()),
            valid=note.valid,
            reason=note.reason,
            steered=note.steered,
            command=note.command,
        )
        for number, (look, note) in enumerate(zip(recording.key_frames, recording.notes, strict=True))
        if note is not None
    ]


def facts_rows(recording: Recording, scene: str, samples: Sequence[str]) -> list[FactsRow]:
    """What is seen at each key frame of the episode, as far as the notes say."""
    return [
        FactsRow(scene=scene, key_frame=number, sample_token=samples[number], facts=note.facts)
        for number, note in enumerate(recording.notes)
        if note is not None and note.facts is not None
    ]
