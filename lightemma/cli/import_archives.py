"""lightemma import: turns published archives into runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightemma.cli.output import echo


def import_archives(
    archives: Annotated[list[Path], typer.Argument(help="LightEMMA outputs (v1 or v2): folders or .zip files.")],
    out: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("results"),
    parser: Annotated[str, typer.Option(help="strict, tolerant or first-numbers.")] = "strict",
    name: Annotated[str | None, typer.Option(help="Name of the run, for a single archive.")] = None,
) -> None:
    """Turn LightEMMA's published outputs into runs that can be scored like any other; .zip files are not unpacked."""
    from lightemma.cli.steps_shown import showing_steps
    from lightemma.errors import UserError
    from lightemma.parsing import check_tier
    from lightemma.sessions.importing import import_archive
    from lightemma.sessions.session import check_writable

    if name is not None and len(archives) > 1:
        raise UserError("--name names one run; import several archives without it.")
    tier = check_tier(parser)
    check_writable(out)
    for number, archive in enumerate(archives, start=1):
        with showing_steps():
            folder = import_archive(archive, out, tier, name, by_data=True)
        place = f" ({number} of {len(archives)})" if len(archives) > 1 else ""
        echo(f"{archive.name} -> {folder}{place}")
