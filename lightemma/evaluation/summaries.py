"""One row per run: the summary, the common frames, the conventions and how the frames ended."""

from __future__ import annotations

from collections import Counter

import numpy as np

from lightemma.evaluation.comparison_data import Mask, Study, column_means
from lightemma.evaluation.metrics.displacement import CONVENTIONS, final_error, l2, misses
from lightemma.evaluation.rows import ConventionRow, ErrorRow, RemovedRow, SummaryRow
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.bootstrap import Interval
from lightemma.frame import FloatArray
from lightemma.run_folder.records import OK, is_call_error, is_format_error


def summary_rows(study: Study) -> list[SummaryRow]:
    """Each run on its own ok frames."""
    pairs = zip(study.runs, study.on_own_frames, strict=True)
    return [_summary(study, run, run.ok, diff) for run, diff in pairs]


def common_rows(study: Study) -> list[SummaryRow]:
    """Each run on the frames that are ok in every run."""
    everyone = np.all([run.ok for run in study.runs], axis=0)
    differences = study.differences([everyone] * len(study.runs))
    return [_summary(study, run, everyone, diff) for run, diff in zip(study.runs, differences, strict=True)]


def removed_rows(study: Study) -> list[RemovedRow]:
    """Who takes how many frames out of the common set."""
    failed = np.array([~run.ok for run in study.runs])
    alone = failed & (failed.sum(axis=0) == 1)
    return [
        RemovedRow(run.name, int(mine.sum()), int(only.sum()))
        for run, mine, only in zip(study.runs, failed, alone, strict=True)
    ]


def convention_rows(study: Study) -> list[ConventionRow]:
    """Every run by every convention, with its difference to the baseline by the same convention."""
    keys = [(run, convention) for run in study.runs for convention in CONVENTIONS]
    columns = [study.above_baseline(run.errors, convention) for run, convention in keys]
    rows = []
    for (run, convention), diff in zip(keys, study.bootstrap.intervals(np.column_stack(columns)), strict=True):
        one, two, three, average = column_means(l2(run.errors[run.ok], convention))
        ends = (
            (0.0, 0.0, 0.0, float("nan")) if run is study.baseline else (diff.mean, diff.low, diff.high, diff.p_value)
        )
        rows.append(ConventionRow(run.name, convention, one, two, three, average, *ends))
    return rows


def error_rows(study: Study) -> list[ErrorRow]:
    """How the frames of every run ended."""
    rows = []
    for run in study.runs:
        counts = Counter(
            "ok:implausible" if outcome == OK and beyond else outcome
            for outcome, beyond in zip(run.outcomes, run.implausible.tolist(), strict=True)
        )
        frames = len(run.outcomes)
        rows += [ErrorRow(run.name, outcome, count, count / frames) for outcome, count in sorted(counts.items())]
    return rows


def _summary(study: Study, run: RunScores, mask: Mask, diff: Interval) -> SummaryRow:
    frames = len(run.tokens)
    errors = run.errors[mask]
    columns = column_means(l2(errors, study.convention))
    latency = run.latency[mask]
    usage = column_means(run.usage[mask])
    cost = run.cost()
    spent = float(np.nansum(cost)) if np.any(~np.isnan(cost)) else float("nan")
    is_reference = run is study.baseline
    manifest = run.manifest
    return SummaryRow(
        run=run.name,
        model=manifest.model.name if manifest and manifest.model else "",
        planner=run.planner,
        prompts=manifest.prompts.name if manifest and manifest.prompts else "",
        data=_data_name(run if manifest else study.runs[0]),
        frames=frames,
        ok_frames=int(mask.sum()),
        format_error_rate=sum(map(is_format_error, run.outcomes)) / frames,
        call_error_rate=sum(map(is_call_error, run.outcomes)) / frames,
        convention=study.convention,
        l2_1s=columns[0],
        l2_2s=columns[1],
        l2_3s=columns[2],
        l2_avg=columns[3],
        fde=column_means(final_error(errors)[:, None])[0],
        miss_rate_2m=column_means(misses(errors)[:, None])[0],
        latency_mean_s=column_means(latency[:, None])[0],
        latency_p50_s=_quantile(latency, 0.50),
        latency_p95_s=_quantile(latency, 0.95),
        calls_per_frame=column_means(run.calls[mask][:, None])[0],
        input_tokens=usage[0],
        output_tokens=usage[2],
        reasoning_tokens=usage[3],
        cost_usd=spent,
        cost_usd_per_frame=spent / frames,
        diff_vs_baseline=0.0 if is_reference else diff.mean,
        ci_low=0.0 if is_reference else diff.low,
        ci_high=0.0 if is_reference else diff.high,
    )


def _data_name(run: RunScores) -> str:
    if run.manifest is None:
        return ""
    data = run.manifest.data
    return f"{data.source}:{data.name}" + (f"@{data.version}" if data.version else "")


def _quantile(values: FloatArray, share: float) -> float:
    known = values[~np.isnan(values)]
    return float(np.quantile(known, share)) if known.size else float("nan")
