"""lightemma study: one file to one paper table: drive, compare and report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightemma.cli import options

if TYPE_CHECKING:
    from lightemma.evaluation.comparison import Comparison
    from lightemma.report.page import ReportFiles
    from lightemma.sessions.benchmark import ReportSettings


def study(
    config: Annotated[
        str, typer.Argument(help="A benchmark: a name in configs/benchmarks, or the path of such a YAML.")
    ],
    data: options.Data = None,
    model: options.Models = None,
    scenes: options.Scenes = None,
    stride: options.Stride = None,
    limit: options.Limit = None,
    concurrency: options.Concurrency = None,
    out: options.Out = Path("results"),
    report: Annotated[
        Path | None,
        typer.Option(
            help="Folder for page, tables and figures; <out>/reports/<study> if left out.", show_default=False
        ),
    ] = None,
    convention: Annotated[
        str | None,
        typer.Option(
            help="L2 convention: lightemma, endpoint or cumulative; as the benchmark says if left out.",
            show_default=False,
        ),
    ] = None,
    shared_frames: options.SharedFrames = False,
    table: options.MoreTables = None,
    resamples: options.Resamples = 10_000,
    seed: options.Seed = 20_250_501,
    max_cost: options.MaxCost = None,
    executor: options.Executor = "local",
    replicas: options.Replicas = None,
    gpus_per_replica: options.GpusPerReplica = None,
    quiet: options.Quiet = False,
) -> None:
    """Drive everything a benchmark file names, then write its tables, figures and page; goes on where it stopped."""
    from lightemma.calls.cancellation import INTERRUPTED
    from lightemma.cli.live import choose_style
    from lightemma.cli.report import say_written
    from lightemma.cli.run import drive
    from lightemma.cli.show import show_notes, show_summary
    from lightemma.comparing.load import load_and_compare
    from lightemma.config_files import find_config
    from lightemma.executors import choose_executor, placing
    from lightemma.sessions.job import Spending, Study
    from lightemma.sessions.models import make_backend

    chosen = choose_executor(executor, replicas, gpus_per_replica)
    name = find_config("benchmarks", config).stem
    benchmark = options.benchmark_of(
        config,
        data=data,
        model=model,
        planner=None,
        scenes=scenes,
        stride=stride,
        limit=limit,
        concurrency=concurrency,
        max_side=None,
    )
    choices = options.choices(
        convention or benchmark.report.convention,
        shared_frames=shared_frames,
        resamples=resamples,
        seed=seed,
        tables=table,
    )
    with placing(chosen, make_backend) as backends:
        driven = Study(benchmark, out, backends=backends)
        others = finished_runs(benchmark.report, out)
        outcomes = drive(driven, choose_style(quiet=quiet, json_log=False), Spending(max_cost=max_cost))
    stopped = [outcome.stopped for outcome in outcomes if outcome.stopped]
    if stopped:
        typer.echo(f"The report waits until all runs are finished ({stopped[0]}); the same command goes on.")
        raise typer.Exit(130 if INTERRUPTED in stopped else 1)
    folder = report or out / "reports" / name
    comparison = load_and_compare(
        [*(out / job.name for job in driven.jobs), *others],
        source=driven.source,
        **choices,
    )
    files = write_all(comparison, folder, benchmark.report, name)
    show_summary(comparison)
    show_notes(comparison)
    say_written(files)
    raise typer.Exit(1 if any(outcome.failed for outcome in outcomes) else 0)


def finished_runs(settings: ReportSettings, out: Path) -> list[Path]:
    """The folders of the runs to be compared along; archives are imported first.

    Raises:
        UserError: if one of them is neither.
    """
    from lightemma.run_folder.store import find_runs, is_run
    from lightemma.sessions.importing import import_archive

    folders: list[Path] = []
    for name in settings.also:
        path = Path(name).expanduser()
        archive = path.suffix == ".zip" or (path.is_dir() and not is_run(path) and any(path.rglob("scene-*.json")))
        folders += [import_archive(path, out, "strict", None)] if archive else find_runs([path])
    return folders


def write_all(comparison: Comparison, folder: Path, settings: ReportSettings, name: str) -> ReportFiles:
    """Writes page, tables and, if wanted, figures into a folder."""
    from lightemma.evaluation.tables.files import write_tables
    from lightemma.report.page import write_report

    write_tables(comparison, folder / "tables")
    if settings.figures:
        from lightemma.report.figures import write_figures

        write_figures(comparison, folder / "figures")
    return write_report(comparison, folder / f"{name}.html", title=settings.title)
