"""lightemma demo: the main job on the embedded drives, without key, GPU or download."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(out: Annotated[Path, typer.Option(help="Folder for pictures, runs and tables.")] = Path("demo-out")) -> None:
    """Draw a few short drives, run the baselines and a scripted driver over them, and compare."""
    from lightemma.cli.run import drive
    from lightemma.cli.show import show_summary
    from lightemma.data.sources import open_demo
    from lightemma.evaluation.comparison import compare_runs
    from lightemma.evaluation.scores import load_scores
    from lightemma.planners.registry import PLANNERS
    from lightemma.report.tables import write_tables
    from lightemma.runs.benchmark import Benchmark
    from lightemma.runs.job import Study, check_writable
    from lightemma.runs.rehearsal import NAME, scripted_driver

    check_writable(out)
    typer.echo(f"Drawing the demo drives (the first time only) -> {out / 'data'}")
    source = open_demo(out / "data")
    study = Study(
        Benchmark(data="demo", planners=list(PLANNERS), models=[NAME]),
        out / "results",
        source=source,
        backends=lambda _: scripted_driver(source.frames()),
    )
    drive(study, "quiet")
    comparison = compare_runs([load_scores(study.results / job.name) for job in study.jobs])
    written = write_tables(comparison, out / "report")
    show_summary(comparison)
    typer.echo(
        f"{NAME} is no model: its answers were written in advance, slips included, to show what a model's row looks like.\n"
        f"Report: {out / 'report'} ({len(written)} tables; start with summary.md)"
    )
