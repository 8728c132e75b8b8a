"""How soon the car would hit another road user if both kept their velocity: the field's measure of a margin."""

from __future__ import annotations

import numpy as np

from lightemma.agents import BoolArray
from lightemma.boxes import first_contact
from lightemma.evaluation.metrics.agents_around import AgentsAround
from lightemma.evaluation.metrics.collisions import car_centres, car_size, exact_contacts
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA

#: Seconds; below it a plan counts as unsafe (nuPlan ``time_to_collision_within_bound``, also NAVSIM's TTC term).
TTC_BOUND = 0.95
#: Seconds looked ahead (nuPlan).
TTC_HORIZON = 3.0
#: A car slower than this is stationary and collides with nothing (nuPlan), m/s.
STATIONARY = 5e-3
#: Agents that the car sees at more than this angle from its heading are behind it (nuPlan ``is_agent_behind``).
BEHIND = np.radians(150.0)


def recorded_touches(around: AgentsAround) -> BoolArray:
    """(a,) Agents whose box the recorded car touches during the plan: annotations that cannot be right."""
    touched: BoolArray = np.zeros(len(around.owners), dtype=np.bool_)
    agents, _ = exact_contacts(around.ego, around)
    touched[agents] = True
    return touched


def min_ttc(poses: FloatArray, around: AgentsAround, left_out: BoolArray) -> FloatArray:
    """The least time to collision over the seven states of a drive.

    At each state the car and all agents but those behind it keep their velocity of that moment, without turning, for 3
    s. The car's velocity is that of its next step (of the last one at the end), and so is an agent's; one seen at a
    single time is stationary.

    Args:
        poses: (n, 7, 3) of the rear axle: x, y (metres), heading (radians), ego frame, now first.
        around: of the same frames.
        left_out: (a,) agents that do not count, see :func:`recorded_touches`.

    Returns:
        (n,) seconds; infinite where no contact follows within 3 s; NaN where there is no drive or the agents are not known.
    """
    middles, owners = car_centres(poses), around.owners
    drive, theirs = _drive_velocities(poses), _agent_velocities(around.centres)
    between = around.centres - middles[owners]
    speed = np.linalg.norm(drive, axis=2)
    velocities = theirs - drive[owners]
    counts = around.valid & ~left_out[:, None] & (speed[owners] > STATIONARY)
    near = (np.linalg.norm(around.sizes, axis=1) + np.linalg.norm(car_size()))[:, None] / 2
    counts &= _closest(between, velocities) <= near
    agents, states = np.nonzero(counts)
    owner = owners[agents]
    here = poses[owner, states]
    seen = around.centres[agents, states] - here[:, :2]
    angle = np.arctan2(seen[:, 1], seen[:, 0]) - here[:, 2]
    ahead = np.abs(np.mod(angle + np.pi, 2 * np.pi) - np.pi) <= BEHIND
    agents, states, owner, here = agents[ahead], states[ahead], owner[ahead], here[ahead]
    times = first_contact(
        middles[owner, states], here[:, 2], car_size(),
        around.centres[agents, states], around.yaws[agents, states], around.sizes[agents],
        velocities[agents, states],
    )  # fmt: skip
    least = np.full(len(poses), np.inf)
    np.minimum.at(least, owner, np.where(times <= TTC_HORIZON, times, np.inf))
    known = around.known & ~np.isnan(poses).any(axis=(1, 2))
    found: FloatArray = np.where(known, least, np.nan)
    return found


def _drive_velocities(poses: FloatArray) -> FloatArray:
    """(n, 7, 3) poses to (n, 7, 2) m/s; at the end, the last step's speed along the heading."""
    steps = np.diff(poses[..., :2], axis=1) / LIGHTEMMA.dt
    heading = poses[:, -1, 2]
    along = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    forward = np.sum(steps[:, -1] * along, axis=-1)
    last = np.copysign(np.linalg.norm(steps[:, -1], axis=-1), forward)[:, None] * along
    velocities: FloatArray = np.concatenate([steps, last[:, None]], axis=1)
    return velocities


def _agent_velocities(centres: FloatArray) -> FloatArray:
    """(a, 7, 2) places to (a, 7, 2) m/s: of the next step, else of the last one, else 0."""
    steps = np.diff(centres, axis=1) / LIGHTEMMA.dt
    edge = np.full((len(centres), 1, 2), np.nan)
    after, before = np.concatenate([steps, edge], axis=1), np.concatenate([edge, steps], axis=1)
    velocities: FloatArray = np.nan_to_num(np.where(np.isnan(after), before, after), nan=0.0)
    return velocities


def _closest(between: FloatArray, velocities: FloatArray) -> FloatArray:
    """Least distance (...) within the horizon of points ``between`` (..., 2) apart that move by ``velocities``."""
    square = np.sum(velocities**2, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        when = np.clip(-np.sum(between * velocities, axis=-1) / square, 0.0, TTC_HORIZON)
    when = np.where(square > 0, when, 0.0)
    distance: FloatArray = np.linalg.norm(between + when[..., None] * velocities, axis=-1)
    return distance
