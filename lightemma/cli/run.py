"""lightemma run: drive planners over data and record everything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightemma.cli import options

if TYPE_CHECKING:
    from lightemma.cli.live import Style
    from lightemma.sessions.job import Spending, Study
    from lightemma.sessions.open_loop import RunOutcome


def run(
    config: options.Config = None,
    data: options.Data = None,
    model: options.Models = None,
    planner: options.Planners = None,
    planner_option: options.PlannerOptions = None,
    prompts: options.Prompts = None,
    dialogue: options.Dialogue = None,
    frames: options.Frames = None,
    answer: options.Answer = None,
    parser: options.Parser = None,
    scenes: options.Scenes = None,
    stride: options.Stride = None,
    limit: options.Limit = None,
    concurrency: options.Concurrency = None,
    max_side: options.MaxSide = None,
    integration: options.Integration = None,
    reader: options.Reader = None,
    out: options.Out = Path("results"),
    name: options.Name = None,
    max_cost: options.MaxCost = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Use answers given before, and keep new ones.")
    ] = True,
    batch: Annotated[
        bool, typer.Option("--batch", help="Use the provider's batch endpoint: within hours, at a lower price.")
    ] = False,
    executor: options.Executor = "local",
    replicas: options.Replicas = None,
    gpus_per_replica: options.GpusPerReplica = None,
    quiet: options.Quiet = False,
    json_log: Annotated[
        bool, typer.Option("--json-log", help="Show progress as JSON lines on standard error.")
    ] = False,
) -> None:
    """Drive planners over data and record every call; the same command again goes on where it stopped."""
    from lightemma.calls.cancellation import INTERRUPTED
    from lightemma.cli.live import choose_style
    from lightemma.errors import UserError
    from lightemma.executors import LOCAL, choose_executor, placing
    from lightemma.sessions.job import Spending, Study
    from lightemma.sessions.models import make_backend

    chosen = choose_executor(executor, replicas, gpus_per_replica)
    if batch and chosen.kind != LOCAL:
        raise UserError(
            "--batch hands calls over to the provider at once, so there is nothing to spread; leave --executor out."
        )

    benchmark = options.benchmark_of(
        config,
        name=name,
        data=data,
        reader=reader,
        model=model,
        planner=planner,
        planner_option=planner_option,
        prompts=prompts,
        dialogue=dialogue,
        frames=frames,
        answer=answer,
        parser=parser,
        integration=integration,
        scenes=scenes,
        stride=stride,
        limit=limit,
        concurrency=concurrency,
        max_side=max_side,
    )
    with placing(chosen, make_backend) as backends:
        study = Study(benchmark, out, backends=backends)
        spending = Spending(max_cost=max_cost, cache=cache, batch=batch)
        outcomes = drive(study, choose_style(quiet=quiet, json_log=json_log), spending)
    if any(outcome.stopped == INTERRUPTED for outcome in outcomes):
        raise typer.Exit(130)
    raise typer.Exit(1 if any(outcome.failed or outcome.stopped for outcome in outcomes) else 0)


def drive(study: Study, style: Style, spending: Spending | None = None) -> list[RunOutcome]:
    """Drives all of a study's runs side by side, shows how they go, and says how each ended."""
    from lightemma.cli.live import LiveView

    view = LiveView(style)
    with view.showing():
        outcomes = study.run_jobs(study.jobs, spending, watch=view.add)
    for job, outcome in zip(study.jobs, outcomes, strict=True):
        reached = outcome.kept + outcome.done
        parts = [
            f"{job.name}: {outcome.frames if reached >= outcome.frames else f'{reached} of {outcome.frames}'} frames"
        ]
        if outcome.kept:
            parts.append(f"{outcome.kept} kept from before")
        failed_calls = outcome.failed - outcome.planner_errors
        if failed_calls:
            parts.append(f"{failed_calls} with failed calls (the same command tries them again)")
        if outcome.planner_errors:
            parts.append(
                f"{outcome.planner_errors} on which the planner failed, first by {outcome.first_error} (the same command "
                "tries them again)"
            )
        if outcome.stopped:
            parts.append(f"ended early: {outcome.stopped} (the same command goes on)")
        typer.echo(", ".join(parts) + f" -> {study.results / job.name}")
    return outcomes
