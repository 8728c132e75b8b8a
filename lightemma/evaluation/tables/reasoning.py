"""reasoning: does a model act on what it says, is what it says right, and more often than a formula's guess?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.manoeuvres import STANDING_SPEED
from lightemma.evaluation.reasoning.agreement import INTENT_FIELDS, model_of, unreliable
from lightemma.evaluation.reasoning.ledger import Ledger
from lightemma.evaluation.reasoning.readings import NOTES
from lightemma.evaluation.statistics.means import mean
from lightemma.evaluation.statistics.multiple_testing import holm, significance
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray


@dataclass(frozen=True, slots=True)
class ReasoningRow:
    """How a model's words, its plans and the recorded drive go together.

    Attributes:
        run: name of the run
        reader: what read the words: `rules`, a plug-in, or `judge:` and a model
        statements: number of frames with a statement of the stage `intent`
        judged: number of frames whose statement is clear about the speed and whose plan and recorded drive are known
        unclear_share: share of the statements that say nothing clear about the speed, or offer two choices
        follow_through: share of the judged frames whose plan does what the words say
        follow_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        follow_ci_high: share, upper end
        words_right: share of the judged frames whose words say what the recorded car did
        words_ci_low: share, lower end of its interval
        words_ci_high: share, upper end
        rule_right: share of the same frames in which the history rule, the sign of the last step of speed, says it
        skill: share, words_right less rule_right; below 0 a formula says the right thing more often
        skill_ci_low: share, lower end of the paired scene-clustered 95 % interval (CR2) of `skill`
        skill_ci_high: share, upper end
        skill_p_holm: two-sided p that the skill is 0, Holm-corrected over the runs of the table; a number from 0 to 1
        skill_significant: `better` or `worse` than the history rule, where p is below 0.05 and there are 8 scenes or more
        diff_right: metres of l2_avg against the baseline where the words are right; negative is closer
        diff_right_ci_low: metres, lower end of its interval
        diff_right_ci_high: metres, upper end
        diff_wrong: metres of l2_avg against the baseline where the words are wrong
        diff_wrong_ci_low: metres, lower end of its interval
        diff_wrong_ci_high: metres, upper end
        decelerate: number of judged frames whose words say to slow down
        decelerate_not_done: share of these whose plan does not slow down
        not_done_ci_low: share, lower end of its interval
        not_done_ci_high: share, upper end
        decelerate_moving: number of these frames in which the car moves (0.5 m/s or more), so that it can slow down
        decelerate_moving_not_done: share of these whose plan does not slow down
        scale_frames: number of frames in which words, plan and recorded car all go faster, or all slower
        scale_ratio: planned over recorded change of speed there, median; a factor, 1 is the right amount
        scale_off: share of these frames whose planned change is below half or above twice the recorded one
        scale_error: m/s, mean size of planned less recorded change there
        stated_speeds: number of statements that give a speed to drive
        stated_gap: m/s, mean distance of the plan's last speed from the stated one
        sides: number of frames whose words, plan and recorded drive have a side: left, straight or right
        side_followed: share of these whose plan goes to the side that the words say
        side_right: share of these whose words say the side that the recorded car went to
        with_negation: share of the statements that deny something about the speed
        with_past: share that tell what the car did before
        with_condition: share that make something depend on a condition
        with_hedge: share that say may, might, possibly, or only "be prepared to"
        with_alternative: share that give more than one firm piece of advice about the speed
        few_events: the columns of shares whose event is in fewer than 5 scenes
        unreliable: what the rules read with less than 90 % agreement with people, by this model's labelled statements, or
            by all
    """

    run: str
    reader: str
    statements: int
    judged: int
    unclear_share: float
    follow_through: float
    follow_ci_low: float
    follow_ci_high: float
    words_right: float
    words_ci_low: float
    words_ci_high: float
    rule_right: float
    skill: float
    skill_ci_low: float
    skill_ci_high: float
    skill_p_holm: float
    skill_significant: str
    diff_right: float
    diff_right_ci_low: float
    diff_right_ci_high: float
    diff_wrong: float
    diff_wrong_ci_low: float
    diff_wrong_ci_high: float
    decelerate: int
    decelerate_not_done: float
    not_done_ci_low: float
    not_done_ci_high: float
    decelerate_moving: int
    decelerate_moving_not_done: float
    scale_frames: int
    scale_ratio: float
    scale_off: float
    scale_error: float
    stated_speeds: int
    stated_gap: float
    sides: int
    side_followed: float
    side_right: float
    with_negation: float
    with_past: float
    with_condition: float
    with_hedge: float
    with_alternative: float
    few_events: str
    unreliable: str


class Reasoning(Table[ReasoningRow]):
    """Words against actions, one row per model.

    What a statement of the stage `intent` advises for the next three seconds (faster, as fast, slower) is compared with the
    plan and with the recorded drive. A change of speed is the speed at 3 s less the speed now, and is one where it is beyond
    max(0.3 m/s, 5 % of the speed now); `reasoning_sensitivity` has other definitions. docs/reasoning.md has the rules of
    reading and their agreement with people.
    """

    name = "reasoning"
    ALWAYS = False
    Row = ReasoningRow
    PAGE = (
        "run", "judged", "follow_through", "words_right", "rule_right", "skill", "skill_ci_low", "skill_ci_high",
        "skill_significant", "diff_right", "diff_wrong", "decelerate_not_done", "scale_ratio",
    )  # fmt: skip

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            f"Words against actions, read by {study.reader.name}, {study.over}; direction of the change of speed in 3 s. "
            f"L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[ReasoningRow]:
        """One row per model."""
        ledgers = study.ledgers
        if not ledgers:
            return []
        above = {run.name: study.above_baseline(run.errors) for run in study.models}
        events = np.column_stack([column for one in ledgers.values() for column in _events(one)])
        found = iter(study.shares(events))
        means = np.column_stack([column for name, one in ledgers.items() for column in _means(one, above[name])])
        intervals = iter(study.intervals(means))
        parts = {name: ([next(found) for _ in range(4)], [next(intervals) for _ in range(3)]) for name in ledgers}
        corrected = holm([skill.p_value for _, (skill, _, _) in parts.values()])
        rows = []
        for (name, one), p_holm in zip(ledgers.items(), corrected, strict=True):
            (follow, words, slow, moving), (skill, right, wrong) = parts[name]
            model = next(run for run in study.models if run.name == name)
            scale = _scale(one)
            sides = ~np.isnan(one.said_side + one.planned_side + one.recorded_side)
            stated = _stated(one)
            notes = {note: _share(one, note) for note in NOTES}
            marked = {"follow_through": follow, "words_right": words, "decelerate_not_done": slow}
            rows.append(
                ReasoningRow(
                    run=name,
                    reader=study.reader.name,
                    statements=one.statements,
                    judged=words.frames,
                    unclear_share=mean(_unclear(one)),
                    follow_through=follow.share,
                    follow_ci_low=follow.low,
                    follow_ci_high=follow.high,
                    words_right=words.share,
                    words_ci_low=words.low,
                    words_ci_high=words.high,
                    rule_right=mean(one.rule_right()),
                    skill=skill.mean,
                    skill_ci_low=skill.low,
                    skill_ci_high=skill.high,
                    skill_p_holm=p_holm,
                    skill_significant=significance(-skill.mean, p_holm, skill.scenes),
                    diff_right=right.mean,
                    diff_right_ci_low=right.low,
                    diff_right_ci_high=right.high,
                    diff_wrong=wrong.mean,
                    diff_wrong_ci_low=wrong.low,
                    diff_wrong_ci_high=wrong.high,
                    decelerate=slow.frames,
                    decelerate_not_done=slow.share,
                    not_done_ci_low=slow.low,
                    not_done_ci_high=slow.high,
                    decelerate_moving=moving.frames,
                    decelerate_moving_not_done=moving.share,
                    scale_frames=len(scale),
                    scale_ratio=float(np.median(scale[:, 0])) if len(scale) else float("nan"),
                    scale_off=mean((np.abs(np.log2(scale[:, 0])) > 1).astype(np.float64)),
                    scale_error=mean(scale[:, 1]),
                    stated_speeds=int((~np.isnan(stated)).sum()),
                    stated_gap=mean(stated),
                    sides=int(sides.sum()),
                    side_followed=mean(np.where(sides, one.said_side == one.planned_side, np.nan)),
                    side_right=mean(np.where(sides, one.said_side == one.recorded_side, np.nan)),
                    with_negation=notes["negation"],
                    with_past=notes["past"],
                    with_condition=notes["condition"],
                    with_hedge=notes["hedge"],
                    with_alternative=notes["alternative"],
                    few_events=", ".join(key for key, share in marked.items() if share.mark),
                    unreliable=", ".join(
                        field for field in unreliable(model_of(model.manifest)) if field in INTENT_FIELDS
                    ),
                )
            )
        return rows


def _events(one: Ledger) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(n,) each: follows, right, and of those that say slower does not slow down: all, and those that move."""
    departs = 1 - one.followed()
    slower = np.where(one.said == -1, departs, np.nan)
    return one.followed(), one.right(), slower, np.where(one.speed >= STANDING_SPEED, slower, np.nan)


def _means(one: Ledger, above: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(n,) each: skill over the rule, and metres above the baseline where the words are right and where wrong."""
    right = one.right()
    return right - one.rule_right(), np.where(right == 1, above, np.nan), np.where(right == 0, above, np.nan)


def _scale(one: Ledger) -> FloatArray:
    """(k, 2) factor and size (m/s) of the planned against the recorded change, where words, plan and car go one way."""
    planned, recorded = one.directions()
    same = one.judged() & (one.said != 0) & (one.said == planned) & (one.said == recorded)
    ratio = one.planned[same] / one.recorded[same]
    return np.column_stack([ratio, np.abs(one.planned[same] - one.recorded[same])])


def _stated(one: Ledger) -> FloatArray:
    """(n,) m/s, how far the plan's last speed is from the stated one."""
    stated = np.array(
        [np.nan if said is None or said.stated_speed is None else said.stated_speed for said in one.intents]
    )
    gap: FloatArray = np.abs(one.speed + one.planned - stated)
    return gap


def _unclear(one: Ledger) -> FloatArray:
    return np.array([np.nan if said is None else float(said.longitudinal == "unclear") for said in one.intents])


def _share(one: Ledger, note: str) -> float:
    return mean(np.array([np.nan if said is None else float(note in said.notes) for said in one.intents]))
