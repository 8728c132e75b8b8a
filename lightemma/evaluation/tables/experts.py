"""experts: what the tools of a run did, whether the plans follow them, what they bring, and what it costs when they lie."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.expert_fellows import fellow_of, in_order, mode_of
from lightemma.evaluation.reasoning.directions import DEFINITION, planned_change, speed_now
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.means import mean
from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES, holm, significance
from lightemma.evaluation.statistics.shares import few_events
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.evaluation.tools_used import UNDONE, ToolsUsed
from lightemma.frame import FloatArray

#: Metres of l2_avg: a plan that is farther off by more than this is worse.
WORSE = 0.1


@dataclass(frozen=True, slots=True)
class ExpertsRow:
    """One run with tools, on all its frames where tools were asked, the run with oracles first.

    Attributes:
        run: name of the run
        experts: whose findings it was told: oracle, chosen, all or lying
        frames: number of frames with tools
        scenes: number of scenes they come from
        convention: the L2 convention of the columns of metres
        without: name of the run of the same models and settings without experts; empty where none is compared
        diff: metres of l2_avg, run minus the run without experts on the frames both have: negative is closer
        diff_low: metres, lower end of its scene-clustered 95 % interval
        diff_high: metres, upper end
        significant: "better" or "worse" where p by Holm over the rows is below 0.05, over 8 scenes or more
        ceiling: whether the run with oracles, which know the truth, is closer than the run without experts; empty without
            such a run, or below 8 scenes
        valid: share of the frames in which the model planned where its first plan of tasks was one; empty where it was not
            asked
        valid_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        valid_high: share, upper end
        repaired: share of them where the plan was one after the complaint
        default: share of them where the default plan took its place
        calls: number of calls for tools per frame, those with none included
        calls_low: number, lower end of its scene-clustered 95 % interval
        calls_high: number, upper end
        calls_most: number of calls for tools in the frame that took the most
        tasks: number of tasks per frame
        kinds: the tasks by name, with how many there are per frame
        failed: share of the tasks whose expert failed
        timed_out: share of the tasks that took too long
        rubbish: share of the tasks whose expert gave something that is no finding
        skipped: share of the tasks that waited for another one in vain
        expert_seconds: seconds of all experts of a frame together, mean; they run concurrently where they can
        context: number of characters of findings that entered the prompts, mean
        told: number of frames with a plan where an expert found a reason to stop: a red light, or a leader that stands, within
            stopping distance
        slowed: share of these where the plan slows down, as the ledger defines it
        slowed_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        slowed_high: share, upper end
        slowed_without: share of the same frames where the plan of the run without experts slows down: the rival, which
            saw the same and was told nothing
        follows: share of the plans slowed minus that without experts, on the frames both have
        follows_low: share, lower end of its scene-clustered 95 % interval
        follows_high: share, upper end
        said: share of the frames told to stop whose intent says to slow down, of those whose words are clear
        said_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        said_high: share, upper end
        said_without: share of the same frames where the intent of the run without experts says so
        slowed_untold: share of the other frames, of a moving car without a false alarm, where the plan slows down
        alarms: number of frames with a false alarm
        alarm_against: name of the run that the false alarms are compared with: the one with all experts, or else the one
            without
        harmed: share of the frames with an alarm where the plan is more than 0.1 m of l2_avg worse than the other run's
        harmed_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        harmed_high: share, upper end
        harmed_else: share of the frames without an alarm where it is: what chance does
        alarm_cost: metres of l2_avg that an alarm costs, mean over the frames with one
        alarm_cost_low: metres, lower end of its scene-clustered 95 % interval
        alarm_cost_high: metres, upper end
        few_events: columns of shares with events in fewer than five scenes
    """

    run: str
    experts: str
    frames: int
    scenes: int
    convention: str
    without: str
    diff: float
    diff_low: float
    diff_high: float
    significant: str
    ceiling: str
    valid: float
    valid_low: float
    valid_high: float
    repaired: float
    default: float
    calls: float
    calls_low: float
    calls_high: float
    calls_most: int
    tasks: float
    kinds: str
    failed: float
    timed_out: float
    rubbish: float
    skipped: float
    expert_seconds: float
    context: float
    told: int
    slowed: float
    slowed_low: float
    slowed_high: float
    slowed_without: float
    follows: float
    follows_low: float
    follows_high: float
    said: float
    said_low: float
    said_high: float
    said_without: float
    slowed_untold: float
    alarms: int
    alarm_against: str
    harmed: float
    harmed_low: float
    harmed_high: float
    harmed_else: float
    alarm_cost: float
    alarm_cost_low: float
    alarm_cost_high: float
    few_events: str


class Experts(Table[ExpertsRow]):
    """Runs whose planner asked experts: their plans of tasks, what the plans make of the findings, the gain, and the harm.

    Read the row of the oracles first: where the truth brings nothing to a model, no expert can.
    """

    name = "experts"
    Row = ExpertsRow
    ALWAYS = False
    PAGE = (
        "run", "experts", "frames", "diff", "diff_low", "diff_high", "ceiling", "valid", "default", "calls", "expert_seconds",
        "slowed", "slowed_without", "harmed", "harmed_else",
    )  # fmt: skip

    def caption(self, study: Study) -> str:
        """What the numbers are, and what the ceiling says."""
        said = sorted({row.ceiling for row in self.build(study) if row.ceiling})
        more = f" {said[0][0].upper()}{said[0][1:]}." if len(said) == 1 else ""
        return (
            "Runs with experts, against the run of the same models without; 95 % intervals over scenes, significant by Holm "
            f"over the rows.{more} L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[ExpertsRow]:
        """One row per run with tools."""
        made = [(run, run.tools) for run in in_order(study.runs) if run.tools is not None]
        if not made:
            return []
        without = {run.name: fellow_of(run, study, "") for run, _ in made}
        gains = study.intervals(np.column_stack([_gain(study, run, without[run.name]) for run, _ in made]))
        words = [
            significance(one.mean, p, one.scenes)
            for one, p in zip(gains, holm([one.p_value for one in gains]), strict=True)
        ]
        by_run = {run.name: (gain, word) for (run, _), gain, word in zip(made, gains, words, strict=True)}
        return [_row(study, run, used, without[run.name], by_run) for run, used in made]


def _row(
    study: Study,
    run: RunScores,
    used: ToolsUsed,
    without: RunScores | None,
    by_run: dict[str, tuple[Interval, str]],
) -> ExpertsRow:
    gain, word = by_run[run.name]
    known = ~np.isnan(used.asked)
    asked = known & (used.plan != "fixed")
    plans = [np.where(asked, used.plan == name, np.nan) for name in ("valid", "repaired", "default")]
    slow = _slows(run)
    slow_without = np.full_like(slow, np.nan) if without is None else _slows(without)
    told = used.told == 1
    both = told & ~np.isnan(slow) & ~np.isnan(slow_without)
    said, said_without = _says_slow(study, run), _says_slow(study, without)
    against = fellow_of(run, study, "all") or without if np.any(used.planted == 1) else None
    worse = np.full_like(slow, np.nan) if against is None else study.averages[run.name] - study.averages[against.name]
    harm = np.where(np.isnan(worse), np.nan, worse > WORSE)
    alarm = used.planted == 1
    found = study.shares(
        np.column_stack(
            [
                *plans,
                np.where(told, slow, np.nan),
                np.where(both, slow_without, np.nan),
                np.where(told, said, np.nan),
                np.where(told & ~np.isnan(said), said_without, np.nan),
                np.where(used.told == 0, slow, np.nan),
                np.where(alarm, harm, np.nan),
                np.where(used.planted == 0, harm, np.nan),
            ]
        )
    )
    names = (
        "valid", "repaired", "default", "slowed", "slowed_without", "said", "said_without", "slowed_untold", "harmed",
        "harmed_else",
    )  # fmt: skip
    share = dict(zip(names, found, strict=True))
    calls, follows, cost = study.intervals(
        np.column_stack([used.asked, np.where(both, slow - slow_without, np.nan), np.where(alarm, worse, np.nan)])
    )
    tasks = float(np.nansum(used.tasks))
    undone = np.nansum(used.undone, axis=0) / tasks if tasks else np.full(len(UNDONE), np.nan)
    oracle = run if mode_of(run) == "oracle" else fellow_of(run, study, "oracle")
    return ExpertsRow(
        run=run.name,
        experts=mode_of(run),
        frames=calls.frames,
        scenes=calls.scenes,
        convention=study.convention,
        without="" if without is None else without.name,
        diff=gain.mean,
        diff_low=gain.low,
        diff_high=gain.high,
        significant=word,
        ceiling=_ceiling(*by_run[oracle.name]) if oracle is not None and oracle.name in by_run else "",
        valid=share["valid"].share,
        valid_low=share["valid"].low,
        valid_high=share["valid"].high,
        repaired=share["repaired"].share,
        default=share["default"].share,
        calls=calls.mean,
        calls_low=calls.low,
        calls_high=calls.high,
        calls_most=int(np.nanmax(used.asked)) if known.any() else 0,
        tasks=mean(used.tasks),
        kinds=_kinds(used, calls.frames),
        failed=float(undone[0]),
        timed_out=float(undone[1]),
        rubbish=float(undone[2]),
        skipped=float(undone[3]),
        expert_seconds=mean(used.seconds),
        context=mean(used.context),
        told=share["slowed"].frames,
        slowed=share["slowed"].share,
        slowed_low=share["slowed"].low,
        slowed_high=share["slowed"].high,
        slowed_without=share["slowed_without"].share,
        follows=follows.mean,
        follows_low=follows.low,
        follows_high=follows.high,
        said=share["said"].share,
        said_low=share["said"].low,
        said_high=share["said"].high,
        said_without=share["said_without"].share,
        slowed_untold=share["slowed_untold"].share,
        alarms=int(alarm.sum()),
        alarm_against="" if against is None else against.name,
        harmed=share["harmed"].share,
        harmed_low=share["harmed"].low,
        harmed_high=share["harmed"].high,
        harmed_else=share["harmed_else"].share,
        alarm_cost=cost.mean,
        alarm_cost_low=cost.low,
        alarm_cost_high=cost.high,
        few_events=few_events(share),
    )


def _ceiling(gain: Interval, word: str) -> str:
    """What the oracles bring, in a sentence; empty below as many scenes as a verdict needs."""
    if gain.scenes < FEWEST_SCENES:
        return ""
    if word == "better":
        return "the oracles bring the model closer, so experts can"
    if word == "worse":
        return "the oracles lead the model farther off, so no gain can be expected of experts"
    return "the oracles are not shown to bring anything, so no gain can be expected of experts"


def _gain(study: Study, run: RunScores, without: RunScores | None) -> FloatArray:
    """(n,) metres of l2_avg, run minus the run without experts."""
    mine = study.averages[run.name]
    return np.full_like(mine, np.nan) if without is None else mine - study.averages[without.name]


def _slows(run: RunScores) -> FloatArray:
    """(n,) 1 where the plan slows down, 0 where not, NaN without a plan."""
    direction = DEFINITION.directions(planned_change(run), speed_now(run))
    slows: FloatArray = np.where(np.isnan(direction), np.nan, direction == -1)
    return slows


def _says_slow(study: Study, run: RunScores | None) -> FloatArray:
    """(n,) 1 where the run's words say to slow down, 0 where they say something else, NaN where they are not clear."""
    ledger = None if run is None else study.ledgers.get(run.name)
    if ledger is None:
        return np.full(len(study.baseline.tokens), np.nan)
    says: FloatArray = np.where(np.isnan(ledger.said), np.nan, ledger.said == -1)
    return says


def _kinds(used: ToolsUsed, frames: int) -> str:
    counts: Counter[str] = Counter()
    for one in used.kinds:
        counts.update(one or {})
    return ", ".join(f"{name} {count / frames:.2f}" for name, count in sorted(counts.items()))
