"""Teacher and student as a whole, in one table: cost, error, format, words, probes and driving."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lightemma.closed_loop.records import SOURCE as CLOSED_LOOP
from lightemma.closed_loop.results import ClosedLoopResults, results_of
from lightemma.closed_loop.study import load_driven
from lightemma.comparing.load import load_and_compare
from lightemma.errors import UserError
from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.metrics.displacement import CONVENTIONS, l2
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.means import mean
from lightemma.evaluation.strata import SCENE_FAMILY, strata
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import BuiltTable, TableOf, TableSet
from lightemma.evaluation.teachers import Taught, model_of, taught
from lightemma.frame import FloatArray
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.places import find_runs
from lightemma.run_folder.records import is_format_error
from lightemma.run_folder.store import read_manifest

NAN = math.nan
ALL = "all"
#: Shares and costs of a driving run that stand beside each other; the score itself has a paired interval.
_DRIVING = (
    ("driving success", "success_rate"),
    ("collisions at fault", "collision_at_fault_rate"),
    ("off the road", "off_road_rate"),
    ("red lights run", "red_light_rate"),
    ("driving score above its blind twin", "above_twin"),
)


@dataclass(frozen=True, slots=True)
class SideRow:
    """One measure of a student beside its teacher's.

    Attributes:
        run: name of the student's run
        teacher: name of the teacher's run
        known: how the teacher is known: `named`, `recorded`, or the `same model` in stages
        measure: what is measured
        part: `all`, or a stratum, or a probe
        unit: of the values and of the difference
        value: the student's
        low: lower end of its 95 % interval, over scenes or scenarios, where it has one of its own
        high: upper end
        teacher_value: the teacher's
        teacher_low: lower end of its interval
        teacher_high: upper end
        diff: student minus teacher
        diff_low: lower end of the difference's paired 95 % interval, where frames or episodes are paired
        diff_high: upper end
        cases: number of frames, or episodes, of both
        scenes: number of scenes, or scenarios, they come from
    """

    run: str
    teacher: str
    known: str
    measure: str
    part: str
    unit: str
    value: float
    low: float
    high: float
    teacher_value: float
    teacher_low: float
    teacher_high: float
    diff: float
    diff_low: float
    diff_high: float
    cases: int
    scenes: int


class SideBySide(TableOf[Comparison, SideRow]):
    """Every student beside its teacher in every measure."""

    name = "teacher_and_student"
    Row = SideRow
    ALWAYS = False
    PAGE = ("measure", "part", "unit", "value", "teacher_value", "diff", "diff_low", "diff_high", "cases")

    def __init__(self, driven: Sequence[ClosedLoopResults] = ()) -> None:
        self._driven = driven

    def caption(self, study: Comparison) -> str:
        """What the numbers are."""
        pairs = ", ".join(f"{one.student.name} beside {one.teacher.name} ({one.known})" for one in taught(study.study))
        return f"{pairs}. Paired 95 % intervals over scenes or scenarios. L2 by stratum: {study.convention}."

    def build(self, study: Comparison) -> list[SideRow]:
        """All rows of all students."""
        return [
            row
            for pair in taught(study.study)
            for part in (
                _costs(study.study, pair),
                _errors(study.study, pair),
                _probes(study, pair),
                self._driving(pair),
            )
            for row in part
        ]

    def _driving(self, pair: Taught) -> Iterator[SideRow]:
        for results in self._driven:
            rows = {row.run: row for row in results.tables["closed_loop"].rows}
            own, its = (_driven_as(results, run) for run in (pair.student, pair.teacher))
            if own is None or its is None:
                continue
            for row in results.tables["closed_loop_paired"].rows:
                if {row.run, row.reference} != {own, its}:
                    continue
                sign, ends = (1.0, (row.ci_low, row.ci_high)) if row.run == own else (-1.0, (-row.ci_high, -row.ci_low))
                mine, theirs = ((one.driving_score, one.ci_low, one.ci_high) for one in (rows[own], rows[its]))
                counted = (row.episodes, row.clusters)
                yield _row(pair, "driving score", "score", (mine, theirs, (sign * row.diff, *ends)), counted)
            for measure, column in _DRIVING:
                columns = (column, f"{column}_ci_low", f"{column}_ci_high")
                first, second = ([float(getattr(rows[name], one)) for one in columns] for name in (own, its))
                if not (math.isnan(first[0]) and math.isnan(second[0])):
                    unit = "score" if column == "above_twin" else "share"
                    counted = (min(rows[own].episodes, rows[its].episodes), 0)
                    yield _row(pair, measure, unit, (first, second, _alone(first[0] - second[0])), counted)


def side_by_side(
    places: Sequence[Path], teacher: str | None = None, data: str | None = None, *, shared: bool = False
) -> TableSet[Comparison]:
    """The table of students beside their teachers.

    Args:
        places: runs over the same frames, of probes too, and closed-loop runs of the same models and planners.
        teacher: name of the teacher's run; as the students' records say if None.
        data: the data behind the runs, as noted when they were driven if None.
        shared: whether runs over different frames are cut to those that they share.

    Raises:
        UserError: if there is no run over frames, or no teacher of any.
    """
    folders = find_runs(places)
    closed = [folder for folder in folders if read_manifest(folder).data.source == CLOSED_LOOP]
    frames = [folder for folder in folders if folder not in closed]
    if not frames:
        raise UserError(
            "Teacher and student are compared on the same frames first; give their runs of `lightemma run` too."
        )
    comparison = load_and_compare(frames, data=data, teacher=teacher, shared_only=shared)
    if not taught(comparison.study):
        raise UserError(
            "Nothing says which of these runs is the teacher of another: none learnt from another, and no model was asked in "
            "more calls too; name it with --teacher.",
            "teacher",
        )
    table = SideBySide([results_of([load_driven(folder) for folder in closed])] if closed else [])
    return TableSet(comparison, {table.name: BuiltTable(table, table.build(comparison), table.caption(comparison))})


#: A value, and the ends of its interval.
_Ends = Sequence[float]


def _row(
    pair: Taught, measure: str, unit: str, ends: tuple[_Ends, _Ends, _Ends], cases: tuple[int, int], part: str = ALL
) -> SideRow:
    """A row.

    Args:
        pair: student and teacher.
        measure: what.
        unit: of all.
        ends: the student's, the teacher's, and those of the difference.
        cases: frames or episodes, and scenes or scenarios.
        part: of the frames, or a probe.
    """
    (value, low, high), (its, its_low, its_high), (diff, diff_low, diff_high) = ends
    return SideRow(
        pair.student.name, pair.teacher.name, pair.known, measure, part, unit, value, low, high, its, its_low, its_high,
        diff, diff_low, diff_high, *cases,
    )  # fmt: skip


def _costs(study: Study, pair: Taught) -> Iterator[SideRow]:
    run, teacher = pair.student, pair.teacher
    both = run.ok & teacher.ok
    counted = (int(both.sum()), len({scene for scene, ok in zip(study.baseline.scenes, both, strict=True) if ok}))
    columns: list[tuple[str, str, FloatArray, FloatArray]] = [
        ("calls per frame", "calls", run.calls, teacher.calls),
        ("input tokens per frame", "tokens", run.usage[:, 0], teacher.usage[:, 0]),
        ("output tokens per frame", "tokens", run.usage[:, 2], teacher.usage[:, 2]),
        ("time per frame", "s", run.latency, teacher.latency),
    ]
    for measure, unit, own, its in columns:
        (gap,) = study.intervals(np.where(both, own - its, NAN)[:, None])
        yield _row(pair, measure, unit, (_alone(mean(own[both])), _alone(mean(its[both])), _ends(gap)), counted)
    for measure, name in (("memory of the process", "process_bytes"), ("memory of GPUs", "gpu_bytes")):
        first, second = (_megabytes(one.manifest, name) for one in (run, teacher))
        if not (math.isnan(first) and math.isnan(second)):
            yield _row(pair, measure, "MB", (_alone(first), _alone(second), _alone(first - second)), counted)


def _errors(study: Study, pair: Taught) -> Iterator[SideRow]:
    run, teacher = pair.student, pair.teacher
    both = run.ok & teacher.ok
    baseline = study.baseline
    groups = strata(baseline.history, baseline.truth, baseline.scenes, study.context.facts, baseline.frame_index)
    wanted = [
        (f"L2, {name}", ALL, both, l2(run.errors, name)[:, 3], l2(teacher.errors, name)[:, 3]) for name in CONVENTIONS
    ]
    own, its = study.averages[run.name], study.averages[teacher.name]
    wanted += [("L2", group.name, both & group.frames, own, its) for group in groups if group.family != SCENE_FAMILY]
    for measure, part, frames, mine, theirs in wanted:
        if not frames.any():
            continue
        columns = [np.where(frames, one, NAN) for one in (mine, theirs, mine - theirs)]
        first, second, gap = study.intervals(np.column_stack(columns))
        ends = (_ends(first), _ends(second), _ends(gap))
        yield _row(pair, measure, "m", ends, (int(frames.sum()), gap.scenes), part)
    wrong = [np.array([float(is_format_error(outcome)) for outcome in one.outcomes]) for one in (run, teacher)]
    yield _share(study, pair, "format errors", *wrong)
    followed = [_followed(study, one) for one in (run, teacher)]
    if not all(np.isnan(one).all() for one in followed):
        yield _share(study, pair, "plan follows the words", *followed)


def _share(study: Study, pair: Taught, measure: str, own: FloatArray, its: FloatArray) -> SideRow:
    mine, theirs = ((one.share, one.low, one.high) for one in study.shares(np.column_stack([own, its])))
    (gap,) = study.intervals((own - its)[:, None])
    cases = (int((~np.isnan(own - its)).sum()), gap.scenes)
    return _row(pair, measure, "share", (mine, theirs, _ends(gap)), cases)


def _probes(comparison: Comparison, pair: Taught) -> Iterator[SideRow]:
    rows = {(row.run, row.probe, row.measure): row for row in comparison.tables["probes"].rows if row.part == ALL}
    for (name, probe, measure), own in rows.items():
        its = rows.get((pair.teacher.name, probe, measure))
        if name == pair.student.name and its is not None:
            cases = (min(own.frames, its.frames), min(own.scenes, its.scenes))
            mine, theirs = ((one.effect, one.effect_low, one.effect_high) for one in (own, its))
            yield _row(pair, f"probe: {measure}", own.unit, (mine, theirs, _alone(mine[0] - theirs[0])), cases, probe)
            mine, theirs = ((one.l2_change, one.l2_change_low, one.l2_change_high) for one in (own, its))
            yield _row(pair, "probe: change of L2", "m", (mine, theirs, _alone(mine[0] - theirs[0])), cases, probe)


def _driven_as(results: ClosedLoopResults, run: RunScores) -> str | None:
    """The name of the driving run of the same model, asked by the same planner."""
    for one in results.study.competitors:
        same = model_of(one.scores) is not None and model_of(one.scores) == model_of(run)
        if same and one.manifest.planner.name == run.planner:
            return str(one.name)
    return None


def _followed(study: Study, run: RunScores) -> FloatArray:
    ledger = study.ledgers.get(run.name)
    return np.full(len(run.tokens), NAN) if ledger is None else ledger.followed()


def _megabytes(manifest: Manifest | None, name: str) -> float:
    found: Any = None if manifest is None or manifest.memory is None else getattr(manifest.memory, name)
    return NAN if found is None else found / 1e6


def _ends(one: Interval) -> tuple[float, float, float]:
    return one.mean, one.low, one.high


def _alone(value: float) -> tuple[float, float, float]:
    return value, NAN, NAN
