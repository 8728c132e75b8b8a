"""The typer application."""

from __future__ import annotations

from collections.abc import Callable
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
    view,
    worldmodel,
)
from lightemma.cli.grouped_help import CONTEXT, GroupedCommand, WholeGroup
from lightemma.cli.output import echo

app = typer.Typer(
    name="lightemma",
    help="How well does a vision-language model drive, zero-shot? A benchmark on nuScenes front-camera pictures.",
    epilog="Errors are one sentence; add --debug to see where they come from.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    cls=WholeGroup,
    context_settings=CONTEXT,
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


#: Headings of the commands.
_DRIVE, _SHOW, _CLOSED, _MODELS, _TRAIN = (
    "Drive recorded scenes",
    "Compare and look",
    "Drive in a world",
    "Models and what they need",
    "Train",
)


def _add(heading: str, name: str, command: Callable[..., None]) -> None:
    app.command(name, cls=GroupedCommand, rich_help_panel=heading)(command)


def _add_group(heading: str, name: str, group: typer.Typer) -> None:
    app.add_typer(group, name=name, cls=WholeGroup, rich_help_panel=heading)


_add(_DRIVE, "demo", demo.demo)
_add(_DRIVE, "run", run.run)
_add(_DRIVE, "study", study.study)
_add(_DRIVE, "probe", probe.probe)
_add(_DRIVE, "import", import_archives.import_archives)
_add(_DRIVE, "estimate", estimate.estimate)
_add(_SHOW, "runs", runs.runs)
_add(_SHOW, "compare", compare.compare)
_add(_SHOW, "report", report.report)
_add(_SHOW, "view", view.view)
_add_group(_SHOW, "plot", plot.app)
_add(_SHOW, "video", video.video)
_add(_SHOW, "show", show_frame.show_frame)
_add(_SHOW, "evaluate", evaluate.evaluate)
_add(_SHOW, "judge", judge.judge)
_add(_CLOSED, "drive", drive.drive)
_add_group(_CLOSED, "simulate", simulate.app)
_add_group(_CLOSED, "worldmodel", worldmodel.app)
_add(_MODELS, "models", models.models)
_add(_MODELS, "planners", planners.planners)
_add_group(_MODELS, "experts", experts.app)
_add_group(_MODELS, "prompts", prompts.app)
_add(_MODELS, "ask", ask.ask)
_add(_MODELS, "serve", serve.serve)
_add(_MODELS, "doctor", doctor.doctor)
_add_group(_TRAIN, "distill", distill.app)
