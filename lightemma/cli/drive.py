"""lightemma drive: planners drive in a world (closed loop), where their actions decide what they see next."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightemma.cli import options
from lightemma.cli.output import echo
from lightemma.sessions.benchmark import WHAT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightemma.closed_loop.results import ClosedLoopResults
    from lightemma.evaluation.tables.base import TableSet
    from lightemma.sessions.benchmark import Benchmark


@options.with_session("batch")
@options.with_benchmark("closed")
def drive(
    given: options.Given,
    session: options.SessionOptions,
    config: options.Config = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Recorded drives that a learned world begins in, such as nuscenes:ROOT@VERSION; its own if left out.",
            rich_help_panel=WHAT,
            show_default=False,
        ),
    ] = None,
    tables: Annotated[
        Path | None,
        typer.Option(help="Folder for the tables; <out>/reports/drive if left out.", show_default=False),
    ] = None,
) -> None:
    """Let planners drive in a world, and score them; the same command resumes where it stopped.

    In addition to the planners of `lightemma run`, drivers that know the world's state can drive: expert, idm and random
    in the city.
    """
    from lightemma.cli.pages import write_driving_pages
    from lightemma.cli.running import drive_runs, exit_status, placed_backends
    from lightemma.closed_loop.set_up import open_drives

    with placed_backends(session) as backends:
        benchmark = options.benchmark_of(config, given, "closed")
        if data is not None:
            benchmark = _beginning_in(data, benchmark)
        drives, note = open_drives(benchmark, session.out, backends, by_data=True)
        if note:
            echo(note, err=True)
        outcomes = drive_runs(drives, session.style, session.spending)
    driven = [
        drives.folder(job) for job, outcome in zip(drives.jobs, outcomes, strict=True) if outcome.kept + outcome.done
    ]
    if driven:
        folder = tables or session.out / "reports" / "drive"
        write_driving_tables(driven, folder)
        write_driving_pages(driven, folder / "drive.html")
    raise typer.Exit(exit_status(outcomes))


def _beginning_in(data: str, benchmark: Benchmark) -> Benchmark:
    """The same benchmark in a world whose episodes begin in recorded drives."""
    from lightemma.closed_loop.worlds import open_factory

    if benchmark.world is None:
        return benchmark  # which has recorded data, and is refused
    world = open_factory(benchmark.world.name).beginning_in(data)
    named = benchmark.world.model_copy(update={"name": f"{world.name}:{world.argument}"})
    return benchmark.model_copy(update={"world": named})


#: What a narrow terminal leaves out of the main table, the first one first.
_DROPPED = (
    "wrong side",
    "no answer",
    "off road",
    "stuck or late",
    "red light",
    "progress",
    "episodes",
    "at-fault collision",
)


def write_driving_tables(folders: Sequence[Path], out: Path) -> None:
    """Writes the tables of closed-loop runs, and prints the main one; those of each world and its rules apart."""
    from lightemma.closed_loop.results import agreement_of, results_of
    from lightemma.closed_loop.study import by_rules, by_world, load_driven
    from lightemma.evaluation.tables.files import write_tables

    runs = [load_driven(folder) for folder in folders]
    worlds = by_rules(runs)
    places = dict.fromkeys(worlds, out) if len(worlds) == 1 else places_of_worlds(list(worlds), out)
    if len(worlds) > 1:
        where = by_world(runs)
        groups = f"in {len(where)} worlds ({', '.join(where)})"
        if len(worlds) > len(where):
            groups = f"by {len(worlds)} sets of rules ({'; '.join(worlds)})"
        echo(f"These runs were driven {groups}, whose scores are never compared; each has tables of its own.", err=True)
    for name, its in worlds.items():
        results = results_of(its)
        write_tables(results, places[name])
        show_driving(results)
        echo(f"Tables: {places[name]}")
    if len(by_world(runs)) > 1:
        agreement = agreement_of(runs)
        write_tables(agreement, out)
        show_agreement(agreement)


def places_of_worlds(worlds: Sequence[str], out: Path) -> dict[str, Path]:
    """World -> the folder of its tables, each another one."""
    from lightemma.report.figures.writing import file_name

    places: dict[str, Path] = {}
    for number, world in enumerate(worlds, start=1):
        name = file_name(world)
        taken = {place.name.lower() for place in places.values()}
        places[world] = out / (f"{name}-{number}" if name.lower() in taken else name)
    return places


def show_agreement(agreement: TableSet[Any]) -> None:
    """Prints how alike worlds rank drivers."""
    from lightemma.cli.show import show

    def between(value: float, low: float, high: float, digits: int) -> str:
        if math.isnan(value):
            return ""
        ends = "" if math.isnan(low) else f" [{low:.{digits}f}, {high:.{digits}f}]"
        return f"{value:.{digits}f}{ends}"

    (built,) = agreement.tables.values()
    rows = [
        {
            "world": row.world,
            "other world": row.other,
            "drivers in both": row.drivers,
            "rank correlation": between(row.rank_correlation, row.ci_low, row.ci_high, 2),
            "Pearson": between(row.pearson, row.pearson_low, row.pearson_high, 2),
            "maximum rank violation": between(row.violation, row.violation_low, row.violation_high, 1),
        }
        for row in built.rows
    ]
    show(rows, built.caption)


def show_driving(results: ClosedLoopResults) -> None:
    """Prints the main table."""
    from lightemma.cli.show import show

    rows: list[dict[str, Any]] = []
    main = results.tables["closed_loop"]
    # Columns that say how much of a score needs eyes, where there is a twin or a ceiling.
    eyes = {
        title: name
        for title, name in (("above its blind twin", "above_twin"), ("above blind ceiling", "above_ceiling"))
        if not all(math.isnan(getattr(row, name)) for row in main.rows)
    }
    for row in main.rows:
        interval = "" if math.isnan(row.ci_low) else f"[{row.ci_low:.1f}, {row.ci_high:.1f}]"
        rows.append(
            {
                "run": f"{row.kind}: {row.planner if row.kind == row.run else row.run}" if row.kind else row.run,
                "episodes": row.episodes,
                "two-stage score" if results.study.two_stage else "driving score": f"{row.driving_score:.1f}",
                "95 %": interval,
                **{title: _difference(row, name) for title, name in eyes.items()},
                "success": _share(row.success_rate),
                "progress": _share(row.progress),
                "at-fault collision": _share(row.collision_at_fault_rate),
                "off road": _share(row.off_road_rate),
                "red light": _share(row.red_light_rate),
                "wrong side": _share(row.wrong_side_rate),
                "stuck or late": _share(row.stuck_rate),
                "no answer": _share(row.answers_missing_rate, 1),
            }
        )
    show(rows, main.caption, dropped=(*_DROPPED, *eyes, "success"))


def _difference(row: Any, name: str) -> str:
    """A difference of scores with its interval; an empty string where there is none."""
    value, low, high = (getattr(row, f"{name}{end}") for end in ("", "_ci_low", "_ci_high"))
    if math.isnan(value):
        return ""
    return f"{value:+.1f}" + ("" if math.isnan(low) else f" [{low:+.1f}, {high:+.1f}]")


def _share(share: float, digits: int = 0) -> str:
    """A share in percent; an empty string where the world does not judge it."""
    return "" if math.isnan(share) else f"{share:.{digits}%}"
