"""The table of closed-loop runs for a paper: every driver's score with its interval, and what went wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lightemma.closed_loop.study import DrivenStudy, family
from lightemma.closed_loop.tables.closed_loop import ClosedLoopRow
from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES
from lightemma.paper_tables import PaperCell, PaperColumn, PaperRow, PaperTable, decimal, with_interval

MARKS = {
    "†": "did not drive all episodes that the others drove: never in bold.",
    "‡": "asks no model.",
    "§": "no competitor: a twin is shown grey pictures, and the blind ceiling is the best of drivers that see nothing.",
}


def paper_table(study: DrivenStudy, rows: Sequence[ClosedLoopRow]) -> PaperTable:
    """The drivers, the best first; below a rule those that are no competitors."""
    everything = {name for run in study.competitors for name in run.episodes}
    partial = {run.name for run in study.competitors if set(run.episodes) != everything}
    scenarios = len({family(one) for run in study.runs for one in run.episodes.values()})
    ordered = sorted(rows, key=lambda row: (math.isnan(row.driving_score), -row.driving_score, row.run))
    enough = scenarios >= FEWEST_SCENES
    bold = "the best in bold" if enough else f"no best is marked over fewer than {FEWEST_SCENES} scenarios"
    return PaperTable(
        caption=(
            f"{study.where} Driving score 0 to 100, in brackets its 95 % interval over {scenarios} scenarios (one counts with "
            "its twins); the other columns are shares of episodes (at fault: with a collision that the car is to blame for); "
            f"{bold}."
        ),
        label="tab:lightemma-closed-loop",
        columns=[
            PaperColumn("Driver"),
            PaperColumn("Episodes"),
            PaperColumn("Driving score", "", "high"),
            PaperColumn("Success", "%", "high"),
            PaperColumn("At fault", "%", "low"),
            PaperColumn("Red light", "%", "low"),
            PaperColumn("Off road", "%", "low"),
            PaperColumn("Stuck", "%", "low"),
        ],
        groups=[
            [_row(row, row.run in partial) for row in ordered if not row.kind],
            [_row(row, False) for row in ordered if row.kind],
        ],
        marks=MARKS,
        bold=enough,
    )


def _row(row: ClosedLoopRow, partial: bool) -> PaperRow:
    marks = "§" if row.kind else ("†" if partial else "") + ("" if row.model else "‡")
    shares = (row.success_rate, row.collision_at_fault_rate, row.red_light_rate, row.off_road_rate, row.stuck_rate)
    return PaperRow(
        [
            PaperCell(row.run, marks=marks),
            PaperCell(str(row.episodes)),
            PaperCell(with_interval(row.driving_score, row.ci_low, row.ci_high, 1), row.driving_score),
            *(PaperCell(decimal(100 * share, 1), share) for share in shares),
        ],
        ranked=not row.kind and not partial,
    )
