"""safety: collisions, time to collision, and leaving the road, along the plans. docs/safety.md explains it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.collisions import CONVENTIONS, collision_columns
from lightemma.evaluation.metrics.plan_safety import PlanSafety
from lightemma.evaluation.metrics.time_to_collision import TTC_BOUND
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.means import column_means, mean
from lightemma.evaluation.statistics.shares import few_events
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table

#: The recorded car's own row.
RECORDED = "recorded drive"


@dataclass(frozen=True, slots=True)
class SafetyRow:
    """One run's safety on its ok frames whose surroundings are known; NaN where unknown, and ``note`` says why.

    Steps in which the recorded drive hits something by the same convention never count as a hit (the field's rule: such
    an annotation cannot be right).

    Attributes:
        run: name of the run, or `recorded drive`
        frames: number of ok frames with known agents; collisions and time to collision are over these
        scenes: number of scenes they come from
        collision_uniad_1s: share of frames with an occupied cell at 1 s, vehicles that are annotated at the step (UniAD)
        collision_uniad_2s: share of frames at 2 s
        collision_uniad_3s: share of frames at 3 s
        collision_uniad_avg: mean of the three shares
        collision_exact_1s: share of plans in contact up to 1 s, turned boxes, all road users and obstacles
        collision_exact_2s: share of plans up to 2 s
        collision_exact_3s: share of plans up to 3 s
        collision_exact_avg: mean of the three shares
        collision_exact_3s_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        collision_exact_3s_ci_high: share, upper end
        diff_vs_baseline: difference of shares, collision_exact_3s less that of constant-action on the same frames
        ci_low: difference of shares, lower end of its scene-clustered 95 % interval
        ci_high: difference of shares, upper end
        excluded_uniad: share of steps left out by UniAD's convention
        excluded_exact: share of steps left out by the exact convention
        ttc_below_share: share of plans whose least time to collision is below 0.95 s
        ground_frames: number of ok frames with a map under them
        off_road_share: share of these with a corner of the car off the drivable ground at a step
        lane_frames: number of ok frames whose own lane is known
        lane_departure_share: share of these with the rear axle out of the own lane at a step
        note: why columns are empty, in the first row
        collision_uniad_3s_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        collision_uniad_3s_ci_high: share, upper end
        ttc_below_share_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        ttc_below_share_ci_high: share, upper end
        off_road_share_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        off_road_share_ci_high: share, upper end
        lane_departure_share_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        lane_departure_share_ci_high: share, upper end
        few_events: the columns of shares whose event is in fewer than 5 scenes: one more or less would change them much
        collision_stp3_1s: share of steps up to 1 s with an occupied cell, vehicles and people that were seen lately (ST-P3)
        collision_stp3_2s: share of steps up to 2 s
        collision_stp3_3s: share of steps up to 3 s
        collision_stp3_avg: mean of the three shares
        collision_stp3_3s_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        collision_stp3_3s_ci_high: share, upper end
        excluded_stp3: share of steps left out because the recorded drive itself hits something by this convention
        collision_vad_1s: share of steps up to 1 s with an occupied cell, vehicles and people near now with a lidar point (VAD)
        collision_vad_2s: share of steps up to 2 s
        collision_vad_3s: share of steps up to 3 s
        collision_vad_avg: mean of the three shares
        collision_vad_3s_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        collision_vad_3s_ci_high: share, upper end
        excluded_vad: share of steps left out because the recorded drive itself hits something by this convention
    """

    run: str
    frames: int
    scenes: int
    collision_uniad_1s: float
    collision_uniad_2s: float
    collision_uniad_3s: float
    collision_uniad_avg: float
    collision_exact_1s: float
    collision_exact_2s: float
    collision_exact_3s: float
    collision_exact_avg: float
    collision_exact_3s_ci_low: float
    collision_exact_3s_ci_high: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float
    excluded_uniad: float
    excluded_exact: float
    ttc_below_share: float
    ground_frames: int
    off_road_share: float
    lane_frames: int
    lane_departure_share: float
    note: str
    collision_uniad_3s_ci_low: float
    collision_uniad_3s_ci_high: float
    ttc_below_share_ci_low: float
    ttc_below_share_ci_high: float
    off_road_share_ci_low: float
    off_road_share_ci_high: float
    lane_departure_share_ci_low: float
    lane_departure_share_ci_high: float
    few_events: str
    collision_stp3_1s: float
    collision_stp3_2s: float
    collision_stp3_3s: float
    collision_stp3_avg: float
    collision_stp3_3s_ci_low: float
    collision_stp3_3s_ci_high: float
    excluded_stp3: float
    collision_vad_1s: float
    collision_vad_2s: float
    collision_vad_3s: float
    collision_vad_avg: float
    collision_vad_3s_ci_low: float
    collision_vad_3s_ci_high: float
    excluded_vad: float


class Safety(Table[SafetyRow]):
    """Every row is a run on its ok frames whose surroundings are known; a further row is the `recorded drive`.

    Columns are empty where nothing is known, and `note` says why. Steps in which the recorded drive hits something by
    the same convention never count as a hit.
    """

    name = "safety"
    Row = SafetyRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        what = "Collisions along the plans by four conventions, time to collision, and leaving road or lane."
        return " ".join(filter(None, [what, *study.judge.unknown, study.judge.untold]))

    def build(self, study: Study) -> list[SafetyRow]:
        """One row per run, and one for the recorded drive."""
        judge = study.judge
        judged = [*(judge.judge_run(run) for run in study.runs), judge.judge_recorded()]
        names = [*(run.name for run in study.runs), RECORDED]
        contact = np.column_stack([collision_columns("exact", each.hits["exact"])[:, 2] for each in judged])
        reference = next(place for place, run in enumerate(study.runs) if run is study.baseline)
        differences = study.intervals(contact - contact[:, [reference]])
        # The reason is the same for all runs, and stated once.
        notes = [" ".join(judge.unknown), *[""] * len(study.runs)]
        return [
            _row(name, each, study, None if place == reference else differences[place], notes[place])
            for place, (name, each) in enumerate(zip(names, judged, strict=True))
        ]


def _row(name: str, judged: PlanSafety, study: Study, difference: Interval | None, note: str) -> SafetyRow:
    judge, known = study.judge, ~np.isnan(judged.time_to_collision)
    columns: dict[str, float] = {}
    for convention in CONVENTIONS:
        means = column_means(collision_columns(convention, judged.hits[convention]))
        names = (f"collision_{convention}_{end}" for end in ("1s", "2s", "3s", "avg"))
        columns |= dict(zip(names, means, strict=True))
        left_out = np.where(known[:, None], judge.left_out[convention], np.nan)
        columns[f"excluded_{convention}"] = mean(left_out.reshape(-1))
    off_road, departure = judged.off_road.max(axis=1), judged.lane_departure.max(axis=1)
    below = np.where(known, judged.time_to_collision < TTC_BOUND, np.nan)
    events = {
        **{f"collision_{name}_3s": collision_columns(name, judged.hits[name])[:, 2] for name in CONVENTIONS},
        "ttc_below_share": below,
        "off_road_share": off_road,
        "lane_departure_share": departure,
    }
    shares = dict(zip(events, study.shares(np.column_stack(list(events.values()))), strict=True))
    for event, share in shares.items():
        columns |= {f"{event}_ci_low": share.low, f"{event}_ci_high": share.high}
    exact = shares["collision_exact_3s"]
    return SafetyRow(
        run=name,
        frames=int(known.sum()),
        scenes=exact.scenes,
        **columns,
        diff_vs_baseline=0.0 if difference is None else difference.mean,
        ci_low=0.0 if difference is None else difference.low,
        ci_high=0.0 if difference is None else difference.high,
        ttc_below_share=shares["ttc_below_share"].share,
        ground_frames=int((~np.isnan(off_road)).sum()),
        off_road_share=shares["off_road_share"].share,
        lane_frames=int((~np.isnan(departure)).sum()),
        lane_departure_share=shares["lane_departure_share"].share,
        note=note,
        few_events=few_events(shares),
    )
