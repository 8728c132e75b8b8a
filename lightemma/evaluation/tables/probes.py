"""probes: what each probe did to the plans of each run, and how far that is from its law."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lightemma.evaluation.metrics.displacement import l2
from lightemma.evaluation.metrics.manoeuvres import CURVE, recorded_motion
from lightemma.evaluation.metrics.recorded_path import pose_turns
from lightemma.evaluation.probing.measures import MOVING, Measured, distance, measured, measured_together, unchanged
from lightemma.evaluation.probing.probed_runs import ProbedRun
from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES, LEVEL, holm
from lightemma.evaluation.study import Mask, Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray

#: The probe that changes nothing: what moves under it moves by itself.
UNREST = "recoded"
ALL = "all"


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """One probe of one run, on the frames where both have a plan.

    Attributes:
        run: name of the untouched run
        probe: name of the probe; that of its family where several variants are measured together
        part: `all` frames, or those of a `straight road`, of `left-hand traffic` or of `right-hand traffic`
        probed_run: name of the probe's run; empty where several are measured together
        law: what a planner that sees, and does what it says, does
        measure: what is measured in each frame; docs/probes.md has the formulas
        frames: number of frames that take part
        scenes: number of scenes they come from
        unit: of the effect: m, m/s, or `gain`
        effect: mean over frames of what the probe did to the plan, in metres, m/s, or as a factor (gain)
        effect_low: metres, m/s or factor, lower end of its scene-clustered 95 % interval
        effect_high: metres, m/s or factor, upper end
        expected: metres or factor, the effect by the law; empty where the law only says that there is one
        violation_unit: of the violation: m, `gain`, or `share`
        violation: mean over frames of the distance from the law, in metres, as a factor, or as a share of frames
        violation_low: metres, factor or share, lower end of its scene-clustered 95 % interval
        violation_high: metres, factor or share, upper end
        tolerance: metres, factor or share, the violation up to which the law counts as obeyed
        p_value: two-sided p that the violation is as large as the tolerance
        p_holm: the same p after Holm's correction over the rows with all frames
        verdict: "obeys" or "breaks" where p_holm is below 0.05 over 8 scenes or more
        unchanged: share of frames whose plan is the same to the last digit
        unchanged_low: share, lower end of its scene-clustered 95 % interval
        unchanged_high: share, upper end
        moved: metres, mean distance between the points of the two plans, at most 20 m; mirrored back under `mirror`
        moved_low: metres, lower end of its scene-clustered 95 % interval
        moved_high: metres, upper end
        unrest: metres, the mean of `moved` where nothing is changed (probe `recoded`); empty if it was not run
        l2_change: metres of l2_avg, probed minus untouched, each to the recorded drive as its picture shows it
        l2_change_low: metres, lower end of its scene-clustered 95 % interval
        l2_change_high: metres, upper end
        no_plan: share of the frames with an untouched plan that have none under the probe
        approximate: "yes" where the change is an approximation
    """

    run: str
    probe: str
    part: str
    probed_run: str
    law: str
    measure: str
    frames: int
    scenes: int
    unit: str
    effect: float
    effect_low: float
    effect_high: float
    expected: float
    violation_unit: str
    violation: float
    violation_low: float
    violation_high: float
    tolerance: float
    p_value: float
    p_holm: float
    verdict: str
    unchanged: float
    unchanged_low: float
    unchanged_high: float
    moved: float
    moved_low: float
    moved_high: float
    unrest: float
    l2_change: float
    l2_change_low: float
    l2_change_high: float
    no_plan: float
    approximate: str


class Probes(Table[ProbeRow]):
    """Every probe of every run: does the picture, the history, the model's own text decide the plan?

    Empty where no probe was driven (`lightemma probe`).
    """

    name = "probes"
    Row = ProbeRow
    ALWAYS = False
    PAGE = ("run", "probe", "part", "frames", "effect", "expected", "violation", "tolerance", "verdict", "unchanged")

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            "Probes: effect on the plan and violation of the probe's law, 95 % intervals over scenes, verdict by Holm over "
            f"the rows with all frames. L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[ProbeRow]:
        """Run by run, in the order in which the probes were given."""
        rows = [row for run in study.runs for row in _rows_of(study, [one for one in study.probed if one.plain is run])]
        corrected = iter(holm([row.p_value for row in rows if row.part == ALL]))
        return [_judged(row, next(corrected)) if row.part == ALL else row for row in rows]


def _rows_of(study: Study, probed: Sequence[ProbedRun]) -> Iterator[ProbeRow]:
    """The rows of one untouched run."""
    calm = next((run for run in probed if run.entry.name == UNREST), None)
    families: dict[str, list[ProbedRun]] = {}
    for run in probed:
        families.setdefault(run.entry.family, []).append(run)
    for family, runs in families.items():
        together = measured_together(runs)
        if together is not None:
            yield _row(study, runs, together, family, calm, None)
        for run in runs:
            unrest = np.zeros(study.frames) if calm is None or calm is run else np.nan_to_num(distance(calm))
            found = measured(run, unrest)
            yield _row(study, [run], found, run.entry.name, calm, None)
            if run.entry.law.measure == "mirrors":
                for part, mask in _parts(study, run):
                    yield _row(study, [run], found, run.entry.name, calm, (part, mask))


def _parts(study: Study, run: ProbedRun) -> Iterator[tuple[str, Mask]]:
    """Where the mirror changes most: the traffic side; and where it changes least: straight roads."""
    plain = run.plain
    motion = recorded_motion(plain.history, plain.truth, pose_turns(plain.scenes, plain.frame_index, plain.truth))
    with np.errstate(invalid="ignore"):
        straight: Mask = (np.abs(motion.turned) < CURVE) & (motion.now >= MOVING)
    yield "straight road", straight
    facts = study.context.facts
    sides = np.array([facts[scene].traffic if scene in facts else "" for scene in plain.scenes])
    for side in ("left", "right"):
        if (sides == side).any():
            yield f"{side}-hand traffic", sides == side


def _row(
    study: Study,
    runs: Sequence[ProbedRun],
    found: Measured,
    name: str,
    calm: ProbedRun | None,
    part: tuple[str, Mask] | None,
) -> ProbeRow:
    """One row, not judged yet.

    Args:
        study: for the intervals.
        runs: one, or the variants that are measured together.
        found: the law in each frame.
        name: of the probe.
        calm: the run in which nothing was changed, if there is one.
        part: name and frames of a part; all if None.
    """
    first, law = runs[0], runs[0].entry.law
    keep = np.ones(study.frames, dtype=bool) if part is None else part[1]

    def of(values: FloatArray) -> FloatArray:
        kept: FloatArray = np.where(keep, values, np.nan)
        return kept

    def mean(each: list[FloatArray]) -> FloatArray:
        total: FloatArray = np.mean(each, axis=0)
        return of(total)

    plain = l2(first.plain.errors, study.convention)[:, 3]
    change = mean([l2(run.errors, study.convention)[:, 3] - plain for run in runs])
    effect, violation, above, moved, l2_change = study.intervals(
        np.column_stack(
            [
                of(found.effect),
                of(found.violation),
                of(_size(found) - law.tolerance),
                mean(list(map(distance, runs))),
                change,
            ]
        )
    )
    low, high = violation.low, violation.high
    same = np.array([unchanged(run) for run in runs])
    shares = [of(np.where(np.isnan(same).any(axis=0), np.nan, same.mean(axis=0)))]
    if found.violation_unit == "share":
        shares.append(of(found.violation))
    unchanged_share, *broken = study.shares(np.column_stack(shares))
    if broken:
        low, high = broken[0].low, broken[0].high
    lost = np.array([np.isnan(run.actions[:, 0, 0]) for run in runs])
    asked = np.array([run.driven for run in runs]) & keep & ~np.isnan(first.plain.actions[:, 0, 0])
    return ProbeRow(
        run=first.plain.name,
        probe=name,
        part=ALL if part is None else part[0],
        probed_run=first.name if len(runs) == 1 else "",
        law=law.statement,
        measure=law.measure,
        frames=effect.frames,
        scenes=effect.scenes,
        unit=found.unit,
        effect=effect.mean,
        effect_low=effect.low,
        effect_high=effect.high,
        expected=found.expected,
        violation_unit=found.violation_unit,
        violation=violation.mean,
        violation_low=low,
        violation_high=high,
        tolerance=law.tolerance,
        p_value=above.p_value,
        p_holm=math.nan,
        verdict="",
        unchanged=unchanged_share.share,
        unchanged_low=unchanged_share.low,
        unchanged_high=unchanged_share.high,
        moved=moved.mean,
        moved_low=moved.low,
        moved_high=moved.high,
        unrest=math.nan if calm is None else _mean(distance(calm)),
        l2_change=l2_change.mean,
        l2_change_low=l2_change.low,
        l2_change_high=l2_change.high,
        no_plan=float((lost & asked).sum() / asked.sum()) if asked.any() else math.nan,
        approximate="yes" if law.approximate else "",
    )


def _judged(row: ProbeRow, p_holm: float) -> ProbeRow:
    decided = p_holm < LEVEL and row.scenes >= FEWEST_SCENES
    size = abs(row.violation) if row.violation_unit == "gain" else row.violation
    verdict = ("breaks" if size > row.tolerance else "obeys") if decided else ""
    return replace(row, p_holm=p_holm, verdict=verdict)


def _size(found: Measured) -> FloatArray:
    """(n,) the violation, positive: a gain may be too strong as well as too weak."""
    too_strong = found.unit == "gain" and _mean(found.violation) < 0
    return -found.violation if too_strong else found.violation


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
