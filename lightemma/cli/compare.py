"""lightemma compare: runs side by side, as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders of runs.")],
    out: Annotated[Path, typer.Option(help="Folder for the tables (.csv, .md, .tex).")],
    convention: Annotated[str, typer.Option(help="L2 convention: lightemma, endpoint or cumulative.")] = "lightemma",
    parser: Annotated[
        str | None,
        typer.Option(help="Read the stored answers by strict, tolerant or first-numbers; as run if left out."),
    ] = None,
    shared_frames: Annotated[
        bool, typer.Option("--shared-frames", help="Cut all runs to the frames they share, instead of refusing.")
    ] = False,
    resamples: Annotated[int, typer.Option(help="Bootstrap draws of scenes.", min=100)] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 20_250_501,
) -> None:
    """Compare runs over the same frames: scores, differences with scene-clustered intervals, errors, strata."""
    from lightemma.cli.show import show_summary
    from lightemma.evaluation.comparison import compare_runs
    from lightemma.evaluation.displacement import check_convention
    from lightemma.evaluation.scores import load_scores
    from lightemma.report.tables import write_tables
    from lightemma.runs.store import find_runs

    checked = check_convention(convention)
    scores = [load_scores(folder, parser) for folder in find_runs(runs)]
    comparison = compare_runs(scores, checked, shared_only=shared_frames, resamples=resamples, seed=seed)
    write_tables(comparison, out)
    show_summary(comparison)
    typer.echo(f"Tables: {out}")
