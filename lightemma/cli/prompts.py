"""lightemma prompts: shows, lists and extracts prompt sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightemma.cli.output import echo

app = typer.Typer(help="Show, list and extract prompt sets.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_prompts() -> None:
    """List the prompt sets that come with the package, and those of installed packages."""
    from lightemma.errors import UserError
    from lightemma.prompts.sets import load_prompts, prompt_sets

    for name, one in sorted(prompt_sets().items()):
        of = "" if one.package == "lightemma" else f"; from {one.package}"
        try:
            prompts = load_prompts(name)
        except UserError as error:
            echo(f"{name}  (cannot be used{of})\n    {error}")
            continue
        echo(f"{name}  ({prompts.settings.answer}, {prompts.sha256[:12]}{of})\n    {prompts.settings.description}")


@app.command("show")
def show_prompts(name: Annotated[str, typer.Argument(help="Name of a prompt set, or a folder with one.")]) -> None:
    """Print the templates of a prompt set."""
    from lightemma.prompts.sets import load_prompts

    prompts = load_prompts(name)
    for stage, text in prompts.templates.items():
        echo(f"--- {stage}\n{text}\n")
    for stage, text in prompts.dialogue.items():
        echo(f"--- {stage}, as a turn of a dialogue\n{text}\n")
    for one, text in prompts.single.items():
        echo(f"--- {one}, a planner's only prompt\n{text}\n")
    for one, text in prompts.tools.items():
        echo(f"--- {one}, a question that controls tools\n{text}\n")


@app.command("extract")
def extract(
    archive: Annotated[Path, typer.Argument(help="A LightEMMA output: folder or .zip.")],
    out: Annotated[Path, typer.Option(help="Folder for the prompt set.")],
) -> None:
    """Recover the prompt set of a published archive, and check it against every recorded prompt."""
    from lightemma.data.published import PublishedArchive
    from lightemma.prompts.sets import save_prompts
    from lightemma.sessions.importing import archive_prompts, recorded_prompts

    source = PublishedArchive(archive)
    recorded = recorded_prompts(source)
    save_prompts(archive_prompts(source, recorded), out)
    echo(f"One template reproduces all {len(recorded)} x 3 prompts of {archive.name} -> {out}")
