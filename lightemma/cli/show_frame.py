"""lightemma show: what a run asked and was answered at one frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightemma.cli.output import echo

if TYPE_CHECKING:
    from lightemma.run_folder.records import CallRecord


def show_frame(
    run: Annotated[Path, typer.Argument(help="A run's folder.", show_default=False)],
    frame: Annotated[str, typer.Option(help="The key frame: its sample token, or SCENE:NUMBER.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print the whole record as JSON.")] = False,
) -> None:
    """Print every prompt of a frame whole, with its answer, as they were sent and received."""
    import msgspec

    from lightemma.errors import UserError, near_names
    from lightemma.run_folder.places import only_run
    from lightemma.run_folder.records import FrameRecord
    from lightemma.run_folder.store import read_lines

    found: FrameRecord | None = None
    tokens: list[str] = []
    numbers: dict[str, set[int]] = {}
    for record in read_lines(only_run(run), FrameRecord):
        tokens.append(record.sample_token)
        numbers.setdefault(record.scene, set()).add(record.frame_index)
        if frame in (record.sample_token, f"{record.scene}:{record.frame_index}"):
            found = record  # of several lines of a frame the last counts
    if found is None:
        scene = frame.rpartition(":")[0]
        if scene in numbers:
            there = numbers[scene]
            raise UserError(
                f"'{run}' has no frame '{frame}'; of '{scene}' it has {len(there)}, from {min(there)} to {max(there)}.",
                "frame",
            )
        raise UserError(f"'{run}' has no frame '{frame}'; {near_names(frame, numbers if scene else tokens)}", "frame")
    if json:
        echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    echo(f"{found.scene}, frame {found.frame_index}, {found.sample_token}: {found.outcome}")
    if found.error:
        echo(found.error)
    if not found.calls:
        echo("No model was asked.")
    for call in found.calls:
        _show(call)


def _show(call: CallRecord) -> None:
    """One call: its prompt, and each of its answers with what the model thought first."""
    echo(f"\n=== {call.stage}, asked of {call.model or 'the model'}\n{call.prompt}")
    answers = [(call.response, call.outcome, call.reasoning)]
    answers += [(more.response, more.outcome, more.reasoning) for more in call.more or ()]
    for answer, outcome, thought in answers:
        if thought:
            echo(f"\n--- thought\n{thought}")
        echo(f"\n--- answer: {outcome}\n{call.error or '' if answer is None else answer}")
