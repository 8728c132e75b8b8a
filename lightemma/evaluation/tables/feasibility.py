"""feasibility: how comfortable and how drivable the plans themselves are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.agents import BoolArray
from lightemma.evaluation.metrics.comfort import COMFORT, PHYSICS, history_breaks, motion
from lightemma.evaluation.metrics.extended_comfort import extended_comfort, next_frames, plan_differences
from lightemma.evaluation.metrics.recorded_actions import actions_from_later_frames
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.means import mean
from lightemma.evaluation.statistics.shares import few_events
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray

#: The recorded car's own row.
RECORDED = "recorded drive"

_MEASURED = ("lon_accel", "lat_accel", "lon_jerk", "jerk", "yaw_rate", "yaw_accel", "curvature_rate")


@dataclass(frozen=True, slots=True)
class FeasibilityRow:
    """One run's comfort and feasibility on its ok frames.

    Attributes:
        run: name of the run, or `recorded drive`
        frames: number of plans judged
        share_comfortable: share of plans within all of nuPlan's comfort bounds
        share_feasible: share of plans within physics: 9.8 m/s^2 in all, curvature 0.2 1/m
        share_breaking_lon_accel: share of plans with a longitudinal acceleration outside -4.05 … 2.40 m/s^2
        share_breaking_lat_accel: share of plans with a lateral acceleration over 4.89 m/s^2
        share_breaking_lon_jerk: share of plans with a longitudinal jerk over 4.13 m/s^3
        share_breaking_jerk: share of plans with a jerk over 8.37 m/s^3
        share_breaking_yaw_rate: share of plans with a yaw rate over 0.95 rad/s
        share_breaking_yaw_accel: share of plans with a yaw acceleration over 1.93 rad/s^2
        share_breaking_physical_accel: share of plans with an acceleration over 9.8 m/s^2
        share_breaking_physical_curvature: share of plans with a curvature over 0.2 1/m
        lon_accel_mean: m/s^2, largest longitudinal acceleration within a plan, mean over plans
        lon_accel_p95: m/s^2, the same, 95th percentile over plans
        lat_accel_mean: m/s^2, largest lateral acceleration within a plan, mean over plans
        lat_accel_p95: m/s^2, the same, 95th percentile over plans
        lon_jerk_mean: m/s^3, largest longitudinal jerk within a plan, mean over plans
        lon_jerk_p95: m/s^3, the same, 95th percentile over plans
        jerk_mean: m/s^3, largest jerk within a plan, mean over plans
        jerk_p95: m/s^3, the same, 95th percentile over plans
        yaw_rate_mean: rad/s, largest yaw rate within a plan, mean over plans
        yaw_rate_p95: rad/s, the same, 95th percentile over plans
        yaw_accel_mean: rad/s^2, largest yaw acceleration within a plan, mean over plans
        yaw_accel_p95: rad/s^2, the same, 95th percentile over plans
        curvature_rate_mean: 1/(m s), largest change of curvature within a plan, mean over plans
        curvature_rate_p95: 1/(m s), the same, 95th percentile over plans
        first_speed_jump_mean: m/s between the current and the first planned speed, unsigned, mean over plans
        first_speed_jump_max: m/s, the same, largest of all plans
        first_curvature_jump_mean: 1/m between the current and the first planned curvature, unsigned, mean over plans
        first_curvature_jump_max: 1/m, the same, largest of all plans
        share_comfortable_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        share_comfortable_ci_high: share, upper end
        share_feasible_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        share_feasible_ci_high: share, upper end
        few_events: the columns of shares whose event is in fewer than 5 scenes: one more or less would change them much
        share_history_comfortable: share of plans within all comfort bounds, or whose recorded history breaks one (NAVSIM v2)
        share_history_comfortable_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        share_history_comfortable_ci_high: share, upper end
        consecutive_plans: number of plans with a plan half a second later
        share_extended_comfortable: share of these that agree with the next one within all of NAVSIM v2's bounds
        share_extended_comfortable_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        share_extended_comfortable_ci_high: share, upper end
        extended_accel_mean: m/s^2, root mean square difference of the acceleration's size to the next plan, mean over plans
        extended_jerk_mean: m/s^3, the same of its change
        extended_yaw_rate_mean: rad/s, the same of the yaw rate
        extended_yaw_accel_mean: rad/s^2, the same of the yaw acceleration
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
    share_comfortable_ci_low: float
    share_comfortable_ci_high: float
    share_feasible_ci_low: float
    share_feasible_ci_high: float
    few_events: str
    share_history_comfortable: float
    share_history_comfortable_ci_low: float
    share_history_comfortable_ci_high: float
    consecutive_plans: int
    share_extended_comfortable: float
    share_extended_comfortable_ci_low: float
    share_extended_comfortable_ci_high: float
    extended_accel_mean: float
    extended_jerk_mean: float
    extended_yaw_rate_mean: float
    extended_yaw_accel_mean: float


class Feasibility(Table[FeasibilityRow]):
    """Every row is a run on all its ok frames, also where the recorded car breaks a bound; a further row is the
    `recorded drive`.

    Means and 95th percentiles are over plans, of the largest size within a plan.
    """

    name = "feasibility"
    Row = FeasibilityRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return "How comfortable and how drivable the plans themselves are, next to the recorded drive."

    def build(self, study: Study) -> list[FeasibilityRow]:
        """One row per run, and one for the recorded drive of the first run's frames."""
        rows = [_row(study, run.name, run, run.actions) for run in study.runs]
        first = study.runs[0]
        return [*rows, _row(study, RECORDED, first, actions_from_later_frames(first))]


def _row(study: Study, name: str, run: RunScores, actions: FloatArray) -> FeasibilityRow:
    """The row of a drive, (n, 6, 2) actions, over the frames of ``run``."""
    felt = motion(actions, run.history, run.protocol.dt)
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
    within = {
        "share_comfortable": ~np.any([broken[bound] for bound in COMFORT], axis=0),
        "share_feasible": ~np.any([broken[bound] for bound in PHYSICS], axis=0),
    }
    within["share_history_comfortable"] = (
        within["share_comfortable"] | history_breaks(run.history, run.protocol.dt)[planned]
    )
    known = np.full((len(planned), len(within) + 1), np.nan)
    known[planned, :-1] = np.column_stack(list(within.values()))
    differences = plan_differences(felt, next_frames(run))
    known[:, -1] = extended_comfort(differences)
    shares = dict(zip([*within, "share_extended_comfortable"], study.shares(known), strict=True))
    return FeasibilityRow(
        run=name,
        frames=frames,
        share_comfortable=shares["share_comfortable"].share,
        share_feasible=shares["share_feasible"].share,
        **columns,
        share_comfortable_ci_low=shares["share_comfortable"].low,
        share_comfortable_ci_high=shares["share_comfortable"].high,
        share_feasible_ci_low=shares["share_feasible"].low,
        share_feasible_ci_high=shares["share_feasible"].high,
        few_events=few_events(shares),
        **{
            f"{event}{end}": value
            for event in ("share_history_comfortable", "share_extended_comfortable")
            for end, value in (
                ("", shares[event].share),
                ("_ci_low", shares[event].low),
                ("_ci_high", shares[event].high),
            )
        },
        consecutive_plans=int((~np.isnan(known[:, -1])).sum()),
        **{f"extended_{quantity}_mean": mean(apart) for quantity, apart in differences.items()},
    )


def _share(frames: BoolArray) -> float:
    return float(frames.mean()) if frames.size else float("nan")
