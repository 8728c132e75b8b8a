"""Several runs side by side: every table, from the same arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.errors import UserError
from lightemma.evaluation.compatibility import check_comparable, shared_frames
from lightemma.evaluation.displacement import CONVENTIONS, Convention, final_error, l2, misses
from lightemma.evaluation.rows import ConventionRow, ErrorRow, PairedRow, RemovedRow, StratumRow, SummaryRow
from lightemma.evaluation.scores import BASELINE, RunScores, baseline_scores
from lightemma.evaluation.statistics import RESAMPLES, SEED, Interval, SceneBootstrap
from lightemma.evaluation.strata import strata
from lightemma.frame import FloatArray
from lightemma.records import OK, is_call_error, is_format_error

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Comparison:
    """All tables of a comparison.

    Attributes:
        convention: the L2 convention of the summary, the differences and the strata.
        frames: frames compared.
        scenes: scenes they come from.
        summary: one row per run on its own ok frames, the baseline among them.
        common: the same on the frames that are ok in every run.
        common_removed: who took how many frames out of the common set.
        conventions: every run by every convention.
        errors: outcomes per run.
        paired: differences against the baseline and between all runs.
        strata: differences against the baseline by manoeuvre and speed.
    """

    convention: Convention
    frames: int
    scenes: int
    summary: list[SummaryRow]
    common: list[SummaryRow]
    common_removed: list[RemovedRow]
    conventions: list[ConventionRow]
    errors: list[ErrorRow]
    paired: list[PairedRow]
    strata: list[StratumRow]


def compare_runs(
    runs: Sequence[RunScores],
    convention: Convention = "lightemma",
    *,
    shared_only: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """Compares runs over the same frames.

    Args:
        runs: at least one; the constant-action baseline is computed and added if none of them is it.
        convention: of the summary, the differences and the strata.
        shared_only: cut all runs to the frames they share, instead of refusing runs over unlike frames.
        resamples: bootstrap draws.
        seed: of the draws.

    Raises:
        UserError: if the runs cannot be compared, or two have the same name.
    """
    if not runs:
        raise UserError("There is no run to compare; name at least one.")
    _check_names(runs)
    if shared_only:
        runs = shared_frames(runs)
    else:
        check_comparable(runs)
    baseline = next((run for run in runs if run.planner == BASELINE), None)
    if baseline is None:
        baseline = baseline_scores(runs[0])
        runs = [*runs, baseline]
    return _Tables(list(runs), baseline, convention, resamples, seed).build()


def _check_names(runs: Sequence[RunScores]) -> None:
    names = Counter(run.name for run in runs)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise UserError(f"Two runs are called '{twice[0]}'; give one another name (`run` in its manifest.json).")
    for run in runs:
        if run.name == BASELINE and run.planner != BASELINE:
            raise UserError(f"A run of {run.planner} is called '{BASELINE}', the baseline's name; give it another one.")


class _Tables:
    """Builds the tables; all differences are taken in one matrix product over the same scene draws."""

    def __init__(
        self, runs: list[RunScores], baseline: RunScores, convention: Convention, resamples: int, seed: int
    ) -> None:
        self.runs = runs
        self.baseline = baseline
        self.convention: Convention = convention
        codes = {scene: code for code, scene in enumerate(dict.fromkeys(baseline.scenes))}
        self.scene_count = len(codes)
        self.bootstrap = SceneBootstrap(np.array([codes[scene] for scene in baseline.scenes]), resamples, seed)
        self.averages = {run.name: l2(run.errors, convention)[:, 3] for run in runs}

    def build(self) -> Comparison:
        everyone = np.all([run.ok for run in self.runs], axis=0)
        nobody_else = self._against_baseline([run.ok for run in self.runs])
        together = self._against_baseline([everyone] * len(self.runs))
        return Comparison(
            convention=self.convention,
            frames=len(self.baseline.tokens),
            scenes=self.scene_count,
            summary=[self._summary(run, run.ok, diff) for run, diff in zip(self.runs, nobody_else, strict=True)],
            common=[self._summary(run, everyone, diff) for run, diff in zip(self.runs, together, strict=True)],
            common_removed=self._removed(),
            conventions=[row for run in self.runs for row in _conventions(run)],
            errors=[row for run in self.runs for row in _errors(run)],
            paired=self._paired(nobody_else),
            strata=self._strata(),
        )

    def _against_baseline(self, masks: Sequence[Mask]) -> list[Interval]:
        reference = self.averages[self.baseline.name]
        columns = [
            np.where(mask, self.averages[run.name] - reference, np.nan)
            for run, mask in zip(self.runs, masks, strict=True)
        ]
        return self.bootstrap.intervals(np.column_stack(columns))

    def _summary(self, run: RunScores, mask: Mask, diff: Interval) -> SummaryRow:
        frames = len(run.tokens)
        errors = run.errors[mask]
        columns = _mean(l2(errors, self.convention))
        latency = run.latency[mask]
        usage = _mean(run.usage[mask])
        cost = run.cost()
        spent = float(np.nansum(cost)) if np.any(~np.isnan(cost)) else float("nan")
        is_reference = run is self.baseline
        manifest = run.manifest
        return SummaryRow(
            run=run.name,
            model=manifest.model.name if manifest and manifest.model else "",
            planner=run.planner,
            prompts=manifest.prompts.name if manifest and manifest.prompts else "",
            data=_data_name(run if manifest else self.runs[0]),
            frames=frames,
            ok_frames=int(mask.sum()),
            format_error_rate=sum(map(is_format_error, run.outcomes)) / frames,
            call_error_rate=sum(map(is_call_error, run.outcomes)) / frames,
            convention=self.convention,
            l2_1s=columns[0],
            l2_2s=columns[1],
            l2_3s=columns[2],
            l2_avg=columns[3],
            fde=_mean(final_error(errors)[:, None])[0],
            miss_rate_2m=_mean(misses(errors)[:, None])[0],
            latency_mean_s=_mean(latency[:, None])[0],
            latency_p50_s=_quantile(latency, 0.50),
            latency_p95_s=_quantile(latency, 0.95),
            calls_per_frame=_mean(run.calls[mask][:, None])[0],
            input_tokens=usage[0],
            output_tokens=usage[2],
            reasoning_tokens=usage[3],
            cost_usd=spent,
            cost_usd_per_frame=spent / frames,
            diff_vs_baseline=0.0 if is_reference else diff.mean,
            ci_low=0.0 if is_reference else diff.low,
            ci_high=0.0 if is_reference else diff.high,
        )

    def _removed(self) -> list[RemovedRow]:
        failed = np.array([~run.ok for run in self.runs])
        alone = failed & (failed.sum(axis=0) == 1)
        return [
            RemovedRow(run.name, int(mine.sum()), int(only.sum()))
            for run, mine, only in zip(self.runs, failed, alone, strict=True)
        ]

    def _paired(self, against_baseline: Sequence[Interval]) -> list[PairedRow]:
        rows = [
            _paired_row(run.name, self.baseline.name, diff)
            for run, diff in zip(self.runs, against_baseline, strict=True)
            if run is not self.baseline
        ]
        others = [run.name for run in self.runs if run is not self.baseline]
        pairs = [(first, second) for index, first in enumerate(others) for second in others[index + 1 :]]
        if pairs:
            columns = np.column_stack([self.averages[first] - self.averages[second] for first, second in pairs])
            intervals = self.bootstrap.intervals(columns)
            rows += [_paired_row(*pair, diff) for pair, diff in zip(pairs, intervals, strict=True)]
        return rows

    def _strata(self) -> list[StratumRow]:
        groups = strata(self.baseline.history, self.baseline.truth)
        reference = self.averages[self.baseline.name]
        keys = [(run, group) for run in self.runs for group in groups]
        columns = [np.where(group.frames, self.averages[run.name] - reference, np.nan) for run, group in keys]
        rows = []
        for (run, group), diff in zip(keys, self.bootstrap.intervals(np.column_stack(columns)), strict=True):
            inside = group.frames & run.ok
            is_reference = run is self.baseline
            rows.append(
                StratumRow(
                    run=run.name,
                    stratum=group.name,
                    frames=int(inside.sum()),
                    share=float(inside.sum() / max(run.ok.sum(), 1)),
                    l2_avg=_mean(self.averages[run.name][inside][:, None])[0],
                    diff_vs_baseline=0.0 if is_reference else diff.mean,
                    ci_low=0.0 if is_reference else diff.low,
                    ci_high=0.0 if is_reference else diff.high,
                )
            )
        return rows


def _paired_row(run: str, reference: str, diff: Interval) -> PairedRow:
    return PairedRow(run, reference, diff.frames, diff.scenes, diff.mean, diff.low, diff.high, diff.p_value)


def _conventions(run: RunScores) -> list[ConventionRow]:
    errors = run.errors[run.ok]
    return [ConventionRow(run.name, convention, *_mean(l2(errors, convention))) for convention in CONVENTIONS]


def _errors(run: RunScores) -> list[ErrorRow]:
    counts = Counter(
        "ok:implausible" if outcome == OK and beyond else outcome
        for outcome, beyond in zip(run.outcomes, run.implausible.tolist(), strict=True)
    )
    frames = len(run.outcomes)
    return [ErrorRow(run.name, outcome, count, count / frames) for outcome, count in sorted(counts.items())]


def _data_name(run: RunScores) -> str:
    if run.manifest is None:
        return ""
    data = run.manifest.data
    return f"{data.source}:{data.name}" + (f"@{data.version}" if data.version else "")


def _mean(values: FloatArray) -> list[float]:
    """Column means over the known values; NaN where none is known."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    means: list[float] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).tolist()
    return means


def _quantile(values: FloatArray, share: float) -> float:
    known = values[~np.isnan(values)]
    return float(np.quantile(known, share)) if known.size else float("nan")
