"""Closed-loop runs as rows: per run, per scenario, per episode, and in pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from lightemma.closed_loop.records import SOURCE, EpisodeOutcome, EpisodeRecord, read_episodes
from lightemma.errors import UserError
from lightemma.evaluation.scores import RunScores, load_scores
from lightemma.evaluation.statistics.bootstrap import RESAMPLES, SEED, SceneBootstrap
from lightemma.frame import FloatArray
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.records import is_call_error, is_format_error
from lightemma.run_folder.store import read_manifest


@dataclass(frozen=True, slots=True)
class ClosedLoopRow:
    """One closed-loop run. Rates are shares of episodes unless said otherwise.

    Attributes:
        run: name of the run.
        model: the model's name, empty for drivers without one.
        planner: the driver's name.
        rules: how the loop was closed.
        episodes: episodes driven to their end.
        driving_score: mean, 0 … 100.
        ci_low: lower end of its 95 % interval over scenarios.
        ci_high: upper end.
        success_rate: goal reached, no at-fault collision, no red light, never off the road.
        collision_rate: any collision.
        collision_at_fault_rate: one the car is to blame for.
        off_road_rate: a corner left the carriageway.
        wrong_side_rate: drove among oncoming traffic.
        red_light_rate: at least one red light was run.
        stuck_rate: ended stuck, or out of time.
        progress: mean, 0 … 1.
        min_ttc_mean_s: mean of the episodes' smallest times to collision, of those that have one.
        close_rate: came within 0.95 s of a collision.
        comfort: mean share of the time within the comfort bounds.
        standing_s: seconds per episode stood still, for whatever reason.
        time_s: seconds per episode.
        decisions: plans asked for, in all.
        answers_missing_rate: share of decisions without a plan.
        format_error_rate: share of decisions answered outside the format.
        call_error_rate: share of decisions that were not answered.
        l2_expert: metres from the expert's six points, from the same state: mean over decisions with a plan.
        latency_mean_s: seconds per decision, all stages.
        input_tokens: per decision.
        output_tokens: per decision.
        cost_usd: dollars in all.
    """

    run: str
    model: str
    planner: str
    rules: str
    episodes: int
    driving_score: float
    ci_low: float
    ci_high: float
    success_rate: float
    collision_rate: float
    collision_at_fault_rate: float
    off_road_rate: float
    wrong_side_rate: float
    red_light_rate: float
    stuck_rate: float
    progress: float
    min_ttc_mean_s: float
    close_rate: float
    comfort: float
    standing_s: float
    time_s: float
    decisions: int
    answers_missing_rate: float
    format_error_rate: float
    call_error_rate: float
    l2_expert: float
    latency_mean_s: float
    input_tokens: float
    output_tokens: float
    cost_usd: float


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """One run in one scenario under one kind of conditions; rates are shares of its episodes, ``ends`` counts them."""

    run: str
    scenario: str
    conditions: str
    episodes: int
    driving_score: float
    success_rate: float
    collision_at_fault_rate: float
    off_road_rate: float
    red_light_rate: float
    progress: float
    ends: str


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One episode of one run: its outcome, and the factors of its score; empty where the world does not judge it."""

    run: str
    episode: str
    scenario: str
    seed: int
    conditions: str
    left_hand: bool
    end: str
    success: bool
    driving_score: float
    progress: float
    collision_factor: float
    red_light_factor: float
    off_road_factor: float
    side_factor: float
    ttc_term: float
    comfort_term: float
    time_s: float
    crashes: int | None
    crashes_at_fault: int | None
    red_lights: int | None
    off_road: bool | None
    wrong_side: int | None
    min_ttc_s: float
    harsh_s: float
    standing_s: float
    decisions: int
    missing: int
    failed_calls: int


@dataclass(frozen=True, slots=True)
class PairedEpisodesRow:
    """Driving score, run minus reference, over the episodes both drove; interval and p over scenarios."""

    run: str
    reference: str
    episodes: int
    clusters: int
    diff: float
    ci_low: float
    ci_high: float
    p_value: float
    better: int
    worse: int


@dataclass(frozen=True)
class DrivenRun:
    """A closed-loop run as read.

    Attributes:
        manifest: what it was.
        episodes: the finished ones, by name.
        scores: its decisions, scored in the open loop against the expert.
    """

    manifest: Manifest
    episodes: dict[str, EpisodeRecord]
    scores: RunScores

    @property
    def name(self) -> str:
        """Of the run."""
        return self.manifest.run


@dataclass(frozen=True)
class ClosedLoopResults:
    """All tables of a set of runs."""

    closed_loop: list[ClosedLoopRow]
    closed_loop_scenarios: list[ScenarioRow]
    closed_loop_paired: list[PairedEpisodesRow]
    episodes: list[EpisodeRow]


def load_driven(folder: Path) -> DrivenRun:
    """Reads a closed-loop run.

    Raises:
        UserError: if it is none, or has no finished episode.
    """
    manifest = read_manifest(folder)
    if manifest.data.source != SOURCE:
        raise UserError(f"'{folder}' is no closed-loop run; make one with `lightemma drive`.")
    episodes = {one.name: one for one in sorted(read_episodes(folder), key=lambda one: one.name)}
    if not episodes:
        raise UserError(f"The run '{folder}' has no finished episode yet; go on with it by the same `lightemma drive`.")
    return DrivenRun(manifest, episodes, load_scores(folder))


def results_of(runs: Sequence[DrivenRun], resamples: int = RESAMPLES, seed: int = SEED) -> ClosedLoopResults:
    """The tables of runs, each on its own finished episodes; pairs on those that both have.

    Raises:
        UserError: if runs were driven in unlike worlds or under unlike rules.
    """
    for run in runs[1:]:
        if run.manifest.data.name != runs[0].manifest.data.name:
            raise UserError(
                f"'{runs[0].name}' was driven in another world ({runs[0].manifest.data.name}) than '{run.name}' "
                f"({run.manifest.data.name}); such scores do not compare."
            )
        if run.manifest.data.version != runs[0].manifest.data.version:
            raise UserError(
                f"'{runs[0].name}' was driven by other rules ({runs[0].manifest.data.version}) than '{run.name}' "
                f"({run.manifest.data.version}); such scores do not compare."
            )
    return ClosedLoopResults(
        closed_loop=[_row(run, resamples, seed) for run in runs],
        closed_loop_scenarios=[row for run in runs for row in _scenario_rows(run)],
        closed_loop_paired=[
            row for one, other in combinations(runs, 2) if (row := _paired(other, one, resamples, seed)) is not None
        ],
        episodes=[_episode_row(run.name, one) for run in runs for one in run.episodes.values()],
    )


def clusters(episodes: Sequence[EpisodeRecord]) -> list[str]:
    """What each episode is resampled with: its scenario, since episodes of one scenario are alike; its seed if all are of one.

    Returns:
        One name per episode.
    """
    names = [one.scenario for one in episodes]
    return names if len(set(names)) > 1 else [str(one.seed) for one in episodes]


def bootstrap(episodes: Sequence[EpisodeRecord], resamples: int = RESAMPLES, seed: int = SEED) -> SceneBootstrap:
    """Draws of these episodes' clusters."""
    return SceneBootstrap(np.unique(clusters(episodes), return_inverse=True)[1].astype(np.int64), resamples, seed)


def _row(run: DrivenRun, resamples: int, seed: int) -> ClosedLoopRow:
    episodes, scores = list(run.episodes.values()), run.scores
    interval = bootstrap(episodes, resamples, seed).interval(_column(episodes, lambda one: _number(one.score.score)))
    verdicts = [one.outcome for one in episodes]
    time = sum(verdict.time_s for verdict in verdicts)
    outcomes = scores.outcomes
    ttc = [verdict.min_ttc_s for verdict in verdicts if verdict.min_ttc_s is not None]
    model = run.manifest.model
    decisions = sum(one.decisions for one in episodes)
    return ClosedLoopRow(
        run=run.name,
        model=model.name if model else "",
        planner=run.manifest.planner.name,
        rules=run.manifest.data.version,
        episodes=len(episodes),
        driving_score=interval.mean,
        # With two or three scenarios Student's t reaches beyond what a score can be.
        ci_low=float(np.clip(interval.low, 0.0, 100.0)),
        ci_high=float(np.clip(interval.high, 0.0, 100.0)),
        success_rate=_mean(one.score.success for one in episodes),
        collision_rate=_mean(None if one.crashes is None else bool(one.crashes) for one in verdicts),
        collision_at_fault_rate=_mean(_at_fault(verdict) for verdict in verdicts),
        off_road_rate=_mean(verdict.off_road for verdict in verdicts),
        wrong_side_rate=_mean(_any(verdict.wrong_side) for verdict in verdicts),
        red_light_rate=_mean(_any(verdict.red_lights) for verdict in verdicts),
        stuck_rate=_mean(verdict.end in ("stuck", "time-out") for verdict in verdicts),
        progress=_mean(one.score.progress for one in episodes),
        min_ttc_mean_s=_mean(ttc),
        close_rate=_mean(one.score.ttc < 1.0 for one in episodes),
        comfort=_mean(one.score.comfort for one in episodes),
        standing_s=_mean(verdict.standing_s for verdict in verdicts),
        time_s=time / len(episodes),
        decisions=decisions,
        answers_missing_rate=sum(one.missing for one in episodes) / max(decisions, 1),
        format_error_rate=_mean(is_format_error(outcome) for outcome in outcomes),
        call_error_rate=_mean(is_call_error(outcome) for outcome in outcomes),
        l2_expert=_known_mean(scores.errors.mean(axis=1)),
        latency_mean_s=_known_mean(scores.latency),
        input_tokens=_known_mean(scores.usage[:, 0]),
        output_tokens=_known_mean(scores.usage[:, 2]),
        cost_usd=_known_mean(scores.cost()) * int((~np.isnan(scores.cost())).sum()),
    )


def _scenario_rows(run: DrivenRun) -> list[ScenarioRow]:
    groups: dict[tuple[str, str], list[EpisodeRecord]] = {}
    for one in run.episodes.values():
        groups.setdefault((one.scenario, one.conditions), []).append(one)
    rows = []
    for (scenario, conditions), episodes in groups.items():
        ends = [one.outcome.end for one in episodes]
        rows.append(
            ScenarioRow(
                run=run.name,
                scenario=scenario,
                conditions=conditions,
                episodes=len(episodes),
                driving_score=_mean(one.score.score for one in episodes),
                success_rate=_mean(one.score.success for one in episodes),
                collision_at_fault_rate=_mean(_at_fault(one.outcome) for one in episodes),
                off_road_rate=_mean(one.outcome.off_road for one in episodes),
                red_light_rate=_mean(_any(one.outcome.red_lights) for one in episodes),
                progress=_mean(one.score.progress for one in episodes),
                ends=" ".join(f"{end}:{ends.count(end)}" for end in sorted(set(ends))),
            )
        )
    return rows


def _episode_row(run: str, one: EpisodeRecord) -> EpisodeRow:
    verdict, score = one.outcome, one.score
    return EpisodeRow(
        run=run,
        episode=one.name,
        scenario=one.scenario,
        seed=one.seed,
        conditions=one.conditions,
        left_hand=one.left_hand,
        end=verdict.end,
        success=score.success,
        driving_score=_number(score.score),
        progress=_number(score.progress),
        collision_factor=_number(score.collision),
        red_light_factor=_number(score.red_light),
        off_road_factor=_number(score.off_road),
        side_factor=_number(score.side),
        ttc_term=score.ttc,
        comfort_term=_number(score.comfort),
        time_s=verdict.time_s,
        crashes=None if verdict.crashes is None else len(verdict.crashes),
        crashes_at_fault=None if verdict.crashes is None else len(verdict.crashes_at_fault),
        red_lights=verdict.red_lights,
        off_road=verdict.off_road,
        wrong_side=verdict.wrong_side,
        min_ttc_s=_number(verdict.min_ttc_s),
        harsh_s=_number(verdict.harsh_s),
        standing_s=_number(verdict.standing_s),
        decisions=one.decisions,
        missing=one.missing,
        failed_calls=one.failed_calls,
    )


def _paired(run: DrivenRun, reference: DrivenRun, resamples: int, seed: int) -> PairedEpisodesRow | None:
    shared = [name for name in run.episodes if name in reference.episodes]
    if not shared:
        return None
    mine = [run.episodes[name] for name in shared]
    diff = np.array([_number(one.score.score) - _number(reference.episodes[one.name].score.score) for one in mine])
    interval = bootstrap(mine, resamples, seed).interval(diff)
    return PairedEpisodesRow(
        run=run.name,
        reference=reference.name,
        episodes=len(shared),
        clusters=interval.scenes,
        diff=interval.mean,
        ci_low=interval.low,
        ci_high=interval.high,
        p_value=interval.p_value,
        better=int((diff > 0).sum()),
        worse=int((diff < 0).sum()),
    )


def _column(episodes: Sequence[EpisodeRecord], value: Callable[[EpisodeRecord], float]) -> FloatArray:
    return np.array([value(one) for one in episodes], dtype=np.float64)


def _mean(values: Iterable[float | None]) -> float:
    """The mean of what is known; NaN if nothing is."""
    array = np.array([value for value in values if value is not None], dtype=np.float64)
    return float(array.mean()) if array.size else float("nan")


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _any(count: int | None) -> bool | None:
    return None if count is None else count > 0


def _at_fault(outcome: EpisodeOutcome) -> bool | None:
    return None if outcome.crashes is None else bool(outcome.crashes_at_fault)


def _known_mean(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
