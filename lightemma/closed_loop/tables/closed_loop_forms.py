"""closed_loop_forms: every run under the score forms of other benchmarks, and how alike they rank the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.closed_loop.score_forms import FORMS
from lightemma.closed_loop.study import DrivenRun, DrivenStudy, DrivenTable, share_of
from lightemma.evaluation.statistics.rank_correlation import spearman


@dataclass(frozen=True, slots=True)
class FormRow:
    """One run under one form of the score.

    Attributes:
        run: name of the run
        form: name of the form: driving_score is this program's, success the share of successes times 100
        episodes: number of episodes
        score: score 0 … 100, mean over episodes
        place: place among the runs by this form, 1 for the highest score
        rank_correlation: number from -1 to 1, Spearman's rank correlation of this form with driving_score over the runs of the
            table; empty with fewer than three runs
    """

    run: str
    form: str
    episodes: int
    score: float
    place: int
    rank_correlation: float


class ClosedLoopForms(DrivenTable[FormRow]):
    """The same verdicts under the forms of the CARLA leaderboard 2.0 (also Bench2Drive's) and 2.1 and of NAVSIM v1.

    Terms for what no world here judges (stop signs, a minimum speed, emergency vehicles) are left out: the numbers say whether
    another form would rank these drivers in another way; they are not those benchmarks' scores. Blind twins are not ranked.
    """

    name = "closed_loop_forms"
    Row = FormRow

    def caption(self, study: DrivenStudy) -> str:
        """What the numbers are."""
        return f"{study.where} The same episodes under other forms of the score, 0 … 100."

    def build(self, study: DrivenStudy) -> list[FormRow]:
        """One row per form and run; none of two-stage drives, of which other benchmarks' forms know nothing."""
        if study.two_stage:
            return []
        runs = study.competitors
        by_form = {"driving_score": [share_of(one.score.score for one in run.episodes.values()) for run in runs]}
        by_form |= {
            name: [share_of(form(one.outcome) for one in run.episodes.values()) for run in runs]
            for name, form in FORMS.items()
        }
        by_form["success"] = [100 * share_of(one.score.success for one in run.episodes.values()) for run in runs]
        return [row for name, scores in by_form.items() for row in _rows(runs, name, scores, by_form)]


def _rows(runs: Sequence[DrivenRun], form: str, scores: list[float], by_form: dict[str, list[float]]) -> list[FormRow]:
    correlation = spearman(np.array(scores), np.array(by_form["driving_score"]))
    return [
        FormRow(run.name, form, len(run.episodes), score, 1 + sum(other > score for other in scores), correlation)
        for run, score in zip(runs, scores, strict=True)
    ]
