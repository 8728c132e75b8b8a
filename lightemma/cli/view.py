"""lightemma view: shows the pages of runs in this machine's browser, and the newest while runs go on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightemma.cli import options
from lightemma.cli.output import echo


def view(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Runs, or folders of runs; results if left out.", show_default=False)
    ] = None,
    data: options.DataOption = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65_535)] = 8_600,
    browser: Annotated[bool, typer.Option("--open", help="Open a browser.")] = False,
) -> None:
    """Serve the pages of runs to this machine's browser: those of `lightemma report`, made again while runs go on."""
    import tempfile
    import webbrowser

    from lightemma.comparing.view_pages import Pages
    from lightemma.comparing.view_server import address_of, make_view_server, serve_until_ended
    from lightemma.run_folder.places import find_runs

    paths = runs or [Path("results")]
    find_runs(paths)  # what is not there is said at once
    with tempfile.TemporaryDirectory(prefix="lightemma-view-") as work:
        server = make_view_server(Pages(paths, Path(work), data), port)
        echo(f"{address_of(server)} shows {', '.join(map(str, paths))}; Ctrl+C ends it.")
        if browser:
            webbrowser.open(address_of(server))
        serve_until_ended(server)
