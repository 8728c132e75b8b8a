"""The four questions of the first screen: does it see, understand, act on what it says, and is that better than a formula?"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES
from lightemma.evaluation.tables.reasoning import Reasoning, ReasoningRow

#: The probes that say most about seeing, the first that was driven counts.
SEEING = ("yaw", "mirror", "grey", "other-picture", "shift")
QUESTIONS = ("sees", "understands", "acts", "better")


@dataclass(frozen=True, slots=True)
class Cell:
    """One answer.

    Attributes:
        value: the number, as people read it; empty where there is none.
        detail: the interval and what it is compared with.
        tone: ``gain``, ``loss``, or empty where nothing is decided.
        about: what the number is, in a sentence.
        frames: filters of the frame browser that show the frames behind it; none where there are none to show.
        table: the table that has the whole of it.
        missing: what to run, where there is no number.
    """

    value: str = ""
    detail: str = ""
    tone: str = ""
    about: str = ""
    frames: dict[str, str] = field(default_factory=dict)
    table: str = ""
    missing: str = ""


def question_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One row per model: its name and a cell per question, in the order of the runs."""
    words = {row.run: row for row in comparison.rows(Reasoning)}
    return [
        {
            "run": run.name,
            "sees": _sees(comparison, run.name),
            "understands": _understands(words.get(run.name)),
            "acts": _acts(words.get(run.name)),
            "better": _better(comparison, run.name),
        }
        for run in comparison.study.models
    ]


def _sees(comparison: Comparison, run: str) -> Cell:
    probes = comparison.tables.get("probes")
    rows = (
        []
        if probes is None
        else [row for row in probes.cells() if row.get("run") == run and row.get("part", "all") == "all"]
    )
    found = next((row for name in SEEING for row in rows if row.get("probe") == name), None)
    if found is None:
        return Cell(
            about="Does the picture decide the plan? Only a changed picture can tell.",
            missing=f"lightemma probe {run}",
        )
    verdict = str(found.get("verdict") or "")
    unit = "" if found.get("unit") in (None, "gain") else f" {found['unit']}"
    expected = found.get("expected")
    law = "" if expected is None or _unknown(expected) else f", a driver that sees has {_signed(expected)}{unit}"
    return Cell(
        value=f"{found['probe']} {_signed(found['effect'])}{unit}",
        detail=f"[{_signed(found['effect_low'])}, {_signed(found['effect_high'])}]{law}",
        tone={"obeys": "gain", "breaks": "loss"}.get(verdict, ""),
        about=f"{found.get('law', '')}: {verdict or 'not decided'}",
        table="probes",
    )


def _understands(row: ReasoningRow | None) -> Cell:
    about = (
        "How often the words about the next 3 s (faster, as fast, slower) say what the recorded car did, against a "
        "formula that repeats the last change of speed."
    )
    if row is None or not row.judged:
        return Cell(about=about, missing=_no_words(row))
    return Cell(
        value=_percent(row.words_right),
        detail=f"{_percent(row.rule_right)} by a formula, {_points(row.skill)} [{_points(row.skill_ci_low)}, "
        f"{_points(row.skill_ci_high)}]" + _doubt(row),
        # What the rules read badly decides nothing.
        tone="" if _doubt(row) else {"better": "gain", "worse": "loss"}.get(row.skill_significant, ""),
        about=about,
        frames={"run": row.run, "words": "wrong"},
        table="reasoning",
    )


def _acts(row: ReasoningRow | None) -> Cell:
    about = "How often the plan does what the words say."
    if row is None or not row.judged:
        return Cell(about=about, missing=_no_words(row))
    slow = (
        f"; says slower and does not: {_percent(row.decelerate_not_done)} of {row.decelerate:,}"
        if row.decelerate
        else ""
    )
    return Cell(
        value=_percent(row.follow_through),
        detail=f"[{_percent(row.follow_ci_low)}, {_percent(row.follow_ci_high)}]{slow}{_doubt(row)}",
        about=about,
        frames={"run": row.run, "words": "departed"},
        table="reasoning",
    )


def _doubt(row: ReasoningRow) -> str:
    """A remark where the rules read this model's words about speed with less than 90 % agreement."""
    return "; words read unreliably" if "longitudinal" in row.unreliable.split(", ") else ""


def _better(comparison: Comparison, run: str) -> Cell:
    about = (
        f"Average L2 against {comparison.baseline}, a formula that sees no picture, on the run's own scored frames; "
        f"negative is closer."
    )
    pair = comparison.study.against_baseline().get(run)
    if pair is None or _unknown(pair.difference.mean):
        return Cell(about=about, missing="no frame of this run has a scored plan")
    low, high, scenes = pair.difference.low, pair.difference.high, pair.difference.scenes
    details = [] if _unknown(low) else [f"[{_signed(low)}, {_signed(high)}]"]
    if scenes < FEWEST_SCENES:
        details.append(
            "one scene is too few for a verdict" if scenes == 1 else f"{scenes} scenes are too few for a verdict"
        )
    return Cell(
        value=f"{_signed(pair.difference.mean)} m",
        detail=", ".join(details),
        tone={"better": "gain", "worse": "loss"}.get(pair.significant, ""),
        about=about,
        frames={"run": run, "outcome": "scored", "order": "loss"},
        table="summary",
    )


def _no_words(row: ReasoningRow | None) -> str:
    if row is not None and row.statements:
        return "no statement that is clear and has a scored plan"
    return "needs a planner that says what it intends, such as lightemma run --planner three-stage"


def _unknown(value: float) -> bool:
    return math.isnan(value)


def _percent(value: float) -> str:
    return "\u2013" if _unknown(value) else f"{100 * value:.0f} %"


def _points(value: float) -> str:
    return _signed(100 * value, 1)


def _signed(value: float, digits: int = 2) -> str:
    if _unknown(value):
        return "\u2013"
    size = abs(value)
    text = f"{size:,.0f}" if size >= 1000 else f"{size:.{digits}f}"
    zero = not any(sign in "123456789" for sign in text)
    return text if zero else ("\u2212" if value < 0 else "+") + text
