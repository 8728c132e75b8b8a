"""Could a car drive the plan, and would anybody want to sit in it? Bounds of nuPlan's comfort metric and of physics.

Plans are steps of 0.5 s of steady speed and curvature, so derivatives are differences of neighbouring steps over 0.5 s, the
first against the current action. They are means over half a second: a peak within a step is not seen, and a single step
that stands out shows twice. Numbers compare with one another and with the recorded drive, not with nuPlan's, which are
taken from a filtered track at 10 Hz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.agents import BoolArray
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray
from lightemma.kinematics import actions_from_poses
from lightemma.protocol import LIGHTEMMA

#: The recorded car's own row.
RECORDED = "recorded drive"

# nuplan-devkit, ``ego_is_comfortable`` and its thresholds.
MIN_LON_ACCEL, MAX_LON_ACCEL = -4.05, 2.40  # m/s^2
MAX_LAT_ACCEL = 4.89  # m/s^2
MAX_LON_JERK = 4.13  # m/s^3
MAX_JERK = 8.37  # m/s^3
MAX_YAW_RATE = 0.95  # rad/s
MAX_YAW_ACCEL = 1.93  # rad/s^2
# Alpamayo's unicycle action space: no tyre holds more than about 1 g, no car turns within 5 m.
PHYSICAL_ACCEL = 9.8  # m/s^2, both directions together
PHYSICAL_CURVATURE = 0.2  # 1/m
#: A model may write any number; one beyond this counts as this, so that no product overflows.
_LARGEST = 1e6


@dataclass(frozen=True)
class Motion:
    """What a passenger feels in each step of ``n`` plans. NaN where there is no plan.

    Attributes:
        lon_accel: (n, 6) m/s^2, change of speed into each step.
        lat_accel: (n, 6) m/s^2, speed squared x curvature.
        lon_jerk: (n, 6) m/s^3, change of ``lon_accel`` (the first from the last recorded one).
        jerk: (n, 6) m/s^3, change of the whole acceleration's size.
        yaw_rate: (n, 6) rad/s, speed x curvature.
        yaw_accel: (n, 6) rad/s^2, change of ``yaw_rate``.
        curvature: (n, 6) 1/m.
        curvature_rate: (n, 6) 1/(m s), change of curvature.
        speed_jump: (n,) m/s between the current and the first planned speed, unsigned.
        curvature_jump: (n,) 1/m, the same of curvature.
    """

    lon_accel: FloatArray
    lat_accel: FloatArray
    lon_jerk: FloatArray
    jerk: FloatArray
    yaw_rate: FloatArray
    yaw_accel: FloatArray
    curvature: FloatArray
    curvature_rate: FloatArray
    speed_jump: FloatArray
    curvature_jump: FloatArray

    @property
    def total_accel(self) -> FloatArray:
        """(n, 6) m/s^2, both directions together."""
        total: FloatArray = np.hypot(self.lon_accel, self.lat_accel)
        return total

    def broken(self) -> dict[str, BoolArray]:
        """Which plans break which bound at any step, (n,) each; a frame without a plan breaks none."""
        return {
            "lon_accel": _any((self.lon_accel < MIN_LON_ACCEL) | (self.lon_accel > MAX_LON_ACCEL)),
            "lat_accel": _any(np.abs(self.lat_accel) > MAX_LAT_ACCEL),
            "lon_jerk": _any(np.abs(self.lon_jerk) > MAX_LON_JERK),
            "jerk": _any(np.abs(self.jerk) > MAX_JERK),
            "yaw_rate": _any(np.abs(self.yaw_rate) > MAX_YAW_RATE),
            "yaw_accel": _any(np.abs(self.yaw_accel) > MAX_YAW_ACCEL),
            "physical_accel": _any(self.total_accel > PHYSICAL_ACCEL),
            "physical_curvature": _any(np.abs(self.curvature) > PHYSICAL_CURVATURE),
        }


#: The bounds of comfort among those of ``Motion.broken``; the others are physics.
COMFORT = ("lon_accel", "lat_accel", "lon_jerk", "jerk", "yaw_rate", "yaw_accel")
PHYSICS = ("physical_accel", "physical_curvature")


@dataclass(frozen=True, slots=True)
class FeasibilityRow:
    """One run's comfort and feasibility on its ok frames. Means and percentiles are of each plan's largest magnitude.

    Attributes:
        run: name of the run, or ``recorded drive``.
        frames: plans judged.
        share_comfortable: share of plans within all of nuPlan's comfort bounds.
        share_feasible: share within physics: 9.8 m/s^2 in all, curvature 0.2 1/m.
        share_breaking_lon_accel: share with a longitudinal acceleration outside -4.05 … 2.40 m/s^2.
        share_breaking_lat_accel: lateral acceleration over 4.89 m/s^2.
        share_breaking_lon_jerk: longitudinal jerk over 4.13 m/s^3.
        share_breaking_jerk: jerk over 8.37 m/s^3.
        share_breaking_yaw_rate: yaw rate over 0.95 rad/s.
        share_breaking_yaw_accel: yaw acceleration over 1.93 rad/s^2.
        share_breaking_physical_accel: acceleration over 9.8 m/s^2.
        share_breaking_physical_curvature: curvature over 0.2 1/m.
        lon_accel_mean: m/s^2.
        lon_accel_p95: m/s^2.
        lat_accel_mean: m/s^2.
        lat_accel_p95: m/s^2.
        lon_jerk_mean: m/s^3.
        lon_jerk_p95: m/s^3.
        jerk_mean: m/s^3.
        jerk_p95: m/s^3.
        yaw_rate_mean: rad/s.
        yaw_rate_p95: rad/s.
        yaw_accel_mean: rad/s^2.
        yaw_accel_p95: rad/s^2.
        curvature_rate_mean: 1/(m s).
        curvature_rate_p95: 1/(m s).
        first_speed_jump_mean: m/s from the current to the first planned speed.
        first_speed_jump_max: m/s.
        first_curvature_jump_mean: 1/m from the current to the first planned curvature.
        first_curvature_jump_max: 1/m.
    """

    run: str
    frames: int
    share_comfortable: float
    share_feasible: float
    share_breaking_lon_accel: float
    share_breaking_lat_accel: float
    share_breaking_lon_jerk: float
    share_breaking_jerk: float
    share_breaking_yaw_rate: float
    share_breaking_yaw_accel: float
    share_breaking_physical_accel: float
    share_breaking_physical_curvature: float
    lon_accel_mean: float
    lon_accel_p95: float
    lat_accel_mean: float
    lat_accel_p95: float
    lon_jerk_mean: float
    lon_jerk_p95: float
    jerk_mean: float
    jerk_p95: float
    yaw_rate_mean: float
    yaw_rate_p95: float
    yaw_accel_mean: float
    yaw_accel_p95: float
    curvature_rate_mean: float
    curvature_rate_p95: float
    first_speed_jump_mean: float
    first_speed_jump_max: float
    first_curvature_jump_mean: float
    first_curvature_jump_max: float


_MEASURED = ("lon_accel", "lat_accel", "lon_jerk", "jerk", "yaw_rate", "yaw_accel", "curvature_rate")


def motion(actions: FloatArray, history: FloatArray, dt: float = LIGHTEMMA.dt) -> Motion:
    """What plans feel like.

    Args:
        actions: (n, 6, 2) planned speed (m/s) and curvature (1/m); NaN where there is no plan.
        history: (n, 6, 2) past actions, the current one last.
        dt: seconds of a step.
    """
    # The step before the current one is there for the first jerk's sake.
    whole = np.clip(np.concatenate([history[:, -2:], actions], axis=1), -_LARGEST, _LARGEST)
    speed, curvature = whole[..., 0], whole[..., 1]
    lon_accel = np.diff(speed, axis=1) / dt
    lat_accel = (speed**2 * curvature)[:, 1:]
    yaw_rate = (speed * curvature)[:, 1:]
    accel = np.hypot(lon_accel, lat_accel)
    return Motion(
        lon_accel=lon_accel[:, 1:],
        lat_accel=lat_accel[:, 1:],
        lon_jerk=np.diff(lon_accel, axis=1) / dt,
        jerk=np.diff(accel, axis=1) / dt,
        yaw_rate=yaw_rate[:, 1:],
        yaw_accel=np.diff(yaw_rate, axis=1) / dt,
        curvature=curvature[:, 2:],
        curvature_rate=np.diff(curvature, axis=1)[:, 1:] / dt,
        speed_jump=np.abs(speed[:, 2] - speed[:, 1]),
        curvature_jump=np.abs(curvature[:, 2] - curvature[:, 1]),
    )


def recorded_actions(run: RunScores) -> FloatArray:
    """What the recorded car did in the six steps after each frame, as actions.

    The history of the frame six key frames later is just that, over true time differences. Where a run has no two such
    frames at all (short scenes, a stride), the actions are taken from the recorded places as if they lay 0.5 s apart.

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


def feasibility_rows(runs: Sequence[RunScores]) -> list[FeasibilityRow]:
    """One row per run over its ok frames, and one for the recorded drive of the first run's frames."""
    if not runs:
        return []
    rows = [_row(run.name, motion(run.actions, run.history, run.protocol.dt)) for run in runs]
    first = runs[0]
    return [*rows, _row(RECORDED, motion(recorded_actions(first), first.history, first.protocol.dt))]


def _row(name: str, felt: Motion) -> FeasibilityRow:
    planned = ~np.isnan(felt.curvature[:, 0])
    frames = int(planned.sum())
    broken = {bound: where[planned] for bound, where in felt.broken().items()}
    columns: dict[str, float] = {f"share_breaking_{bound}": _share(where) for bound, where in broken.items()}
    for quantity in _MEASURED:
        peaks = np.abs(getattr(felt, quantity)[planned]).max(axis=1)
        columns[f"{quantity}_mean"] = float(peaks.mean()) if frames else float("nan")
        columns[f"{quantity}_p95"] = float(np.quantile(peaks, 0.95)) if frames else float("nan")
    for quantity in ("speed_jump", "curvature_jump"):
        jumps = getattr(felt, quantity)[planned]
        columns[f"first_{quantity}_mean"] = float(jumps.mean()) if frames else float("nan")
        columns[f"first_{quantity}_max"] = float(jumps.max()) if frames else float("nan")
    return FeasibilityRow(
        run=name,
        frames=frames,
        share_comfortable=_share(~np.any([broken[bound] for bound in COMFORT], axis=0)),
        share_feasible=_share(~np.any([broken[bound] for bound in PHYSICS], axis=0)),
        **columns,
    )


def _any(steps: BoolArray) -> BoolArray:
    """(n, 6) to (n,)."""
    some: BoolArray = np.any(steps, axis=1)
    return some


def _share(frames: BoolArray) -> float:
    return float(frames.mean()) if frames.size else float("nan")
