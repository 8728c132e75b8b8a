"""Poses to speed and curvature; actions to trajectories. Pure numpy, no state.

All angles are radians, all lengths metres; the ego frame has x forward and y left, positive curvature turns left.
"""

from __future__ import annotations

import numpy as np

from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA, Protocol

#: m/s²: who slows down by this or more, brakes. The one threshold of strata, brake lights and explanations.
BRAKING = 0.5
#: Metres; a shorter chord has no direction.
LEAST_CHORD = 0.25
#: 1/m, the sharpest turn of actions that are made from points.
SHARPEST = 1.0


def yaw_from_quaternion(rotation: FloatArray) -> FloatArray:
    """Heading of unit quaternions.

    Args:
        rotation: (..., 4) w, x, y, z.

    Returns:
        (...) radians in (-pi, pi], the turn about z of the Tait-Bryan angles z-y-x.
    """
    w, x, y, z = np.moveaxis(np.asarray(rotation, dtype=np.float64), -1, 0)
    yaw: FloatArray = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    return yaw


def quaternion_from_yaw(yaw: FloatArray) -> FloatArray:
    """Unit quaternions of headings on level ground.

    Args:
        yaw: (...) radians.

    Returns:
        (..., 4) w, x, y, z.
    """
    half = np.asarray(yaw, dtype=np.float64) / 2.0
    zero = np.zeros_like(half)
    rotation: FloatArray = np.stack([np.cos(half), zero, zero, np.sin(half)], axis=-1)
    return rotation


def to_ego_frame(points: FloatArray, origin: FloatArray, heading: float) -> FloatArray:
    """World points as the car at ``origin`` with ``heading`` sees them.

    Args:
        points: (..., 2) metres, world.
        origin: (2,) metres, world.
        heading: radians, world.

    Returns:
        (..., 2) metres, ego frame.
    """
    cos, sin = np.cos(heading), np.sin(heading)
    turned: FloatArray = (np.asarray(points) - origin) @ np.array([[cos, -sin], [sin, cos]])
    return turned


def wrapped(angles: FloatArray) -> FloatArray:
    """Angles brought into [-pi, pi)."""
    brought: FloatArray = np.mod(angles + np.pi, 2 * np.pi) - np.pi
    return brought


def speeds(positions: FloatArray, times: FloatArray, protocol: Protocol = LIGHTEMMA) -> FloatArray:
    """Chord speed between neighbours over the real time difference.

    Args:
        positions: (..., n, 2) metres.
        times: (n,) seconds, increasing.
        protocol: gives the standing-still threshold and the rounding.

    Returns:
        (..., n - 1) m/s; element i is the speed from point i to point i + 1.

    Raises:
        ValueError: if a time is not later than the one before.
    """
    gaps = np.diff(times)
    if np.any(gaps <= 0):
        raise ValueError("times must increase")
    speed: FloatArray = np.linalg.norm(np.diff(positions, axis=-2), axis=-1) / gaps
    speed = np.where(speed < protocol.min_speed, 0.0, speed)
    rounded: FloatArray = np.round(speed, protocol.decimals)
    return rounded


def curvatures(positions: FloatArray, protocol: Protocol = LIGHTEMMA) -> FloatArray:
    """Signed three-point (Menger) curvature of each inner point and its two neighbours.

    Menger: 4 x area / product of the three sides; the sign of the cross product makes left positive. Degenerate
    triples (coinciding points) and values sharper than ``protocol.max_curvature`` become 0, as LightEMMA does.

    Args:
        positions: (..., n, 2) metres.
        protocol: gives the cut and the rounding.

    Returns:
        (..., n - 2) 1/m.
    """
    before, here, after = positions[..., :-2, :], positions[..., 1:-1, :], positions[..., 2:, :]
    a, b, c = here - before, after - here, after - before
    cross = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    sides = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1) * np.linalg.norm(c, axis=-1)
    safe = sides > 1e-12
    curvature: FloatArray = np.where(safe, 2.0 * cross / np.where(safe, sides, 1.0), 0.0)
    curvature = np.where(np.abs(curvature) > protocol.max_curvature, 0.0, curvature)
    # Adding 0.0 turns -0.0 into 0.0, so that a prompt never reads "-0.0".
    rounded: FloatArray = np.round(curvature, protocol.decimals) + 0.0
    return rounded


def actions_from_poses(positions: FloatArray, times: FloatArray, protocol: Protocol = LIGHTEMMA) -> FloatArray:
    """Speed and curvature pairs along recorded poses.

    The pair of inner point i is the chord speed from i to i + 1 and the curvature at i; the last pair, whose chord
    ends at the last point, is the current action.

    Args:
        positions: (..., n, 2) metres, any frame (both values are unchanged by turning and shifting).
        times: (n,) seconds.
        protocol: thresholds and rounding.

    Returns:
        (..., n - 2, 2) pairs (m/s, 1/m), oldest first.
    """
    return np.stack([speeds(positions, times, protocol)[..., 1:], curvatures(positions, protocol)], axis=-1)


def integrate(actions: FloatArray, protocol: Protocol = LIGHTEMMA) -> FloatArray:
    """Where the actions take a car that starts at the ego frame's origin, heading along x.

    ``euler``: move ``speed * dt`` along the heading, then turn by ``curvature * speed * dt`` (explicit Euler, LightEMMA's
    rule). ``arc``: drive the exact circle of that curvature for ``dt``.

    Args:
        actions: (..., steps, 2) pairs of speed (m/s) and curvature (1/m).
        protocol: gives ``dt`` and the rule.

    Returns:
        (..., steps, 2) metres, ego frame, the place after each action.
    """
    actions = np.asarray(actions, dtype=np.float64)
    distance = actions[..., 0] * protocol.dt
    turn = actions[..., 1] * distance
    heading = np.cumsum(turn, axis=-1) - turn  # before each step
    if protocol.integration == "arc":
        # A chord of an arc points along the mean heading and is sinc(turn / 2) of the arc long.
        heading = heading + turn / 2.0
        distance = distance * np.sinc(turn / (2.0 * np.pi))
    steps = np.stack([distance * np.cos(heading), distance * np.sin(heading)], axis=-1)
    path: FloatArray = np.cumsum(steps, axis=-2)
    return path


def driven_back(history: FloatArray, protocol: Protocol = LIGHTEMMA) -> FloatArray:
    """The past positions of a car that reached the origin by these actions: the actions driven backwards.

    Args:
        history: (n, 2) actions, oldest first.
        protocol: gives the time step and the rule.

    Returns:
        (n + 1, 2) metres, ego frame, oldest first; the last is the origin.
    """
    back = integrate(history[::-1] * np.array([-1.0, 1.0]), protocol)
    return np.vstack([back[::-1], np.zeros((1, 2))])


def hold_last_action(history: FloatArray, steps: int = LIGHTEMMA.plan_steps) -> FloatArray:
    """The constant-action baseline: the current action, repeated.

    Args:
        history: (..., n, 2) actions, oldest first.
        steps: how many to repeat.

    Returns:
        (..., steps, 2) actions.
    """
    return np.repeat(np.asarray(history, dtype=np.float64)[..., -1:, :], steps, axis=-2)


def actions_through(points: FloatArray, protocol: Protocol = LIGHTEMMA) -> FloatArray:
    """The actions that lead along given points: the Euler rule of ``integrate`` backwards.

    Speed is the chord over ``dt``; curvature is the turn to the next chord over the chord, and the last one repeats the one
    before, since it has no next chord. A car moves before it turns, so that a first chord that is not straight ahead is
    reached by the first turn: from there on the car is beside the points by the same small offset. Chords shorter than
    0.25 m have no direction, and turns sharper than 1 1/m are cut.

    Args:
        points: (steps, 2) metres, ego frame; where the car is after each ``dt``.
        protocol: gives ``dt``.

    Returns:
        (steps, 2) pairs of speed (m/s) and curvature (1/m).
    """
    chords = np.diff(np.asarray(points, dtype=np.float64), axis=0, prepend=0.0)
    lengths = np.hypot(chords[:, 0], chords[:, 1])
    headings = np.arctan2(chords[:, 1], chords[:, 0])
    curvature = np.zeros(len(lengths))
    heading = 0.0
    for step in range(len(lengths) - 1):
        if min(lengths[step], lengths[step + 1]) >= LEAST_CHORD:
            turn = (headings[step + 1] - heading + np.pi) % (2.0 * np.pi) - np.pi
            curvature[step] = np.clip(turn / lengths[step], -SHARPEST, SHARPEST)
        heading += curvature[step] * lengths[step]
    curvature[-1] = curvature[-2]
    return np.column_stack([lengths / protocol.dt, curvature])
