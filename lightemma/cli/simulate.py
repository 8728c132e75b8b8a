"""lightemma simulate: the scenarios of the simulated city, and data sets of its drives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    driver: Annotated[
        str,
        typer.Option(
            help="Who drives: expert, noisy-expert[:SIGMA], idm, random, a planner that asks no model, or mixture:BETA:NAME, "
            "the expert in turns with one of these."
        ),
    ] = "expert",
    perturb: Annotated[
        bool, typer.Option("--perturb", help="The car starts beside its place, turned, too fast or too slow.")
    ] = False,
    key_frames: Annotated[int, typer.Option(help="Key frames of a scene, two per second.", min=15, max=60)] = 40,
    pictures: Annotated[
        bool,
        typer.Option("--pictures/--no-pictures", help="Draw pictures; without, a scene takes a fifth of the time."),
    ] = True,
    facts: Annotated[
        bool, typer.Option("--facts/--no-facts", help="Record what the camera sees, in numbers, for each key frame.")
    ] = True,
    workers: Annotated[int, typer.Option(help="Processes that drive and draw.", min=1, max=256)] = 1,
) -> None:
    """Drive the simulated city and write what the car recorded as a nuScenes data set."""
    from lightemma.closed_loop.collection import Collection, collect
    from lightemma.closed_loop.spec import parse_seeds, parse_size
    from lightemma.simulation.conditions import parse_conditions
    from lightemma.simulation.dataset.drives import drives_of
    from lightemma.simulation.scenarios import choose_scenarios

    places = {scenario.name: place for place, scenario in choose_scenarios(scenarios).items()}
    drives = drives_of(
        list(places), parse_seeds(seeds), parse_conditions(conditions), left_hand, driver, disturbed=perturb
    )
    wanted = Collection(
        out,
        drives,
        places,
        driver,
        version,
        parse_size(size),
        quality,
        sweeps,
        renderer,
        key_frames,
        pictures,
        facts,
        workers,
    )
    count = collect(wanted, echo)
    echo(f"{count} scene{'s' if count != 1 else ''} -> {out}\nUse them with --data nuscenes:{out}@{version}")
