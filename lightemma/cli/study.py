"""lightemma study: drives, compares and reports all runs of a benchmark file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightemma.cli import options
from lightemma.cli.output import echo
from lightemma.cli.running import drive_runs, exit_status, placed_backends, why_stopped
from lightemma.sessions.benchmark import Benchmark, ReportSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightemma.evaluation.comparison import Choices, Comparison
    from lightemma.report.page import ReportFiles
    from lightemma.run_folder.manifest import DataEntry
    from lightemma.sessions.roles import BackendMaker
    from lightemma.sessions.run import RunOutcome
    from lightemma.sessions.session import Session


@options.with_session()
@options.with_benchmark("open", "closed")
def study(
    given: options.Given,
    session: options.SessionOptions,
    config: Annotated[
        str, typer.Argument(help="A benchmark: a name in configs/benchmarks, or the path of such a YAML.")
    ],
    report: Annotated[
        Path | None,
        typer.Option(
            help="Folder for page, tables and figures; <out>/reports/<study> if left out.", show_default=False
        ),
    ] = None,
    convention: Annotated[
        str | None,
        typer.Option(
            help="L2 convention: lightemma, endpoint or cumulative; as in the benchmark if left out.",
            show_default=False,
        ),
    ] = None,
    shared_frames: options.SharedFrames = False,
    table: options.MoreTables = None,
    resamples: options.Resamples = 10_000,
    seed: options.Seed = 20_250_501,
) -> None:
    """Drive everything a benchmark file names, then write its tables, figures and page; resumes where it stopped."""
    from lightemma.config_files import find_config

    name = find_config("benchmarks", config).stem
    folder = report or session.out / "reports" / name
    with placed_backends(session) as backends:
        benchmark = options.benchmark_of(config, given, "open")
        choices = options.choices(
            convention or benchmark.report.convention,
            shared_frames=shared_frames,
            resamples=resamples,
            seed=seed,
            tables=table,
        )
        if benchmark.loop == "open":
            outcomes = _study_frames(benchmark, session, backends, folder, name, choices)
        else:
            outcomes = _study_world(benchmark, session, backends, folder, name)
    raise typer.Exit(exit_status(outcomes))


def _study_frames(
    benchmark: Benchmark,
    session: options.SessionOptions,
    backends: BackendMaker,
    folder: Path,
    name: str,
    choices: Choices,
) -> list[RunOutcome]:
    """Drives recorded frames; writes tables, figures and page."""
    from lightemma.cli.pages import show_report_files
    from lightemma.cli.show import show_notes, show_summary
    from lightemma.comparing.joining import check_joining
    from lightemma.comparing.load import compare_loaded
    from lightemma.evaluation.compatibility import cut_to
    from lightemma.evaluation.scores import load_scores
    from lightemma.sessions.frames_of_source import open_runs

    runs = open_runs(benchmark, session.out, backends=backends, by_data=True)
    work, others = runs.work, finished_runs(benchmark.report, session.out)
    tokens = set(work.chosen.tokens)
    joined = check_joining(
        [load_scores(folder) for folder in others],
        work.manifest(runs.jobs[0], dict.fromkeys(runs.jobs[0].backends)).data,
        work.protocol,
        work.frames(),
        tokens,
        [job.name for job in runs.jobs],
        shared_frames=choices.get("shared_only", False),
    )
    outcomes = _driven(runs, session)
    # A run may have more frames than this study: of an earlier one with a higher limit.
    own = [(folder, cut_to(load_scores(folder), tokens)) for folder in map(runs.folder, runs.jobs)]
    comparison = compare_loaded([*own, *zip(others, joined, strict=True)], source=work.source, **choices)
    files = write_all(comparison, folder, benchmark.report, name)
    show_summary(comparison)
    show_notes(comparison)
    show_report_files(files)
    return outcomes


def _study_world(
    benchmark: Benchmark,
    session: options.SessionOptions,
    backends: BackendMaker,
    folder: Path,
    name: str,
) -> list[RunOutcome]:
    """Drives in a world; writes the closed-loop tables and page."""
    from lightemma.cli.drive import write_driving_tables
    from lightemma.cli.pages import write_driving_pages
    from lightemma.closed_loop.set_up import open_drives

    drives, note = open_drives(benchmark, session.out, backends, by_data=True)
    if note:
        echo(note, err=True)
    others = finished_runs(benchmark.report, session.out)
    manifest = drives.work.manifest(drives.jobs[0], dict.fromkeys(drives.jobs[0].backends))
    _check_same_rules(others, manifest.data)
    outcomes = _driven(drives, session)
    folders = [*map(drives.folder, drives.jobs), *others]
    write_driving_tables(folders, folder / "tables")
    write_driving_pages(folders, folder / f"{name}.html", title=benchmark.report.title)
    return outcomes


def _check_same_rules(folders: Sequence[Path], data: DataEntry) -> None:
    """Makes sure, before the first call, that finished runs can stand in the closed-loop tables.

    Raises:
        UserError: if one was driven over recorded data, or in the same world by other rules.
    """
    from lightemma.errors import UserError
    from lightemma.run_folder.store import read_manifest

    for folder in folders:
        theirs = read_manifest(folder).data
        if theirs.source != data.source:
            raise UserError(
                f"'{folder.name}', which the study compares too, was driven over recorded data and has no episodes; leave it "
                "out of `also`."
            )
        if theirs.name == data.name and theirs.version != data.version:
            raise UserError(
                f"'{folder.name}', which the study compares too, was driven by other rules ({theirs.version}, here "
                f"{data.version}); leave it out of `also`."
            )


def _driven(runs: Session[Any], session: options.SessionOptions) -> list[RunOutcome]:
    """Drives the runs; ends the command if one is not finished."""
    outcomes = drive_runs(runs, session.style, session.spending)
    stopped = [outcome.stopped for outcome in outcomes if outcome.stopped]
    if stopped:
        echo(f"The report waits until all runs are finished ({why_stopped(stopped[0])}); the same command resumes.")
        raise typer.Exit(exit_status(outcomes))
    return outcomes


def finished_runs(settings: ReportSettings, out: Path) -> list[Path]:
    """The folders of the runs that are compared too; archives are imported first.

    Raises:
        UserError: if one is neither a run nor an archive.
    """
    from lightemma.run_folder.places import find_runs
    from lightemma.run_folder.store import is_run
    from lightemma.sessions.importing import import_archive

    folders: list[Path] = []
    for name in settings.also:
        path = Path(name).expanduser()
        archive = path.suffix == ".zip" or (path.is_dir() and not is_run(path) and any(path.rglob("scene-*.json")))
        folders += [import_archive(path, out, by_data=True)] if archive else find_runs([path])
    return folders


def write_all(comparison: Comparison, folder: Path, settings: ReportSettings, name: str) -> ReportFiles:
    """Writes page, tables and, if the settings say so, figures into a folder."""
    from lightemma.evaluation.tables.files import write_tables
    from lightemma.report.page import write_report

    write_tables(comparison, folder / "tables")
    if settings.figures:
        from lightemma.report.figures import write_figures

        write_figures(comparison, folder / "figures")
    return write_report(comparison, folder / f"{name}.html", title=settings.title)
