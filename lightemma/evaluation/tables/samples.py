"""samples: what several answers to one question are worth, and whether their spread says how wrong they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.displacement import Convention, l2, step_errors
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.several_plans import SeveralPlans
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.means import mean
from lightemma.evaluation.statistics.multiple_testing import holm, significance
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray
from lightemma.medoid import distances


@dataclass(frozen=True, slots=True)
class SamplesRow:
    """One run whose model gave several answers to each question, on the frames where two or more of them are plans.

    Attributes:
        run: name of the run
        inputs: what the planner was told of each frame
        samples: number of answers per frame, K
        temperature: number, of the samples; empty where the provider's default was left
        frames: number of frames where two or more samples are plans
        scenes: number of scenes they come from
        format_error_rate: share of all samples that are outside the format
        convention: the L2 convention of the columns of metres
        single: metres of l2_avg, mean over the samples: what one answer at this temperature is to be expected to have
        medoid: metres of l2_avg of the sample in the middle, which is the run's plan
        mean_plan: metres of l2_avg of the mean of the samples' points
        min_of_k: metres of l2_avg of the best sample of each frame, which only the future can tell
        medoid_gain: metres, medoid minus single: negative is closer
        medoid_gain_low: metres, lower end of its scene-clustered 95 % interval
        medoid_gain_high: metres, upper end
        significant: "better" or "worse" than one answer where p by Holm over the rows is below 0.05, over 8 scenes or more
        mean_gain: metres, mean plan minus single
        mean_gain_low: metres, lower end of its interval
        mean_gain_high: metres, upper end
        spread: metres, mean distance of two samples of a frame (ADE)
        overconfidence: metres, distance of a sample to the recorded drive minus distance of two samples (ADE): 0 if the drive
            were one more sample, above it where the samples agree more than they are right
        overconfidence_low: metres, lower end of its interval
        overconfidence_high: metres, upper end
        error_low_spread: metres, l2_avg of the medoid in the third of the frames with the smallest spread
        error_high_spread: metres, the same in the third with the largest spread
        spread_slope: metres of the medoid's l2_avg per metre of spread, by least squares over frames; about 1 where the spread
            says how wrong a plan is
        spread_slope_low: metres per metre, lower end of its scene-clustered 95 % interval
        spread_slope_high: metres per metre, upper end
    """

    run: str
    inputs: str
    samples: int
    temperature: float
    frames: int
    scenes: int
    format_error_rate: float
    convention: str
    single: float
    medoid: float
    mean_plan: float
    min_of_k: float
    medoid_gain: float
    medoid_gain_low: float
    medoid_gain_high: float
    significant: str
    mean_gain: float
    mean_gain_low: float
    mean_gain_high: float
    spread: float
    overconfidence: float
    overconfidence_low: float
    overconfidence_high: float
    error_low_spread: float
    error_high_spread: float
    spread_slope: float
    spread_slope_low: float
    spread_slope_high: float


class Samples(Table[SamplesRow]):
    """Runs with several samples: one answer, the medoid, the mean and the best of K, and whether their spread is their error.

    If the recorded drive were exchangeable with the samples, its mean distance to a sample would be that of two samples.
    The slope is least squares on frames, its interval that of the mean of its influence values over scenes.
    """

    name = "samples"
    Row = SamplesRow
    ALWAYS = False
    PAGE = (
        "run", "inputs", "samples", "frames", "single", "medoid", "medoid_gain", "medoid_gain_low", "medoid_gain_high",
        "min_of_k", "spread", "overconfidence", "spread_slope",
    )  # fmt: skip

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            "Several answers to one question. The best of K is chosen by the recorded drive, so it is no result of the model. "
            f"L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[SamplesRow]:
        """One row per run with samples."""
        made = [(run, run.samples) for run in study.runs if run.samples is not None]
        gains = [_gain(study, several) for _, several in made]
        corrected = holm([found.p_value for found in gains])
        return [
            _row(study, run, several, significance(gain.mean, p_holm, gain.scenes))
            for (run, several), gain, p_holm in zip(made, gains, corrected, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Averages:
    """(n,) metres each, NaN where fewer than two samples are plans."""

    single: FloatArray
    medoid: FloatArray
    mean_plan: FloatArray
    best: FloatArray
    apart: FloatArray
    off: FloatArray


def _averages(several: SeveralPlans, truth: FloatArray, convention: Convention) -> _Averages:
    n, k = several.errors.shape[:2]
    each = l2(several.errors.reshape(n * k, 6), convention)[:, 3].reshape(n, k)
    known = ~np.isnan(several.trajectory[:, :, 0, 0])
    enough = (known.sum(axis=1) >= 2) & ~np.isnan(truth[:, 0, 0])
    between = distances(several.trajectory)
    sums = np.where(known, np.nansum(between, axis=-1), np.inf)
    middle = sums.argmin(axis=1)
    count = np.maximum(known.sum(axis=1), 2)
    off = np.where(known, several.errors.mean(axis=-1), np.nan)
    total = np.nansum(several.trajectory, axis=1) / np.maximum(known.sum(axis=1), 1)[:, None, None]
    mean_plan = l2(step_errors(total, truth), convention)[:, 3]

    def kept(values: FloatArray) -> FloatArray:
        return np.where(enough, values, np.nan)

    return _Averages(
        kept(np.nansum(np.where(known, each, 0.0), axis=1) / count),
        kept(each[np.arange(n), middle]),
        kept(mean_plan),
        kept(np.where(known & ~np.isnan(each), each, np.inf).min(axis=1)),
        kept(np.nansum(between, axis=(1, 2)) / (count * (count - 1))),
        kept(np.nansum(off, axis=1) / count),
    )


def _gain(study: Study, several: SeveralPlans) -> Interval:
    found = _averages(several, study.baseline.truth, study.convention)
    return study.intervals((found.medoid - found.single)[:, None])[0]


def _row(study: Study, run: RunScores, several: SeveralPlans, significant: str) -> SamplesRow:
    found = _averages(several, study.baseline.truth, study.convention)
    slope, influence = _slope(found.apart, found.medoid)
    medoid_gain, mean_gain, sure, slopes = study.intervals(
        np.column_stack(
            [found.medoid - found.single, found.mean_plan - found.single, found.off - found.apart, slope + influence]
        )
    )
    known = several.malformed[~np.isnan(several.malformed)]
    low, high = _thirds(found.apart, found.medoid)
    inputs = run.manifest.known_inputs if run.manifest else None
    temperature = inputs.temperature if inputs else None
    return SamplesRow(
        run=run.name,
        inputs=inputs.words if inputs else "",
        samples=several.errors.shape[1],
        temperature=float("nan") if temperature is None else temperature,
        frames=medoid_gain.frames,
        scenes=medoid_gain.scenes,
        format_error_rate=mean(known),
        convention=study.convention,
        single=mean(found.single),
        medoid=mean(found.medoid),
        mean_plan=mean(found.mean_plan),
        min_of_k=mean(found.best),
        medoid_gain=medoid_gain.mean,
        medoid_gain_low=medoid_gain.low,
        medoid_gain_high=medoid_gain.high,
        significant=significant,
        mean_gain=mean_gain.mean,
        mean_gain_low=mean_gain.low,
        mean_gain_high=mean_gain.high,
        spread=mean(found.apart),
        overconfidence=sure.mean,
        overconfidence_low=sure.low,
        overconfidence_high=sure.high,
        error_low_spread=low,
        error_high_spread=high,
        spread_slope=slopes.mean,
        spread_slope_low=slopes.low,
        spread_slope_high=slopes.high,
    )


def _slope(spread: FloatArray, error: FloatArray) -> tuple[float, FloatArray]:
    """Least squares of error on spread: the slope, and each frame's influence on it, whose mean is 0."""
    known = ~np.isnan(spread) & ~np.isnan(error)
    influence = np.full(len(spread), np.nan)
    x, y = spread[known], error[known]
    if len(x) < 3 or not np.ptp(x) > 0:
        return float("nan"), influence
    variance = float(np.var(x))
    slope = float(np.mean((x - x.mean()) * (y - y.mean())) / variance)
    influence[known] = (x - x.mean()) * (y - y.mean() - slope * (x - x.mean())) / variance
    return slope, influence


def _thirds(spread: FloatArray, error: FloatArray) -> tuple[float, float]:
    known = ~np.isnan(spread) & ~np.isnan(error)
    ordered = error[known][np.argsort(spread[known], kind="stable")]
    third = len(ordered) // 3
    return (mean(ordered[:third]), mean(ordered[-third:])) if third else (float("nan"), float("nan"))
