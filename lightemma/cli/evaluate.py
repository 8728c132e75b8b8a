"""lightemma evaluate: scores stored answers again, without any call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightemma.cli.output import echo
from lightemma.outside_text import one_line


def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders of runs.")],
    parser: Annotated[
        str | None,
        typer.Option(help="Read the stored answers by strict, tolerant or first-numbers; as run if left out."),
    ] = None,
) -> None:
    """Score stored answers again, without any call: every L2 convention, and scores.csv with one line per frame."""
    from lightemma.cli.show import show
    from lightemma.evaluation.probing.probed_runs import on_its_own
    from lightemma.evaluation.scores import load_scores
    from lightemma.evaluation.study import make_study
    from lightemma.evaluation.tables.base import build
    from lightemma.evaluation.tables.conventions import Conventions
    from lightemma.evaluation.tables.errors import Errors
    from lightemma.evaluation.tables.summary import Summary
    from lightemma.report.frame_scores import write_frame_scores
    from lightemma.run_folder.places import find_runs
    from lightemma.run_folder.store import read_outcomes

    folders = find_runs(runs)
    for folder in folders:
        if len(folders) > 1 and not read_outcomes(folder):
            echo(one_line(f"{folder.name} has no frames yet and is left out."), err=True)
            continue
        scores = load_scores(folder, parser)
        path = write_frame_scores(scores, folder)
        study = make_study([on_its_own(scores)], shared_only=True)
        summary, *_ = build(Summary(), study).rows
        rows = [row for row in build(Conventions(), study).cells() if row["run"] == scores.name]
        read_by = scores.manifest.parser if scores.manifest else "strict"
        show(
            [{name: row[name] for name in ("run", "convention", "l2_1s", "l2_2s", "l2_3s", "l2_avg")} for row in rows],
            f"{scores.name}: {summary.frames} frames, {summary.frames - summary.ok_frames} not ok, parser {read_by}; "
            f"FDE {summary.fde:.4f} m, miss rate {summary.miss_rate_2m:.4f}",
        )
        outcomes = [row for row in build(Errors(), study).rows if row.run == scores.name]
        echo("  " + ", ".join(f"{row.outcome} {row.frames}" for row in outcomes) + f"\n  {path}")
