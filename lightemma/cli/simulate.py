"""lightemma simulate: the scenarios of the simulated city, and data sets of its drives."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, cast

import typer

from lightemma.cli.output import echo

app = typer.Typer(
    help="Write drives of the simulated city as a nuScenes data set, or list its scenarios.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("scenarios")
def scenarios() -> None:
    """List the scenarios: what happens in each, and what a good driver does."""
    from lightemma.simulation.scenarios import scenario_named, scenario_names

    for name in scenario_names():
        scenario = scenario_named(name)
        echo(f"{name}\n    {scenario.description}\n    Right: {scenario.right_answer}")


@app.command("data")
def data(
    out: Annotated[Path, typer.Option(help="Folder of the data set; resumes one that is not finished.")],
    scenarios: Annotated[
        str, typer.Option(help="Names separated by commas (see lightemma simulate scenarios), or all.")
    ] = "all",
    seeds: Annotated[str, typer.Option(help="Number of seeds (3: 0, 1, 2), or a list (7,9).")] = "1",
    conditions: Annotated[
        str, typer.Option(help="day, dusk, rain, fog, dusk-rain, … separated by commas, or all.")
    ] = "day",
    left_hand: Annotated[bool, typer.Option("--left-hand", help="Traffic keeps to the left.")] = False,
    size: Annotated[str, typer.Option(help="Width and height of the pictures in pixels.")] = "1600x900",
    quality: Annotated[int, typer.Option(help="JPEG quality.", min=1, max=95)] = 85,
    sweeps: Annotated[
        bool, typer.Option("--sweeps", help="Write pictures at 12 Hz, not only those of key frames.")
    ] = False,
    renderer: Annotated[str, typer.Option(help="Renderer: auto, panda3d or painter.")] = "auto",
    version: Annotated[str, typer.Option(help="Version, which is the folder of the tables.")] = "v1.0-sim",
) -> None:
    """Drive the simulated city and write what the car recorded as a nuScenes data set."""
    from lightemma.closed_loop.spec import parse_seeds, parse_size
    from lightemma.errors import UserError
    from lightemma.simulation.conditions import parse_conditions
    from lightemma.simulation.dataset.drives import drives_of
    from lightemma.simulation.dataset.expert_drive import record
    from lightemma.simulation.dataset.writer import DatasetWriter, Layout, check_version
    from lightemma.simulation.render import RendererKind, RenderError, make_renderer
    from lightemma.simulation.scenarios import choose_scenarios

    chosen = {scenario.name: place for place, scenario in choose_scenarios(scenarios).items()}
    drives = drives_of(list(chosen), parse_seeds(seeds), parse_conditions(conditions), left_hand)
    check_version(version)
    pixels = parse_size(size)
    try:
        drawer = make_renderer(cast(RendererKind, renderer))
    except RenderError as error:
        raise UserError(f"{renderer} cannot draw ({str(error).rstrip('.')}); use --renderer painter.") from error
    with drawer:
        writer = DatasetWriter(out, Layout(version, pixels, quality, sweeps, drawer.name))
        if drawer.note:
            echo(drawer.note, err=True)
        for number, drive in enumerate(drives, start=1):
            place = f"{number}/{len(drives)} {drive.name}"
            if writer.finished(drive):
                echo(f"{place}: already there")
                continue
            started = time.monotonic()
            recording = record(drive, sweeps, place=chosen[drive.scenario])
            writer.write(recording, drawer)
            seconds = time.monotonic() - started
            echo(f"{place}: {len(recording.looks)} pictures by {drawer.name} in {seconds:.0f} s")
        count = writer.write_tables()
    echo(f"{count} scene{'s' if count != 1 else ''} -> {out}\nUse them with --data nuscenes:{out}@{version}")
