"""lightemma drive: planners and models drive in a made-up city, and what they see follows from what they did."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightemma.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightemma.closed_loop.drive import Tour
    from lightemma.closed_loop.results import ClosedLoopResults
    from lightemma.sessions.open_loop import RunOutcome


def drive(
    planner: Annotated[
        str,
        typer.Option(help="Who drives: any planner, or expert, idm, random, which know the city; several with commas."),
    ] = "chain-of-thought",
    model: options.Models = None,
    world: Annotated[
        str, typer.Option(help="Where to drive: city, another world by name, or module:Class of your own.")
    ] = "city",
    scenarios: Annotated[str, typer.Option(help="Names with commas, or all.")] = "all",
    seeds: Annotated[str, typer.Option(help="How many seeds, such as 3, or which, such as 1,5,9.")] = "3",
    conditions: Annotated[str, typer.Option(help="day, dusk, rain, fog, with commas, or all.")] = "day",
    left_hand: Annotated[bool, typer.Option("--left-hand", help="Traffic keeps to the left.")] = False,
    replan: Annotated[int, typer.Option(help="Actions of a plan driven before the next picture, 1 to 6.")] = 1,
    real_time: Annotated[bool, typer.Option("--real-time", help="The world goes on while the planner thinks.")] = False,
    limits: Annotated[
        bool, typer.Option("--limits/--no-limits", help="Whether the vehicle's physical limits hold.")
    ] = True,
    renderer: Annotated[str, typer.Option(help="auto, panda3d or painter.")] = "auto",
    size: Annotated[str, typer.Option(help="Pictures' width and height in pixels.")] = "800x450",
    pictures: Annotated[
        bool | None,
        typer.Option(
            "--pictures/--no-pictures", help="Draw pictures; for those who look if left out.", show_default=False
        ),
    ] = None,
    prompts: Annotated[str, typer.Option(help="A shipped prompt set, or a folder with one.")] = "three-stage",
    parser: Annotated[str, typer.Option(help="strict, tolerant or first-numbers.")] = "strict",
    concurrency: options.Concurrency = None,
    out: options.Out = Path("results"),
    name: options.Name = None,
    tables: Annotated[
        Path | None,
        typer.Option(help="Folder of the tables; <out>/reports/drive if left out.", show_default=False),
    ] = None,
    max_cost: options.MaxCost = None,
    quiet: options.Quiet = False,
) -> None:
    """Let planners drive in a made-up city and score how they drive; the same command again goes on where it stopped."""
    from lightemma.calls.cancellation import INTERRUPTED
    from lightemma.cli.live import LiveView, choose_style
    from lightemma.closed_loop.set_up import make_tour
    from lightemma.closed_loop.spec import LoopRules, parse_size

    rules = LoopRules(replan, real_time, limits, parse_size(size), pictures, renderer)
    tour, note = make_tour(
        planners=_names(planner),
        models=_names(model or ""),
        world=world,
        out=out,
        scenarios=scenarios,
        seeds=seeds,
        conditions=conditions,
        left_hand=left_hand,
        rules=rules,
        prompts=prompts,
        parser=parser,
        name=name,
        concurrency=concurrency,
        max_cost=max_cost,
    )
    if note:
        typer.echo(note, err=True)
    view = LiveView(choose_style(quiet=quiet, json_log=False))
    with view.showing():
        outcomes = tour.run(watch=view.add)
    _say_how_it_ended(tour, outcomes)
    driven = [
        tour.results / job.name for job, outcome in zip(tour.jobs, outcomes, strict=True) if outcome.kept + outcome.done
    ]
    if driven:
        tell_driving(driven, tables or out / "reports" / "drive")
    if any(outcome.stopped == INTERRUPTED for outcome in outcomes):
        raise typer.Exit(130)
    raise typer.Exit(1 if any(outcome.failed or outcome.stopped for outcome in outcomes) else 0)


def _say_how_it_ended(tour: Tour, outcomes: list[RunOutcome]) -> None:
    for job, outcome in zip(tour.jobs, outcomes, strict=True):
        reached = outcome.kept + outcome.done
        parts = [
            f"{job.name}: {outcome.frames if reached >= outcome.frames else f'{reached} of {outcome.frames}'} episodes"
        ]
        if outcome.kept:
            parts.append(f"{outcome.kept} kept from before")
        if outcome.failed:
            parts.append(f"{outcome.failed} with failed calls (the same command drives them again)")
        if outcome.stopped:
            parts.append(f"ended early: {outcome.stopped} (the same command goes on)")
        typer.echo(", ".join(parts) + f" -> {tour.results / job.name}")


def tell_driving(folders: Sequence[Path], out: Path, resamples: int = 10_000, seed: int = 20_250_501) -> None:
    """Writes the tables of closed-loop runs, and shows the main one."""
    from lightemma.closed_loop.results import results_of
    from lightemma.closed_loop.study import load_driven
    from lightemma.evaluation.tables.files import write_tables

    results = results_of([load_driven(folder) for folder in folders], resamples, seed)
    write_tables(results, out)
    show_driving(results)
    typer.echo(f"Tables: {out}")


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
                "success": f"{row.success_rate:.0%}",
                "progress": f"{row.progress:.0%}",
                "at-fault collision": f"{row.collision_at_fault_rate:.0%}",
                "off road": f"{row.off_road_rate:.0%}",
                "red light": f"{row.red_light_rate:.0%}",
                "wrong side": f"{row.wrong_side_rate:.0%}",
                "stuck or late": f"{row.stuck_rate:.0%}",
                "no answer": f"{row.answers_missing_rate:.1%}",
            }
        )
    show(rows, main.caption)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
