"""The rows of every table. Fields are the columns, in order; docs/metrics.md says the same in longer words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One run, on its own ok frames (``summary``) or on the frames that are ok in every run (``common``).

    Attributes:
        run: name of the run.
        model: the model's name, empty for planners without one.
        planner: the planner's name.
        prompts: the prompt set's name, empty without one.
        data: where the frames came from.
        frames: frames driven.
        ok_frames: frames with a scored plan; every L2 column is over these.
        format_error_rate: share of frames where the model answered outside the format.
        call_error_rate: share of frames where the model did not answer.
        convention: of the L2 columns and the difference.
        l2_1s: metres at one second.
        l2_2s: at two.
        l2_3s: at three.
        l2_avg: the convention's average.
        fde: metres at the last point.
        miss_rate_2m: share of frames with a point more than 2 m off.
        latency_mean_s: seconds per frame, all stages.
        latency_p50_s: median.
        latency_p95_s: 95th percentile.
        calls_per_frame: stages asked per frame.
        input_tokens: per frame, pictures included.
        output_tokens: per frame, reasoning included.
        reasoning_tokens: per frame.
        cost_usd: dollars for all frames, failed ones included.
        cost_usd_per_frame: the same per frame driven.
        diff_vs_baseline: metres of l2_avg above (+) or below (-) the constant-action baseline, same frames.
        ci_low: lower end of its scene-clustered 95 % interval.
        ci_high: upper end.
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


@dataclass(frozen=True, slots=True)
class RemovedRow:
    """How many frames a run took out of the common set: all its failed ones, and those that failed in it alone."""

    run: str
    frames_removed: int
    frames_removed_alone: int


@dataclass(frozen=True, slots=True)
class ConventionRow:
    """One run's L2 by one convention, metres, on its own ok frames."""

    run: str
    convention: str
    l2_1s: float
    l2_2s: float
    l2_3s: float
    l2_avg: float


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How many frames of a run ended in an outcome; ``ok:implausible`` are scored plans that lie beyond physics."""

    run: str
    outcome: str
    frames: int
    share: float


@dataclass(frozen=True, slots=True)
class PairedRow:
    """Difference of l2_avg (run minus reference) on the frames both have, with its scene-clustered interval and p."""

    run: str
    reference: str
    frames: int
    scenes: int
    diff: float
    ci_low: float
    ci_high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class StratumRow:
    """One run on one stratum of its own ok frames, against the baseline on the same frames; ``share`` is of those frames."""

    run: str
    stratum: str
    frames: int
    share: float
    l2_avg: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float
