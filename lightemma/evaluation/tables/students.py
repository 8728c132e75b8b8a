"""students: what a student costs and is worth beside its teacher."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.displacement import CONVENTIONS, l2
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.means import column_means, mean
from lightemma.evaluation.statistics.shares import few_events
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.evaluation.teachers import Taught, calls_of, taught, without_teacher
from lightemma.frame import FloatArray
from lightemma.run_folder.records import is_format_error


@dataclass(frozen=True, slots=True)
class StudentRow:
    """One run beside its teacher.

    Attributes:
        run: name of the run
        teacher: name of the teacher's run
        known: how the teacher is known: `named` by `--teacher`, `recorded` with the student's model, or the `same model`
            asked by more calls per frame
        frames: number of frames with a plan of both
        scenes: number of scenes they come from
        calls: number of calls per frame
        teacher_calls: number of calls per frame of the teacher
        input_tokens: tokens per frame, pictures included
        teacher_input_tokens: tokens per frame of the teacher
        output_tokens: tokens per frame, reasoning included
        teacher_output_tokens: tokens per frame of the teacher
        seconds: seconds per frame, all calls one after the other
        teacher_seconds: seconds per frame of the teacher
        faster: the teacher's seconds as a number of times the run's
        l2_avg: metres, by the study's convention
        teacher_l2_avg: metres, of the teacher
        diff: metres of l2_avg, run minus teacher: negative is closer
        diff_low: metres, lower end of its scene-clustered 95 % interval
        diff_high: metres, upper end
        diff_lightemma: metres, the difference by the convention `lightemma`
        diff_lightemma_low: metres, lower end of its scene-clustered 95 % interval
        diff_lightemma_high: metres, upper end
        diff_endpoint: metres, by the convention `endpoint`
        diff_endpoint_low: metres, lower end
        diff_endpoint_high: metres, upper end
        diff_cumulative: metres, by the convention `cumulative`
        diff_cumulative_low: metres, lower end
        diff_cumulative_high: metres, upper end
        format_errors: share of the frames where the run answered outside the format
        format_errors_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        format_errors_high: share, upper end
        teacher_format_errors: share of the teacher's
        follow: share of the run's judged frames whose plan does what the words say; empty without words
        teacher_follow: share of the teacher's
        few_events: columns of shares with events in fewer than five scenes
    """

    run: str
    teacher: str
    known: str
    frames: int
    scenes: int
    calls: float
    teacher_calls: float
    input_tokens: float
    teacher_input_tokens: float
    output_tokens: float
    teacher_output_tokens: float
    seconds: float
    teacher_seconds: float
    faster: float
    l2_avg: float
    teacher_l2_avg: float
    diff: float
    diff_low: float
    diff_high: float
    diff_lightemma: float
    diff_lightemma_low: float
    diff_lightemma_high: float
    diff_endpoint: float
    diff_endpoint_low: float
    diff_endpoint_high: float
    diff_cumulative: float
    diff_cumulative_low: float
    diff_cumulative_high: float
    format_errors: float
    format_errors_low: float
    format_errors_high: float
    teacher_format_errors: float
    follow: float
    teacher_follow: float
    few_events: str


class Students(Table[StudentRow]):
    """Runs beside the run of their teacher: the one that `--teacher` names, or one whose answers the student's model learnt
    from (`taught_by` in its YAML, which `lightemma distill train` writes), or the same model asked by more calls per frame.

    A run whose teacher is not known, or not compared, has no row. Strata, probes, memory and closed-loop scores of the two
    stand together in the table of `lightemma distill compare`.
    """

    name = "students"
    Row = StudentRow
    ALWAYS = False
    PAGE = (
        "run", "teacher", "frames", "calls", "teacher_calls", "output_tokens", "teacher_output_tokens", "seconds",
        "teacher_seconds", "diff", "diff_low", "diff_high", "format_errors", "teacher_format_errors", "follow",
        "teacher_follow",
    )  # fmt: skip

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        away = [f"{name} ({', '.join(teachers)})" for name, teachers in without_teacher(study)]
        missing = f" Whose teachers are not compared: {'; '.join(away)}." if away else ""
        return f"Runs beside their teacher, on frames of both. L2 convention: {study.convention}.{missing}"

    def build(self, study: Study) -> list[StudentRow]:
        """One row per run whose teacher is among the runs."""
        return [self._row(study, one) for one in taught(study)]

    def _row(self, study: Study, one: Taught) -> StudentRow:
        run, teacher = one.student, one.teacher
        both = run.ok & teacher.ok
        columns = [np.where(both, study.averages[run.name] - study.averages[teacher.name], np.nan)]
        columns += [
            np.where(both, l2(run.errors, name)[:, 3] - l2(teacher.errors, name)[:, 3], np.nan) for name in CONVENTIONS
        ]
        diff, *by_convention = study.intervals(np.column_stack(columns))
        by = dict(zip(CONVENTIONS, by_convention, strict=True))
        wrong = [np.array([float(is_format_error(outcome)) for outcome in its.outcomes]) for its in (run, teacher)]
        errors, teacher_errors = study.shares(np.column_stack(wrong))
        own, its = column_means(run.usage[both]), column_means(teacher.usage[both])
        seconds, teacher_seconds = mean(run.latency[both]), mean(teacher.latency[both])
        return StudentRow(
            run=run.name,
            teacher=teacher.name,
            known=one.known,
            frames=int(both.sum()),
            scenes=diff.scenes,
            calls=calls_of(run),
            teacher_calls=calls_of(teacher),
            input_tokens=own[0],
            teacher_input_tokens=its[0],
            output_tokens=own[2],
            teacher_output_tokens=its[2],
            seconds=seconds,
            teacher_seconds=teacher_seconds,
            faster=teacher_seconds / seconds if seconds else float("nan"),
            l2_avg=mean(study.averages[run.name][both]),
            teacher_l2_avg=mean(study.averages[teacher.name][both]),
            diff=diff.mean,
            diff_low=diff.low,
            diff_high=diff.high,
            diff_lightemma=by["lightemma"].mean,
            diff_lightemma_low=by["lightemma"].low,
            diff_lightemma_high=by["lightemma"].high,
            diff_endpoint=by["endpoint"].mean,
            diff_endpoint_low=by["endpoint"].low,
            diff_endpoint_high=by["endpoint"].high,
            diff_cumulative=by["cumulative"].mean,
            diff_cumulative_low=by["cumulative"].low,
            diff_cumulative_high=by["cumulative"].high,
            format_errors=errors.share,
            format_errors_low=errors.low,
            format_errors_high=errors.high,
            teacher_format_errors=teacher_errors.share,
            follow=mean(_followed(study, run)),
            teacher_follow=mean(_followed(study, teacher)),
            few_events=few_events({"format_errors": errors}),
        )


def _followed(study: Study, run: RunScores) -> FloatArray:
    """(n,) 1 where the plan does what the words say, 0 where not, NaN where not judged."""
    ledger = study.ledgers.get(run.name)
    return np.full(len(run.tokens), np.nan) if ledger is None else ledger.followed()
