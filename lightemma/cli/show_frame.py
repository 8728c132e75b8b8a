"""lightemma show: what a run asked and was answered at one frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightemma.cli.output import echo


def show_frame(
    run: Annotated[Path, typer.Argument(help="A run's folder.", show_default=False)],
    frame: Annotated[str, typer.Option(help="The key frame: its sample token, or SCENE:NUMBER.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print the whole record as JSON.")] = False,
) -> None:
    """Print every prompt of a frame whole, with its answer, as they were sent and received."""
    import msgspec

    from lightemma.errors import UserError, near_names
    from lightemma.run_folder.places import find_runs
    from lightemma.run_folder.records import FrameRecord
    from lightemma.run_folder.store import read_lines

    (folder,) = find_runs([run])[:1]
    found: FrameRecord | None = None
    tokens: list[str] = []
    for record in read_lines(folder, FrameRecord):
        tokens.append(record.sample_token)
        if frame in (record.sample_token, f"{record.scene}:{record.frame_index}"):
            found = record  # of several lines of a frame the last counts
    if found is None:
        raise UserError(f"'{run}' has no frame '{frame}'; {near_names(frame, tokens)}", "frame")
    if json:
        echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    echo(f"{found.scene}, frame {found.frame_index}, {found.sample_token}: {found.outcome}")
    for call in found.calls:
        echo(f"\n=== {call.stage}, asked of {call.model or 'the model'}\n{call.prompt}")
        answers = [call.response, *(more.response for more in call.more or ())]
        for answer in answers:
            echo(f"\n--- answer: {call.outcome}\n{call.error or '' if answer is None else answer}")
