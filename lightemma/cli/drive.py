"""lightemma drive: planners drive in a world (closed loop), where their actions decide what they see next."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightemma.cli import options
from lightemma.cli.output import echo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightemma.closed_loop.results import ClosedLoopResults


@options.with_session("batch")
@options.with_benchmark("closed")
def drive(
    given: options.Given,
    session: options.SessionOptions,
    config: options.Config = None,
    tables: Annotated[
        Path | None,
        typer.Option(help="Folder for the tables; <out>/reports/drive if left out.", show_default=False),
    ] = None,
) -> None:
    """Let planners drive in a world, and score them; the same command resumes where it stopped.

    In addition to the planners of `lightemma run`, drivers that know the world's state can drive: expert, idm and random
    in the city.
    """
    from lightemma.cli.running import drive_runs, exit_status, placed_backends
    from lightemma.closed_loop.set_up import open_drives

    with placed_backends(session) as backends:
        drives, note = open_drives(options.benchmark_of(config, given, "closed"), session.out, backends)
        if note:
            echo(note, err=True)
        outcomes = drive_runs(drives, session.style, session.spending)
    driven = [
        drives.results / job.name
        for job, outcome in zip(drives.jobs, outcomes, strict=True)
        if outcome.kept + outcome.done
    ]
    if driven:
        write_driving_tables(driven, tables or session.out / "reports" / "drive")
    raise typer.Exit(exit_status(outcomes))


def write_driving_tables(folders: Sequence[Path], out: Path) -> None:
    """Writes the tables of closed-loop runs, and prints the main one."""
    from lightemma.closed_loop.results import results_of
    from lightemma.closed_loop.study import load_driven
    from lightemma.evaluation.tables.files import write_tables

    results = results_of([load_driven(folder) for folder in folders])
    write_tables(results, out)
    show_driving(results)
    echo(f"Tables: {out}")


def show_driving(results: ClosedLoopResults) -> None:
    """Prints the main table."""
    from lightemma.cli.show import show

    rows: list[dict[str, Any]] = []
    main = results.tables["closed_loop"]
    for row in main.rows:
        interval = "" if math.isnan(row.ci_low) else f"[{row.ci_low:.1f}, {row.ci_high:.1f}]"
        rows.append(
            {
                "run": row.run,
                "episodes": row.episodes,
                "driving score": f"{row.driving_score:.1f}",
                "95 %": interval,
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
    show(rows, main.caption)


def _share(share: float, digits: int = 0) -> str:
    """A share in percent; an empty string where the world does not judge it."""
    return "" if math.isnan(share) else f"{share:.{digits}%}"
