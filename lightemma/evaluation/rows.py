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
    """One run's L2 by one convention, metres, on its own ok frames, and its difference to the baseline on the same frames."""

    run: str
    convention: str
    l2_1s: float
    l2_2s: float
    l2_3s: float
    l2_avg: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How many frames of a run ended in an outcome; ``ok:implausible`` are scored plans that lie beyond physics."""

    run: str
    outcome: str
    frames: int
    share: float


@dataclass(frozen=True, slots=True)
class PairedRow:
    """Difference of l2_avg (run minus reference) on the frames both have, with its scene-clustered interval and p.

    ``p_holm`` is corrected for all rows of the table; ``tie`` says "tie" where it is 0.05 or more.
    """

    run: str
    reference: str
    frames: int
    scenes: int
    diff: float
    ci_low: float
    ci_high: float
    p_value: float
    p_holm: float
    tie: str


@dataclass(frozen=True, slots=True)
class StratumRow:
    """One run on one stratum of its own ok frames, against the baseline on the same frames; ``share`` is of those frames.

    ``p_holm`` is corrected for all rows of the table that have a p; ``significant`` is "better" or "worse" where it is
    below 0.05. Rows over a single scene have neither interval nor p.
    """

    run: str
    stratum: str
    frames: int
    share: float
    l2_avg: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float
    p_value: float
    p_holm: float
    significant: str


@dataclass(frozen=True, slots=True)
class RankRow:
    """A run's place by l2_avg on the frames that are ok in every ranked run.

    Attributes:
        run: name of the run.
        rank: 1 is the best; runs that are exactly alike share a place. None for a run that is not ranked.
        rank_low: the best place in 95 % of the scene draws.
        rank_high: the worst.
        share_best: share of draws in which no other run is better.
        frames: frames the ranking is over; 0 where the run is not ranked.
        l2_avg: metres, on those frames.
    """

    run: str
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    share_best: float
    frames: int
    l2_avg: float


@dataclass(frozen=True, slots=True)
class InfluenceRow:
    """What leaving one scene out does to a run's difference to the baseline.

    Attributes:
        run: name of the run.
        scene: the scene left out.
        frames: its frames that are ok in the run.
        diff_without: metres, the difference over all other scenes.
        shift: ``diff_without`` minus the difference over all scenes.
        flips: "yes" if the difference changes its sign, or its p crosses 0.05.
    """

    run: str
    scene: str
    frames: int
    diff_without: float
    shift: float
    flips: str


@dataclass(frozen=True, slots=True)
class PowerRow:
    """What a paired difference can show.

    Attributes:
        run: name of the run.
        reference: what it is compared with.
        frames: frames both have.
        scenes: scenes they come from.
        standard_error: metres, cluster-robust.
        mdd_80: metres, the difference that is found significant in 80 of 100 such studies (two-sided 5 %).
        scenes_for_0_05: scenes it would take to find 0.05 m; None where unknown.
    """

    run: str
    reference: str
    frames: int
    scenes: int
    standard_error: float
    mdd_80: float
    scenes_for_0_05: int | None


@dataclass(frozen=True, slots=True)
class ImputedRow:
    """One run over all its frames; where it has no plan, it holds the last action as the baseline does."""

    run: str
    frames: int
    imputed_frames: int
    l2_1s: float
    l2_2s: float
    l2_3s: float
    l2_avg: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A plan made from those of all models: their coordinate-wise median, or per frame the best of them.

    Attributes:
        run: ``coordinate-median of N`` or ``best of N``.
        runs: N, the models it is made from.
        frames: frames where at least one of them is ok.
        l2_1s: metres.
        l2_2s: metres.
        l2_3s: metres.
        l2_avg: metres.
        fde: metres.
        miss_rate_2m: share of frames with a point more than 2 m off.
        diff_vs_baseline: metres of l2_avg, on the same frames.
        ci_low: lower end of its interval.
        ci_high: upper end.
    """

    run: str
    runs: int
    frames: int
    l2_1s: float
    l2_2s: float
    l2_3s: float
    l2_avg: float
    fde: float
    miss_rate_2m: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, slots=True)
class CopyRow:
    """How often a run's plan is nothing but the current action, six times.

    Attributes:
        run: name of the run.
        frames: ok frames.
        copies: frames whose six actions are the current one to three decimals.
        share: of the ok frames.
        stationary_share: share of the copies where the car stands now, and holding the action is often right.
    """

    run: str
    frames: int
    copies: int
    share: float
    stationary_share: float


@dataclass(frozen=True, slots=True)
class HorizonRow:
    """A run's mean error at one step of its plan, metres, on its own ok frames, with its scene-clustered interval."""

    run: str
    horizon_s: float
    error: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """What the car really did where a run planned a speed or a curvature within a bin.

    Attributes:
        run: name of the run.
        quantity: ``speed`` (m/s) or ``curvature`` (1/m, positive = left).
        horizon_s: the end of the half second that the action is for.
        bin_low: lower edge of the planned value, NaN for the bin that is open below.
        bin_high: upper edge, not included, NaN for the bin that is open above.
        frames: frames in the bin.
        planned_mean: mean of the planned values.
        recorded_mean: mean of the recorded ones.
    """

    run: str
    quantity: str
    horizon_s: float
    bin_low: float
    bin_high: float
    frames: int
    planned_mean: float
    recorded_mean: float
