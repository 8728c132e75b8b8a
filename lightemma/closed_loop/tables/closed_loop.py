"""closed_loop: one row per closed-loop run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from lightemma.closed_loop.eyes import CEILING, TWIN, Ceiling, above, ceiling_of, scores_by_name, twin_of
from lightemma.closed_loop.records import EpisodeRecord
from lightemma.closed_loop.study import (
    DrivenRun,
    DrivenStudy,
    DrivenTable,
    known_mean,
    number,
    occurred,
    share_of,
    was_at_fault,
)
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.shares import few_events
from lightemma.run_folder.records import is_call_error, is_format_error


@dataclass(frozen=True, slots=True)
class ClosedLoopRow:
    """One closed-loop run, or a row to measure it by.

    Attributes:
        run: name of the run; `blind ceiling` for the best driver that sees nothing
        model: the model's name; empty for drivers without one
        planner: the driver's name
        rules: the rules of the loop
        episodes: number of episodes driven to their end
        driving_score: score 0 … 100, mean over episodes
        ci_low: score, lower end of its 95 % interval over scenarios; a scenario and its twins count as one, here and below
        ci_high: score, upper end
        success_rate: share of episodes with the goal reached, no at-fault collision, no red light, never off the road
        collision_rate: share of episodes with any collision
        collision_at_fault_rate: share of episodes with a collision that the car is to blame for
        off_road_rate: share of episodes in which a corner left the carriageway
        wrong_side_rate: share of episodes in which it drove among oncoming traffic
        red_light_rate: share of episodes in which at least one red light was run
        stuck_rate: share of episodes that ended stuck or out of time
        progress: share of the way to the goal, mean over episodes
        min_ttc_mean_s: seconds, mean of the episodes' smallest times to collision, of those that have one
        close_rate: share of episodes that came within 0.95 s of a collision
        comfort: share of the time within the comfort bounds, mean over episodes
        standing_s: seconds per episode at a standstill, whatever the reason
        time_s: seconds per episode
        decisions: number of plans asked for, in all
        answers_missing_rate: share of decisions without a plan
        format_error_rate: share of decisions answered outside the format
        call_error_rate: share of decisions that were not answered
        l2_expert: metres from the expert's six points, from the same state, mean over decisions with a plan and a valid label
        latency_mean_s: seconds per decision, all stages
        input_tokens: tokens per decision
        output_tokens: tokens per decision
        cost_usd: dollars in all
        success_rate_ci_low: share, lower end of its 95 % interval over scenarios (Korn & Graubard)
        success_rate_ci_high: share, upper end
        collision_rate_ci_low: share, lower end of its 95 % interval over scenarios (Korn & Graubard)
        collision_rate_ci_high: share, upper end
        collision_at_fault_rate_ci_low: share, lower end of its 95 % interval over scenarios (Korn & Graubard)
        collision_at_fault_rate_ci_high: share, upper end
        off_road_rate_ci_low: share, lower end of its 95 % interval over scenarios (Korn & Graubard)
        off_road_rate_ci_high: share, upper end
        wrong_side_rate_ci_low: share, lower end of its 95 % interval over scenarios (Korn & Graubard)
        wrong_side_rate_ci_high: share, upper end
        red_light_rate_ci_low: share, lower end of its 95 % interval over scenarios (Korn & Graubard)
        red_light_rate_ci_high: share, upper end
        stuck_rate_ci_low: share, lower end of its 95 % interval over scenarios (Korn & Graubard)
        stuck_rate_ci_high: share, upper end
        close_rate_ci_low: share, lower end of its 95 % interval over scenarios (Korn & Graubard)
        close_rate_ci_high: share, upper end
        few_events: the columns of shares whose event is in fewer than 5 scenarios: one more or less would change them much
        suite_ci_low: score, lower end of the 95 % interval over other seeds of the same scenarios (stratified by scenario);
            ci_low and ci_high are for other scenarios
        suite_ci_high: score, upper end; both are empty where a scenario has a single seed
        efficiency: share of its own time that the expert needs for the same way, mean over episodes
        off_route_rate: share of episodes in which it left the way it was to take
        known: what the score is made of; with the number of episodes where only some have it
        kind: what is no competitor and never ranked: `blind twin` for the same model with grey pictures, `blind ceiling` for
            the best of many drivers that see nothing and only count time; empty for a run
        above_twin: score, run minus its blind twin on the same episodes: what the pictures are worth to this planner
        above_twin_ci_low: score, lower end of its 95 % interval over scenarios
        above_twin_ci_high: score, upper end
        above_ceiling: score, run minus the blind ceiling on the same episodes: at 0 or below the planner has not shown that it
            sees
        above_ceiling_ci_low: score, lower end of its 95 % interval over scenarios
        above_ceiling_ci_high: score, upper end
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
    success_rate_ci_low: float
    success_rate_ci_high: float
    collision_rate_ci_low: float
    collision_rate_ci_high: float
    collision_at_fault_rate_ci_low: float
    collision_at_fault_rate_ci_high: float
    off_road_rate_ci_low: float
    off_road_rate_ci_high: float
    wrong_side_rate_ci_low: float
    wrong_side_rate_ci_high: float
    red_light_rate_ci_low: float
    red_light_rate_ci_high: float
    stuck_rate_ci_low: float
    stuck_rate_ci_high: float
    close_rate_ci_low: float
    close_rate_ci_high: float
    few_events: str
    suite_ci_low: float
    suite_ci_high: float
    efficiency: float
    off_route_rate: float
    known: str
    kind: str = ""
    above_twin: float = math.nan
    above_twin_ci_low: float = math.nan
    above_twin_ci_high: float = math.nan
    above_ceiling: float = math.nan
    above_ceiling_ci_low: float = math.nan
    above_ceiling_ci_high: float = math.nan


class ClosedLoop(DrivenTable[ClosedLoopRow]):
    """One row per run, over its own finished episodes; below them blind twins, and the blind ceiling where it was driven."""

    name = "closed_loop"
    Row = ClosedLoopRow
    PAGE = (
        "run", "kind", "episodes", "driving_score", "success_rate", "suite_ci_low", "suite_ci_high", "ci_low", "ci_high",
        "above_twin", "above_twin_ci_low", "above_twin_ci_high", "above_ceiling", "progress", "collision_at_fault_rate",
        "off_route_rate", "off_road_rate", "red_light_rate", "wrong_side_rate", "stuck_rate", "answers_missing_rate",
        "latency_mean_s",
        "cost_usd",
    )  # fmt: skip

    def caption(self, study: DrivenStudy) -> str:
        """What the numbers are."""
        ceiling = ceiling_of(study)
        blind = f" The blind ceiling is the best of {ceiling.tried} drivers that see nothing." if ceiling else ""
        return (
            f"{study.where} Driving score 0 … 100, mean over episodes; 95 % intervals over scenarios, and (suite) over seeds "
            "of these scenarios; a scenario and its twins count as one." + blind
        )

    def build(self, study: DrivenStudy) -> list[ClosedLoopRow]:
        """One row per run, then those that are no competitors."""
        ceiling = ceiling_of(study)
        rows = [_row(study, run, ceiling) for run in sorted(study.runs, key=lambda run: run.is_twin)]
        return [*rows, _ceiling_row(study, ceiling)] if ceiling else rows


def _row(study: DrivenStudy, run: DrivenRun, ceiling: Ceiling | None) -> ClosedLoopRow:
    episodes, scores = list(run.episodes.values()), run.scores
    interval = study.interval(episodes, np.array([number(one.score.score) for one in episodes]))
    suite = study.suite_interval(episodes, np.array([number(one.score.score) for one in episodes]))
    episode_outcomes = [one.outcome for one in episodes]
    time = sum(outcome.time_s for outcome in episode_outcomes)
    outcomes = scores.outcomes
    ttc = [outcome.min_ttc_s for outcome in episode_outcomes if outcome.min_ttc_s is not None]
    decisions = sum(one.decisions for one in episodes)
    events: dict[str, list[float | None]] = {
        "success_rate": [one.score.success for one in episodes],
        "collision_rate": [None if one.crashes is None else bool(one.crashes) for one in episode_outcomes],
        "collision_at_fault_rate": [was_at_fault(outcome) for outcome in episode_outcomes],
        "off_road_rate": [outcome.off_road for outcome in episode_outcomes],
        "wrong_side_rate": [occurred(outcome.wrong_side) for outcome in episode_outcomes],
        "red_light_rate": [occurred(outcome.red_lights) for outcome in episode_outcomes],
        "stuck_rate": [outcome.end in ("stuck", "time-out") for outcome in episode_outcomes],
        "close_rate": [None if one.score.ttc is None else one.score.ttc < 1.0 for one in episodes],
    }
    shares = {name: study.share(episodes, happened) for name, happened in events.items()}
    columns = {f"{name}_ci_low": share.low for name, share in shares.items()}
    columns |= {f"{name}_ci_high": share.high for name, share in shares.items()}
    columns |= {name: share.share for name, share in shares.items()}
    twin = twin_of(run, study)
    columns |= _above("twin", above(study, run, scores_by_name(twin)) if twin else None)
    columns |= _above("ceiling", above(study, run, ceiling.by_name) if ceiling else None)
    return ClosedLoopRow(
        run=run.name,
        model=run.manifest.model_name,
        planner=run.manifest.planner.name,
        rules=run.manifest.data.version,
        episodes=len(episodes),
        driving_score=interval.mean,
        # With two or three scenarios Student's t can give bounds outside 0 … 100.
        ci_low=float(np.clip(interval.low, 0.0, 100.0)),
        ci_high=float(np.clip(interval.high, 0.0, 100.0)),
        progress=share_of(one.score.progress for one in episodes),
        min_ttc_mean_s=share_of(ttc),
        comfort=share_of(one.score.comfort for one in episodes),
        standing_s=share_of(outcome.standing_s for outcome in episode_outcomes),
        time_s=time / len(episodes),
        decisions=decisions,
        answers_missing_rate=sum(one.missing for one in episodes) / max(decisions, 1),
        format_error_rate=share_of(is_format_error(outcome) for outcome in outcomes),
        call_error_rate=share_of(is_call_error(outcome) for outcome in outcomes),
        l2_expert=known_mean(scores.errors.mean(axis=1)),
        latency_mean_s=known_mean(scores.latency),
        input_tokens=known_mean(scores.usage[:, 0]),
        output_tokens=known_mean(scores.usage[:, 2]),
        cost_usd=known_mean(scores.cost()) * int((~np.isnan(scores.cost())).sum()),
        few_events=few_events(shares),
        suite_ci_low=float(np.clip(suite.low, 0.0, 100.0)),
        suite_ci_high=float(np.clip(suite.high, 0.0, 100.0)),
        efficiency=share_of(one.score.efficiency for one in episodes),
        off_route_rate=share_of(outcome.off_route for outcome in episode_outcomes),
        known=_known(episodes),
        kind=TWIN if run.is_twin else "",
        **columns,
    )


def _known(episodes: Sequence[EpisodeRecord]) -> str:
    """Such as ``progress off_road arrival``, or ``progress off_road(3)`` where three episodes have it."""
    counts = Counter(name for one in episodes for name in one.score.known)
    return " ".join(name if count == len(episodes) else f"{name}({count})" for name, count in counts.items())


def _above(what: str, found: Interval | None) -> dict[str, float]:
    """Columns of a difference of scores; none where there is no difference."""
    if found is None:
        return {}
    low, high = np.clip((found.low, found.high), -100.0, 100.0).tolist()
    return {f"above_{what}": found.mean, f"above_{what}_ci_low": low, f"above_{what}_ci_high": high}


def _ceiling_row(study: DrivenStudy, ceiling: Ceiling) -> ClosedLoopRow:
    """The row of the best driver that sees nothing: only its score and success are kept of its drives."""
    scores, success = np.array(ceiling.scores), study.share(ceiling.episodes, ceiling.success)
    interval, suite = study.interval(ceiling.episodes, scores), study.suite_interval(ceiling.episodes, scores)
    ends = (interval.low, interval.high, suite.low, suite.high)
    low, high, suite_low, suite_high = np.clip(ends, 0.0, 100.0).tolist()
    values: dict[str, object] = {field.name: math.nan for field in fields(ClosedLoopRow)}
    values |= {
        "run": CEILING,
        "model": "",
        "planner": ceiling.driver,
        "rules": study.runs[0].manifest.data.version,
        "episodes": len(ceiling.episodes),
        "driving_score": interval.mean,
        "ci_low": low,
        "ci_high": high,
        "success_rate": success.share,
        "success_rate_ci_low": success.low,
        "success_rate_ci_high": success.high,
        "suite_ci_low": suite_low,
        "suite_ci_high": suite_high,
        "few_events": few_events({"success_rate": success}),
        "decisions": 0,
        "known": "",
        "kind": CEILING,
    }
    return ClosedLoopRow(**values)  # type: ignore[arg-type]
