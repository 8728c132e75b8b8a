"""summary: one row per run on its own ok frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.displacement import final_error, l2, misses
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.means import column_means, mean
from lightemma.evaluation.statistics.runaways import typical
from lightemma.evaluation.statistics.shares import few_events
from lightemma.evaluation.study import Mask, Pair, Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray
from lightemma.run_folder.inputs import InputsEntry
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.records import is_call_error, is_format_error

#: The columns of a summary that fit on a printed page.
PAGE = (
    "run", "inputs", "frames", "ok_frames", "format_error_rate", "call_error_rate", "l2_1s", "l2_2s", "l2_3s", "l2_avg", "fde",
    "miss_rate_2m", "latency_mean_s", "input_tokens", "output_tokens", "cost_usd", "diff_vs_baseline", "ci_low", "ci_high",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One run, on its own ok frames (``summary``) or on the frames that are ok in every run (``common``).

    Attributes:
        run: name of the run
        model: the model's name; empty for planners without one
        planner: the planner's name
        prompts: the prompt set's name; empty without one
        data: where the frames came from
        frames: number of frames driven
        ok_frames: number of frames with a scored plan; every L2 column is over these
        format_error_rate: share of frames where the model answered outside the format
        call_error_rate: share of frames where the model did not answer
        convention: the L2 convention of the L2 columns and of the difference
        l2_1s: metres, L2 at 1 s
        l2_2s: metres, L2 at 2 s
        l2_3s: metres, L2 at 3 s
        l2_avg: metres, the convention's average L2
        fde: metres, distance at the last point (3 s)
        miss_rate_2m: share of frames with a point more than 2 m off
        latency_mean_s: seconds per ok frame, mean: all calls one after the other, or the planning of a planner without calls
        latency_p50_s: seconds per ok frame, median
        latency_p95_s: seconds per ok frame, 95th percentile
        calls_per_frame: number of calls per ok frame
        input_tokens: tokens per ok frame, pictures included
        output_tokens: tokens per ok frame, reasoning included
        reasoning_tokens: tokens per ok frame
        cost_usd: dollars for all frames, failed ones included, by the price in the model's YAML; empty without one
        cost_usd_per_frame: dollars per frame driven
        diff_vs_baseline: metres of l2_avg above (+) or below (-) the constant-action baseline on the same frames
        ci_low: metres, lower end of the difference's scene-clustered 95 % interval
        ci_high: metres, upper end
        significant: "better" or "worse" than the baseline where p by Holm over all pairs of runs is below 0.05, over 8 scenes
            or more
        format_error_rate_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        format_error_rate_ci_high: share, upper end
        call_error_rate_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        call_error_rate_ci_high: share, upper end
        miss_rate_2m_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        miss_rate_2m_ci_high: share, upper end
        few_events: the columns of shares whose event is in fewer than 5 scenes: one more or less would change them much
        diff_median: metres, median over frames of the difference of l2_avg
        diff_capped: metres, mean difference with every l2_avg above 20 m counted as 20 m
        runaway_frames: number of frames where the run or the baseline is more than 20 m off on average
        carrying_frames: number of frames, the fewest that hold half of the sum of the sizes of all differences
        inputs: what the planner was told of each frame: pictures, motion, a command, examples; and how many answers were asked
            for
        concurrent_calls: how many calls at a time its providers were allowed, lowest-highest; latencies grow with it. Empty
            where no model was asked, or by an older program
        latency_alone_s: seconds per ok frame, mean, of a run whose calls were made one at a time (``--concurrency 1``): the
            latency that depends on nothing else; empty for other runs
    """

    run: str
    model: str
    planner: str
    prompts: str
    data: str
    frames: int
    ok_frames: int
    format_error_rate: float
    call_error_rate: float
    convention: str
    l2_1s: float
    l2_2s: float
    l2_3s: float
    l2_avg: float
    fde: float
    miss_rate_2m: float
    latency_mean_s: float
    latency_p50_s: float
    latency_p95_s: float
    calls_per_frame: float
    input_tokens: float
    output_tokens: float
    reasoning_tokens: float
    cost_usd: float
    cost_usd_per_frame: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float
    significant: str
    format_error_rate_ci_low: float
    format_error_rate_ci_high: float
    call_error_rate_ci_low: float
    call_error_rate_ci_high: float
    miss_rate_2m_ci_low: float
    miss_rate_2m_ci_high: float
    few_events: str
    diff_median: float
    diff_capped: float
    runaway_frames: int
    carrying_frames: int
    inputs: str
    concurrent_calls: str
    latency_alone_s: float


class Summary(Table[SummaryRow]):
    """One row per run on its own ok frames. The constant-action baseline is always a row."""

    name = "summary"
    Row = SummaryRow
    PAGE = PAGE

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return f"Each run on its own ok frames, {study.over}. L2 convention: {study.convention}."

    def build(self, study: Study) -> list[SummaryRow]:
        """One row per run over its own ok frames."""
        pairs = zip(study.runs, study.on_own_frames, strict=True)
        against = study.against_baseline()
        return [summary_row(study, run, run.ok, diff, against.get(run.name)) for run, diff in pairs]


def summary_row(study: Study, run: RunScores, mask: Mask, diff: Interval, pair: Pair | None) -> SummaryRow:
    """One run's row over the frames of ``mask``, (n,), with the difference to the baseline on these, and its test."""
    frames = len(run.tokens)
    errors = run.errors[mask]
    columns = column_means(l2(errors, study.convention))
    latency = run.latency[mask]
    usage = column_means(run.usage[mask])
    cost = run.cost()
    spent = float(np.nansum(cost)) if np.any(~np.isnan(cost)) else float("nan")
    failed = {one: (float(is_format_error(one)), float(is_call_error(one))) for one in set(run.outcomes)}
    columns_of_shares = {
        "format_error_rate": np.array([failed[outcome][0] for outcome in run.outcomes]),
        "call_error_rate": np.array([failed[outcome][1] for outcome in run.outcomes]),
        "miss_rate_2m": np.where(mask, misses(run.errors), np.nan),
    }
    found = study.shares(np.column_stack(list(columns_of_shares.values())))
    shares = dict(zip(columns_of_shares, found, strict=True))
    apart = typical(np.where(mask, study.averages[run.name], np.nan), study.averages[study.baseline.name])
    is_reference = run is study.baseline
    manifest = run.manifest
    return SummaryRow(
        run=run.name,
        model=manifest.model_name if manifest else "",
        planner=run.planner,
        prompts=manifest.prompts.name if manifest and manifest.prompts else "",
        data=_data_name(run if manifest else study.runs[0]),
        frames=frames,
        ok_frames=int(mask.sum()),
        format_error_rate=shares["format_error_rate"].share,
        call_error_rate=shares["call_error_rate"].share,
        convention=study.convention,
        l2_1s=columns[0],
        l2_2s=columns[1],
        l2_3s=columns[2],
        l2_avg=columns[3],
        fde=mean(final_error(errors)),
        miss_rate_2m=shares["miss_rate_2m"].share,
        latency_mean_s=mean(latency),
        latency_p50_s=_quantile(latency, 0.50),
        latency_p95_s=_quantile(latency, 0.95),
        calls_per_frame=mean(run.calls[mask]),
        input_tokens=usage[0],
        output_tokens=usage[2],
        reasoning_tokens=usage[3],
        cost_usd=spent,
        cost_usd_per_frame=spent / frames,
        diff_vs_baseline=0.0 if is_reference else diff.mean,
        ci_low=0.0 if is_reference else diff.low,
        ci_high=0.0 if is_reference else diff.high,
        significant="" if pair is None else pair.significant,
        format_error_rate_ci_low=shares["format_error_rate"].low,
        format_error_rate_ci_high=shares["format_error_rate"].high,
        call_error_rate_ci_low=shares["call_error_rate"].low,
        call_error_rate_ci_high=shares["call_error_rate"].high,
        miss_rate_2m_ci_low=shares["miss_rate_2m"].low,
        miss_rate_2m_ci_high=shares["miss_rate_2m"].high,
        few_events=few_events(shares),
        diff_median=apart.median,
        diff_capped=apart.capped,
        runaway_frames=apart.runaways,
        carrying_frames=apart.carrying,
        inputs=manifest.known_inputs.words if manifest else InputsEntry().words,
        concurrent_calls=concurrent_calls(manifest) if manifest else "",
        latency_alone_s=mean(latency) if manifest and concurrent_calls(manifest) == "1" else float("nan"),
    )


def concurrent_calls(manifest: Manifest) -> str:
    """How many calls at a time were allowed, lowest-highest over its sessions and models; empty if that is not known."""
    levels = [level for entry in manifest.concurrency for _, level in entry.levels]
    if not levels:
        return ""
    return str(levels[0]) if min(levels) == max(levels) else f"{min(levels)}-{max(levels)}"


def _data_name(run: RunScores) -> str:
    if run.manifest is None:
        return ""
    data = run.manifest.data
    return f"{data.source}:{data.name}" + (f"@{data.version}" if data.version else "")


def _quantile(values: FloatArray, share: float) -> float:
    known = values[~np.isnan(values)]
    return float(np.quantile(known, share)) if known.size else float("nan")
