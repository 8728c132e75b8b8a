"""What the recorded car did after each frame, as actions: from the places it reached, or from later frames' histories."""

from __future__ import annotations

import numpy as np

from lightemma.evaluation.metrics.recorded_path import LEAST_STEP
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
    actions = _later_histories(run)
    return _from_places(run) if np.isnan(actions).all() else actions


def recorded_actions(run: RunScores) -> FloatArray:
    """The plan of whoever knows the future: the protocol's speeds and curvatures along the recorded places.

    Places count as 0.5 s apart, as they do when a plan is integrated. The curvature of now needs the place before it; the
    next frame's current action has it, and where there is none the car is taken to have come straight.

    Returns:
        (n, 6, 2) m/s and 1/m; NaN where there is no ground truth.
    """
    actions = _from_places(run)
    rows = {key: row for row, key in enumerate(zip(run.scenes, run.frame_index.tolist(), strict=True))}
    following = np.array([rows.get((scene, index + 1), -1) for scene, index in rows])
    actions[:, 0, 1] = np.where(following >= 0, run.history[following, -1, 1], actions[:, 0, 1])
    actions[np.isnan(run.truth).any(axis=(1, 2))] = np.nan
    return actions


def _later_histories(run: RunScores) -> FloatArray:
    """(n, 6, 2) the history of the frame six later; NaN where the scene has none."""
    steps = run.truth.shape[1]
    places = {key: row for row, key in enumerate(zip(run.scenes, run.frame_index.tolist(), strict=True))}
    later = [places.get((scene, index + steps), -1) for scene, index in places]
    known = np.array(later) >= 0
    actions: FloatArray = np.where(known[:, None, None], run.history[later], np.nan)
    return actions


def _from_places(run: RunScores) -> FloatArray:
    """(n, 6, 2) the protocol's speeds and curvatures along the recorded places, as if these were 0.5 s apart."""
    times = run.protocol.dt * np.arange(-1, run.truth.shape[1] + 1)
    places = np.zeros((len(run.truth), len(times), 2))
    places[:, 0, 0] = -run.history[:, -1, 0] * run.protocol.dt  # one step back along the current heading
    places[:, 2:] = run.truth
    return actions_from_poses(places, times, run.protocol)
