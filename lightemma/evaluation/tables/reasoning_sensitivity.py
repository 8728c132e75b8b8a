"""reasoning_sensitivity: the main numbers of the table reasoning by other definitions of a change of speed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.reasoning.directions import ALTERNATIVES, DEFINITION
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table


@dataclass(frozen=True, slots=True)
class SensitivityRow:
    """The main numbers by one definition.

    Attributes:
        run: name of the run
        definition: beyond what a change of speed in 3 s is one: m/s and share of the speed now, whichever is more
        judged: number of judged frames
        follow_through: share of these whose plan does what the words say
        words_right: share whose words say what the recorded car did
        rule_right: share in which the history rule says it
        skill: share, words_right less rule_right
        skill_ci_low: share, lower end of its paired scene-clustered 95 % interval (CR2)
        skill_ci_high: share, upper end
        trend_right: share in which the trend rule says it: four times the last step of speed, by the same definition
        trend_skill: share, words_right less trend_right
        trend_skill_ci_low: share, lower end of its interval
        trend_skill_ci_high: share, upper end
        decelerate_not_done: share of the frames whose words say slower and whose plan does not slow down
    """

    run: str
    definition: str
    judged: int
    follow_through: float
    words_right: float
    rule_right: float
    skill: float
    skill_ci_low: float
    skill_ci_high: float
    trend_right: float
    trend_skill: float
    trend_skill_ci_low: float
    trend_skill_ci_high: float
    decelerate_not_done: float


class ReasoningSensitivity(Table[SensitivityRow]):
    """Whether the answers depend on where a change of speed begins.

    The first row of a run is the definition of the table `reasoning`. The history rule calls every step of more than
    0.05 m/s a change, whatever the definition; the trend rule asks the definition, and is the stronger rival where it is wide.
    """

    name = "reasoning_sensitivity"
    ALWAYS = False
    Row = SensitivityRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return f"Words against actions by other definitions of a change of speed, {study.over}."

    def build(self, study: Study) -> list[SensitivityRow]:
        """One row per model and definition."""
        definitions = (DEFINITION, *ALTERNATIVES)
        keys = [(name, definition) for name in study.ledgers for definition in definitions]
        if not keys:
            return []
        columns = []
        for name, definition in keys:
            one = study.ledgers[name]
            followed, right, rule = one.followed(definition), one.right(definition), one.rule_right(definition)
            trend = one.trend_right(definition)
            columns += [
                followed,
                right,
                rule,
                right - rule,
                trend,
                right - trend,
                np.where(one.said == -1, 1 - followed, np.nan),
            ]
        found = iter(study.intervals(np.column_stack(columns)))
        rows = []
        for name, definition in keys:
            followed_share, right_share, rule_share, skill, trend_share, over, not_done = (
                next(found) for _ in range(7)
            )
            rows.append(
                SensitivityRow(
                    run=name,
                    definition=definition.name,
                    judged=right_share.frames,
                    follow_through=followed_share.mean,
                    words_right=right_share.mean,
                    rule_right=rule_share.mean,
                    skill=skill.mean,
                    skill_ci_low=skill.low,
                    skill_ci_high=skill.high,
                    trend_right=trend_share.mean,
                    trend_skill=over.mean,
                    trend_skill_ci_low=over.low,
                    trend_skill_ci_high=over.high,
                    decelerate_not_done=not_done.mean,
                )
            )
        return rows
