"""The table of a comparison for a paper: every run's L2, with its difference to the baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lightemma.evaluation.scores import BASELINE, leaks_future
from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.references import ReferenceRow
from lightemma.evaluation.tables.summary import SummaryRow
from lightemma.paper_tables import PaperCell, PaperColumn, PaperRow, PaperTable, decimal, with_interval

#: A run with a plan for less than this share of the frames is scored on easier or harder frames than the others.
LEAST_PLANS = 0.95
MARKS = {
    "*": f"significant: p < 0.05 by Holm's correction over all pairs of runs, over {FEWEST_SCENES} scenes or more.",
    "†": f"a plan for less than {100 * LEAST_PLANS:.0f} % of the frames, and scored on these alone: never in bold.",
    "‡": "asks no model: a formula of the car's own motion.",
    "§": "was told a part of what is to be predicted: never in bold.",
}


def paper_table(study: Study, summary: Sequence[SummaryRow], references: Sequence[ReferenceRow]) -> PaperTable:
    """The runs, the best first; below a rule what no run made (references) or was told too much for."""
    leaking = {run.name for run in study.runs if leaks_future(run)}
    one = study.scenes == 1
    enough = study.scenes >= FEWEST_SCENES
    ordered = sorted(summary, key=lambda row: (math.isnan(row.l2_avg), row.l2_avg, row.run))
    runs = [_run(row, study.baseline.name, leaking, one) for row in ordered]
    told = [row for row, source in zip(runs, ordered, strict=True) if source.run in leaking]
    fair = [row for row, source in zip(runs, ordered, strict=True) if source.run not in leaking]
    return PaperTable(
        caption=_caption(study, summary, enough),
        label="tab:lightemma-l2",
        columns=[
            PaperColumn("Run"),
            PaperColumn("No plan", "%", "low"),
            PaperColumn("L2 1 s", "m", "low"),
            PaperColumn("2 s", "m", "low"),
            PaperColumn("3 s", "m", "low"),
            PaperColumn("Average", "m", "low"),
            PaperColumn("Miss", "%", "low"),
            PaperColumn("Against constant-action", "m"),
        ],
        groups=[fair, told, [_reference(row, one) for row in references]],
        marks=MARKS,
        bold=enough,
    )


def _caption(study: Study, summary: Sequence[SummaryRow], enough: bool) -> str:
    names = {row.data for row in summary if row.data}
    data = names.pop() if len(names) == 1 else ""
    bold = "the best in bold" if enough else f"no best is marked over fewer than {FEWEST_SCENES} scenes"
    return (
        f"Plans of 3 s against the recorded drive{f', {data}' if data else ''}: {study.over}. L2 convention "
        f"{study.convention}, each run over the frames that it has a plan for; miss: a point more than 2 m off; in "
        f"brackets 95 % intervals clustered by scene; {bold}."
    )


def _run(row: SummaryRow, baseline: str, leaking: set[str], one: bool) -> PaperRow:
    missing = row.format_error_rate + row.call_error_rate
    partial = row.ok_frames < LEAST_PLANS * row.frames
    marks = ("†" if partial else "") + ("" if row.model else "‡") + ("§" if row.run in leaking else "")
    against = (
        "reference" if row.run in (baseline, BASELINE) else _against(row.diff_vs_baseline, row.ci_low, row.ci_high, one)
    )
    return PaperRow(
        [
            PaperCell(row.run, marks=marks),
            PaperCell(decimal(100 * missing, 1)),
            *_errors(row),
            PaperCell(against, marks="*" if row.significant else ""),
        ],
        ranked=not partial and row.run not in leaking,
    )


def _reference(row: ReferenceRow, one: bool) -> PaperRow:
    against = _against(row.diff_vs_baseline, row.ci_low, row.ci_high, one)
    return PaperRow([PaperCell(row.run), PaperCell("–"), *_errors(row), PaperCell(against)], ranked=False)


def _errors(row: SummaryRow | ReferenceRow) -> list[PaperCell]:
    numbers = [PaperCell(decimal(value), value) for value in (row.l2_1s, row.l2_2s, row.l2_3s, row.l2_avg)]
    return [*numbers, PaperCell(decimal(100 * row.miss_rate_2m, 1), row.miss_rate_2m)]


def _against(value: float, low: float, high: float, one: bool) -> str:
    return with_interval(value, low, high, sign=True, alone="one scene" if one else "")
