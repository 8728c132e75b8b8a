"""The typer application."""

from __future__ import annotations

from typing import Annotated

import typer

from lightemma import __version__
from lightemma.cli import (
    ask,
    compare,
    demo,
    distill,
    doctor,
    drive,
    estimate,
    evaluate,
    experts,
    import_archives,
    judge,
    models,
    planners,
    plot,
    probe,
    prompts,
    report,
    run,
    runs,
    serve,
    show_frame,
    simulate,
    study,
    video,
    worldmodel,
)
from lightemma.cli.grouped_help import GroupedCommand
from lightemma.cli.output import echo

app = typer.Typer(
    name="lightemma",
    help="How well does a vision-language model drive, zero-shot? A benchmark on nuScenes front-camera pictures.",
    epilog="Errors are one sentence; add --debug to see where they come from.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        echo(f"lightemma {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """How well does a vision-language model drive, zero-shot? A benchmark on nuScenes front-camera pictures."""


app.command("demo")(demo.demo)
app.command("run", cls=GroupedCommand)(run.run)
app.command("probe", cls=GroupedCommand)(probe.probe)
app.command("runs")(runs.runs)
app.command("import")(import_archives.import_archives)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("judge")(judge.judge)
app.command("show")(show_frame.show_frame)
app.command("study", cls=GroupedCommand)(study.study)
app.add_typer(plot.app, name="plot")
app.command("video")(video.video)
app.command("drive", cls=GroupedCommand)(drive.drive)
app.add_typer(simulate.app, name="simulate")
app.add_typer(worldmodel.app, name="worldmodel")
app.add_typer(distill.app, name="distill")
app.command("estimate", cls=GroupedCommand)(estimate.estimate)
app.command("models")(models.models)
app.command("planners")(planners.planners)
app.add_typer(experts.app, name="experts")
app.command("ask")(ask.ask)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)
app.add_typer(prompts.app, name="prompts")
