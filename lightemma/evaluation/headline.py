"""What a comparison says, in plain sentences; every number is taken from its tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.scores import BASELINE, leaks_future
from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES
from lightemma.evaluation.tables.paired import Paired, PairedRow
from lightemma.evaluation.tables.ranks import LEAST_OK
from lightemma.evaluation.tables.strata import Strata, StratumRow
from lightemma.evaluation.tables.summary import Summary

#: How many runs a sentence names before it only counts them.
NAMED = 3

#: Strata as clauses; others are named as the table does.
_WHERE = {
    "course: reversing": "the car reverses",
    "course: standing": "the car stands still",
    "course: turning": "the car turns",
    "course: straight and braking": "the car brakes on a straight road",
    "course: straight and accelerating": "the car speeds up on a straight road",
    "course: straight and steady": "the car goes straight at a steady speed",
    "manoeuvre: reversing": "the car reverses",
    "manoeuvre: lane change": "the car changes lanes",
    "manoeuvre: stationary": "the car stays put",
    "manoeuvre: starting": "the car starts off",
    "manoeuvre: braking to a stop": "the car brakes to a stop",
    "manoeuvre: left turn": "the car turns left",
    "manoeuvre: right turn": "the car turns right",
    "manoeuvre: gentle curve": "the road curves gently",
    "manoeuvre: accelerating": "the car speeds up",
    "manoeuvre: slowing": "the car slows down",
    "manoeuvre: cruising": "the car cruises",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """The first thing to say about a comparison.

    Attributes:
        sentence: the answer, with its interval.
        details: further sentences, the most important first.
    """

    sentence: str
    details: tuple[str, ...]


def headline(comparison: Comparison) -> Headline:
    """Says who drives better than holding the last action, how surely, and where models help or harm."""
    return _Sentences(comparison).headline()


class _Sentences:
    """Puts a comparison's rows into sentences."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.summary = {row.run: row for row in comparison.rows(Summary)}
        self.paired = {row.run: row for row in comparison.rows(Paired) if row.reference == comparison.baseline}
        others = [row for row in comparison.rows(Summary) if row.run != comparison.baseline]
        asking = [row.run for row in others if row.model]
        leaking = {run.name for run in comparison.study.runs if leaks_future(run)}
        # A run that was told a part of what is to be predicted is not the best of those that were not.
        self.models = [run for run in asking if run not in leaking] or asking
        self.formulas = [row.run for row in others if not row.model]
        self.held = "holding the last action" + (f" ({comparison.baseline})" if comparison.baseline != BASELINE else "")

    def headline(self) -> Headline:
        details = [*self._counts(), *self._formula_lines(), *self._where_better(), *self._where_worse()]
        if self.models or self.formulas:
            details.append(self._how())
        return Headline(self._sentence(), tuple(details))

    def _sentence(self) -> str:
        if not self.models and not self.formulas:
            row = self.summary[self.comparison.baseline]
            return (
                f"Only {row.run} was driven: holding the last action is {row.l2_avg:.2f} m off on average over "
                f"{row.ok_frames:,} frames."
            )
        if not self.models:
            return self._about_formulas()
        best = self._best(self.models)
        if best is None:
            who = "None of the models" if len(self.models) > 1 else self.models[0]
            return f"{who} made {'a' if len(self.models) > 1 else 'no'} plan that can be scored."
        return self._about_one(best) if len(self.models) == 1 else self._about_many(best)

    def _about_one(self, row: PairedRow) -> str:
        verb = {"better": "drives significantly better than", "worse": "drives significantly worse than"}.get(
            _significance(row), "does not drive significantly better than"
        )
        if unsure := _too_few(row):
            return f"{row.run} {self._apart(row, self.held)}; {unsure}."
        return f"{row.run} {verb} {self.held}: it {self._apart(row)}."

    def _about_many(self, row: PairedRow) -> str:
        better = [run for run in self.models if _significance(self.paired[run]) == "better"]
        if unsure := _too_few(row):
            return f"The best of {len(self.models)} models, {row.run}, {self._apart(row, self.held)}; {unsure}."
        if not better:
            return f"No model drives significantly better than {self.held}: the best, {row.run}, {self._apart(row)}."
        verb = "drives" if len(better) == 1 else "drive"
        many = f"{len(better)} of {len(self.models)} models {verb} significantly better than {self.held}"
        if row.run in better:
            return f"{many}: the best, {row.run}, {self._apart(row)}."
        # The smallest mean may be too unsure: the verdict is not its own.
        sure = self._best(better)
        assert sure is not None
        who = sure.run if len(better) == 1 else f"the best of these, {sure.run},"
        return f"{many}: {who} {self._apart(sure)}. The best mean, that of {row.run}, {self._apart(row)}, not significantly."

    def _about_formulas(self) -> str:
        best = self._best(self.formulas)
        if best is None:
            return "No model was asked, and no formula made a plan that can be scored."
        which = f"{best.run}, a formula that sees no picture,"
        if len(self.formulas) > 1:
            which = f"the best of {len(self.formulas)} formulas that see no picture, {best.run},"
        return f"No model was asked; {which} {self._apart(best, self.held)}{self._surely(best)}."

    def _best(self, runs: Sequence[str]) -> PairedRow | None:
        """The run with the smallest difference among those that planned for half the frames, or else among all."""
        rows = [self.paired[run] for run in runs if not math.isnan(self.paired[run].diff)]
        enough = [row for row in rows if row.frames >= LEAST_OK * self.comparison.frames]
        return min(enough or rows, key=lambda row: row.diff, default=None)

    @staticmethod
    def _apart(row: PairedRow, than: str = "") -> str:
        """``is 0.03 m closer than … [-0.03, +0.09], 3,604 frames``: number and interval both in the sense of the word."""
        than = f" than {than}" if than else ""
        closer = row.diff < 0
        low, high = (-row.ci_high, -row.ci_low) if closer else (row.ci_low, row.ci_high)
        size = f"{abs(row.diff):.2f} m {'closer' if closer else 'farther off'}"
        if abs(row.diff) < 0.005:
            size, low, high = "no closer and no farther off", row.ci_low, row.ci_high
            return f"is {size}{than} (farther off by{_interval(low, high)}), {row.frames:,} frames"
        return f"is {size}{than}{_interval(low, high)}, {row.frames:,} frames"

    @staticmethod
    def _surely(row: PairedRow) -> str:
        if _too_few(row):
            return ""
        return ", significantly" if _significance(row) else ", not significantly"

    def _counts(self) -> list[str]:
        """How many models are better, worse and neither."""
        tested = [self.paired[run] for run in self.models if not _too_few(self.paired[run])]
        if len(tested) < 2:
            return []
        groups = {kind: [row.run for row in tested if _significance(row) == kind] for kind in ("better", "worse", "")}
        return [
            f"Of {len(tested)} models, {_count(groups['better'])} significantly better than {self.comparison.baseline}, "
            f"{_count(groups['worse'])} significantly worse, and {_count(groups[''])} neither."
        ]

    def _formula_lines(self) -> list[str]:
        if not self.models:
            return []
        rows = [self.paired[run] for run in self.formulas if not math.isnan(self.paired[run].diff)]
        return [
            f"{row.run}, a formula that sees no picture, {self._apart(row, self.held)}{self._surely(row)}."
            for row in sorted(rows, key=lambda row: row.diff)
        ]

    def _where_better(self) -> list[str]:
        """The course where most models beat the baseline, or by most."""
        found = self._strata("course", "better") or self._strata("manoeuvre", "better")
        if not found:
            return ["In no stratum is a model significantly better than the baseline."] if self._tested_strata() else []
        name, rows = min(found.items(), key=lambda item: (-len(item[1]), min(row.diff_vs_baseline for row in item[1])))
        best = sorted(rows, key=lambda row: row.diff_vs_baseline)[:NAMED]
        baseline = self._row(self.comparison.baseline, name)
        runs = ", ".join(
            f"{row.run} by {row.l2_avg:.2f} m ({row.diff_vs_baseline:+.2f} m{_interval(row.ci_low, row.ci_high)})"
            for row in best
        )
        more = f", and {len(rows) - len(best)} more" if len(rows) > len(best) else ""
        return [
            f"Where {_where(name)} ({_percent(baseline.share)} of frames), {baseline.run} is off by {baseline.l2_avg:.2f} m, "
            f"{runs}{more}: significantly better."
        ]

    def _where_worse(self) -> list[str]:
        """The manoeuvre where most models lose to the baseline, the more frequent of equals."""
        found = self._strata("manoeuvre", "worse")
        if not found:
            return []
        name, rows = max(found.items(), key=lambda item: (len(item[1]), self._row(item[1][0].run, item[0]).share))
        share = self._row(self.comparison.baseline, name).share
        many = rows[0].run if len(self.models) == 1 else f"{len(rows)} of {len(self.models)} models"
        verb = "is" if len(rows) == 1 else "are"
        return [
            f"Where {_where(name)} ({_percent(share)} of frames), {many} {verb} significantly worse than "
            f"{self.comparison.baseline}."
        ]

    def _strata(self, family: str, significant: str) -> dict[str, list[StratumRow]]:
        """Stratum name to the models' rows that are significantly so."""
        found: dict[str, list[StratumRow]] = {}
        for row in self._tested_strata():
            if row.stratum.startswith(f"{family}: ") and row.significant == significant:
                found.setdefault(row.stratum, []).append(row)
        return found

    def _tested_strata(self) -> list[StratumRow]:
        return [
            row
            for row in self.comparison.rows(Strata)
            if row.run in self.models and not math.isnan(row.p_value) and row.scenes >= FEWEST_SCENES
        ]

    def _row(self, run: str, stratum: str) -> StratumRow:
        return next(row for row in self.comparison.rows(Strata) if (row.run, row.stratum) == (run, stratum))

    def _how(self) -> str:
        scenes = self.comparison.scenes
        over = f"{self.comparison.frames:,} frames of {scenes} scene{'' if scenes == 1 else 's'}"
        return (
            f"Average L2, convention {self.comparison.convention}, {over}; in brackets 95 % intervals over scenes; significant "
            f"means p < 0.05 after Holm's correction within the table, over {FEWEST_SCENES} scenes or more."
        )


def _significance(row: PairedRow) -> str:
    """``better``, ``worse``, or an empty string where neither is sure."""
    return row.significant


def _too_few(row: PairedRow) -> str:
    """Why nothing is said of a difference but its interval; empty where there are scenes enough."""
    if math.isnan(row.p_value):
        return "one scene cannot say how surely"
    return f"{row.scenes} scenes are too few to say how surely" if row.scenes < FEWEST_SCENES else ""


def _interval(low: float, high: float) -> str:
    return "" if math.isnan(low) else f" [{low:+.2f}, {high:+.2f}]"


def _where(stratum: str) -> str:
    return _WHERE.get(stratum, f"the stratum is '{stratum}'")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _count(runs: Sequence[str]) -> str:
    """``2 are (a, b)``."""
    verb = "is" if len(runs) == 1 else "are"
    names = f" ({', '.join(runs)})" if 0 < len(runs) <= NAMED else ""
    return f"{len(runs)}{names} {verb}"
