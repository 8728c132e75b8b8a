"""lightemma run: drive planners over data and record everything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lightemma.cli.live import Style
    from lightemma.runs.benchmark import Benchmark
    from lightemma.runs.engine import RunOutcome
    from lightemma.runs.job import Spending, Study


def run(
    config: Annotated[
        str | None, typer.Argument(help="A benchmark: a name in configs/benchmarks, or the path of such a YAML.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="nuscenes:ROOT@VERSION, published:ARCHIVE or demo.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A name in configs/models, a YAML, replay:ARCHIVE|RUN, or package.module:Class; several with commas."
        ),
    ] = None,
    planner: Annotated[
        str | None,
        typer.Option(
            help="chain-of-thought (the default), constant-action, damped-acceleration, …; several with commas."
        ),
    ] = None,
    prompts: Annotated[str | None, typer.Option(help="A shipped prompt set, or a folder with one.")] = None,
    parser: Annotated[str | None, typer.Option(help="strict (the default), tolerant or first-numbers.")] = None,
    scenes: Annotated[str | None, typer.Option(help="Scene names, with commas; all if left out.")] = None,
    stride: Annotated[int | None, typer.Option(help="Every n-th frame of each scene.")] = None,
    limit: Annotated[int | None, typer.Option(help="That many frames in all.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Frames side by side.")] = None,
    max_side: Annotated[int | None, typer.Option(help="Longest side of a picture as sent, in pixels.")] = None,
    integration: Annotated[str | None, typer.Option(help="euler (the default, as published) or arc.")] = None,
    reader: Annotated[str | None, typer.Option(help="tables (the default) or devkit, for nuScenes data.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("results"),
    name: Annotated[str | None, typer.Option(help="Name of the run.")] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Dollars that all runs together may cost; they end cleanly before.")
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Use answers given before, and keep new ones.")
    ] = True,
    batch: Annotated[
        bool, typer.Option("--batch", help="Use the provider's batch endpoint: within hours, at a lower price.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show nothing while running.")] = False,
    json_log: Annotated[
        bool, typer.Option("--json-log", help="Show progress as JSON lines on standard error.")
    ] = False,
) -> None:
    """Drive planners over data and record every call; the same command again goes on where it stopped."""
    from lightemma.cli.live import choose_style
    from lightemma.runs.job import Spending, Study
    from lightemma.runs.stop import INTERRUPTED

    given: dict[str, Any] = {
        "name": name,
        "data": data,
        "reader": reader,
        "models": _names(model),
        "planners": _names(planner),
        "prompts": prompts,
        "parser": parser,
        "integration": integration,
        "scenes": _names(scenes),
        "stride": stride,
        "limit": limit,
        "concurrency": concurrency,
        "pictures": None if max_side is None else {"max_side": max_side},
    }
    study = Study(_benchmark(config, {key: value for key, value in given.items() if value is not None}), out)
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
        if outcome.failed:
            parts.append(f"{outcome.failed} with failed calls (the same command tries them again)")
        if outcome.stopped:
            parts.append(f"ended early: {outcome.stopped} (the same command goes on)")
        typer.echo(", ".join(parts) + f" -> {study.results / job.name}")
    return outcomes


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _benchmark(config: str | None, given: dict[str, Any]) -> Benchmark:
    """The benchmark of a YAML with the command line's options laid over it."""
    from pydantic import ValidationError

    from lightemma.config_files import find_config, load_config
    from lightemma.errors import UserError
    from lightemma.runs.benchmark import Benchmark

    values: dict[str, Any] = {}
    if config is not None:
        values = load_config(find_config("benchmarks", config), Benchmark).model_dump(exclude_unset=True)
    if "data" not in {**values, **given}:
        raise UserError("Nothing says what to drive; give a benchmark YAML, or --data (try `--data demo`).")
    try:
        return Benchmark.model_validate({**values, **given})
    except ValidationError as error:
        first = error.errors()[0]
        option = {"planners": "planner", "models": "model", "pictures": "max-side"}.get(
            str(first["loc"][0]), str(first["loc"][0])
        )
        raise UserError(
            f"--{option} is wrong: {first['msg'][0].lower()}{first['msg'][1:]} (it is {first['input']!r})."
        ) from error
