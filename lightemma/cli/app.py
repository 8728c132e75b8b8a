"""The typer application."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from lightemma import __version__
from lightemma.cli.grouped_help import CONTEXT, GroupedCommand, WholeGroup
from lightemma.cli.output import echo


def _version(wanted: bool) -> None:
    if wanted:
        echo(f"lightemma {__version__}")
        raise typer.Exit


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

#: Command -> its heading, and module and function; or the module's ``app``, a group of commands.
COMMANDS = {
    "demo": (_DRIVE, "demo:demo"),
    "run": (_DRIVE, "run:run"),
    "study": (_DRIVE, "study:study"),
    "probe": (_DRIVE, "probe:probe"),
    "import": (_DRIVE, "import_archives:import_archives"),
    "estimate": (_DRIVE, "estimate:estimate"),
    "runs": (_SHOW, "runs:runs"),
    "compare": (_SHOW, "compare:compare"),
    "report": (_SHOW, "report:report"),
    "view": (_SHOW, "view:view"),
    "plot": (_SHOW, "plot:app"),
    "video": (_SHOW, "video:video"),
    "show": (_SHOW, "show_frame:show_frame"),
    "evaluate": (_SHOW, "evaluate:evaluate"),
    "judge": (_SHOW, "judge:judge"),
    "drive": (_CLOSED, "drive:drive"),
    "simulate": (_CLOSED, "simulate:app"),
    "worldmodel": (_CLOSED, "worldmodel:app"),
    "models": (_MODELS, "models:models"),
    "planners": (_MODELS, "planners:planners"),
    "experts": (_MODELS, "experts:app"),
    "prompts": (_MODELS, "prompts:app"),
    "ask": (_MODELS, "ask:ask"),
    "serve": (_MODELS, "serve:serve"),
    "doctor": (_MODELS, "doctor:doctor"),
    "distill": (_TRAIN, "distill:app"),
}


def made(only: str | None = None) -> typer.Typer:
    """The application with all commands, or with one of them: a command starts without what the others import."""
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
    app.callback()(_options)
    for name, (heading, place) in COMMANDS.items():
        if only in COMMANDS and only != name:
            continue
        module, _, function = place.partition(":")
        command = getattr(import_module(f"lightemma.cli.{module}"), function)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, cls=WholeGroup, rich_help_panel=heading)
        else:
            app.command(name, cls=GroupedCommand, rich_help_panel=heading)(command)
    return app
