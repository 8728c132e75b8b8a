"""What the recorded car did after each frame, as actions: from the places it reached, or from later frames' histories."""

from __future__ import annotations

import numpy as np

from lightemma.evaluation.metrics.manoeuvres import LEAST_STEP
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray
from lightemma.kinematics import actions_from_poses
from lightemma.protocol import LIGHTEMMA


def actions_from_places(truth: FloatArray) -> FloatArray:
    """The actions that lead along the recorded points: the plan's own rule (move, then turn), backwards.

    Speed is the chord over dt. Curvature is the change of heading from a chord to the next over the chord's length; it is
    unknown where either chord is shorter than 0.25 m, and at the last step, which has no next chord.

    Args:
        truth: (n, 6, 2) metres, ego frame.

    Returns:
        (n, 6, 2) pairs (m/s, 1/m), NaN where unknown.
    """
    chords = np.diff(truth, axis=1, prepend=0.0)
    lengths = np.hypot(chords[..., 0], chords[..., 1])
    heading = np.arctan2(chords[..., 1], chords[..., 0])
    turn = (np.diff(heading, axis=1) + np.pi) % (2 * np.pi) - np.pi
    long_enough = np.minimum(lengths[:, :-1], lengths[:, 1:]) >= LEAST_STEP
    curvature = np.full(lengths.shape, np.nan)
    curvature[:, :-1] = np.where(long_enough, turn / np.where(long_enough, lengths[:, :-1], 1.0), np.nan)
    actions: FloatArray = np.stack([lengths / LIGHTEMMA.dt, curvature], axis=-1)
    return actions


def actions_from_later_frames(run: RunScores) -> FloatArray:
    """What the recorded car did in the six steps after each frame, as actions.

    The history of the frame six key frames later holds them, over true time differences. Where a run has no two such
    frames at all (short scenes, a stride), the actions are taken from the recorded places as if they were 0.5 s apart.

    Returns:
        (n, 6, 2) m/s and 1/m; NaN where the run does not say.
    """
    steps = run.truth.shape[1]
    places = {key: row for row, key in enumerate(zip(run.scenes, run.frame_index.tolist(), strict=True))}
    later = [places.get((scene, index + steps), -1) for scene, index in places]
    known = np.array(later) >= 0
    if known.any():
        actions: FloatArray = np.where(known[:, None, None], run.history[later], np.nan)
        return actions
    times = run.protocol.dt * np.arange(-1, steps + 1)
    taken = []
    for history, truth in zip(run.history, run.truth, strict=True):
        before = [-history[-1, 0] * run.protocol.dt, 0.0]  # one step back along the current heading
        taken.append(actions_from_poses(np.concatenate([[before, [0.0, 0.0]], truth]), times, run.protocol))
    return np.array(taken, dtype=np.float64).reshape(run.truth.shape)
