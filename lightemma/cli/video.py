"""lightemma video: films a run's drive through a scene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightemma.cli import options
from lightemma.cli.output import echo
from lightemma.outside_text import one_line

if TYPE_CHECKING:
    from lightemma.report.video import StageText
    from lightemma.run_folder.records import CallRecord, FrameRecord


def video(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    scene: Annotated[str, typer.Option(help="Name of the scene.")],
    data: options.DataOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The file (.mp4 or .gif); RUN-SCENE.mp4 if left out.", show_default=False)
    ] = None,
    fps: Annotated[float, typer.Option(help="Frames per second; 2 is real time.")] = 2.0,
    width: Annotated[int, typer.Option(help="Width in pixels; the height is 9/16 of it.")] = 1280,
) -> None:
    """Film a scene: the picture with recorded and planned path, a bird's-eye view, and the model's answers."""
    from lightemma.cli.steps_shown import showing_steps
    from lightemma.comparing.frame_view import frame_view, open_context, planned_path
    from lightemma.protocol import Protocol
    from lightemma.report.figures.writing import file_name
    from lightemma.report.video import Shot, check_suffix, draw_shots, write_video
    from lightemma.run_folder.places import only_run
    from lightemma.run_folder.store import read_frames, read_manifest
    from lightemma.steps import counted

    folder = only_run(run)
    manifest = read_manifest(folder)
    path = out or Path(f"{file_name(manifest.run)}-{file_name(scene)}.mp4")
    check_suffix(path)
    records = _scene_records(read_frames(folder), scene, manifest.run)
    protocol = Protocol(**manifest.protocol)
    context = open_context(data, folder, manifest)
    views = [frame_view(record, context, protocol) for record in records]
    notes = [note for _, note in views if note]
    if notes:
        echo(f"{notes[0]} ({len(notes)} of {len(views)} frames)", err=True)
    shots = [
        Shot(
            view,
            planned_path(manifest.run, record),
            [_stage_text(call) for call in record.calls],
            (record.timestamp - records[0].timestamp) / 1e6,
        )
        for record, (view, _) in zip(records, views, strict=True)
    ]
    with showing_steps():
        count = write_video(counted(draw_shots(shots, width), "filming", "frames", len(shots)), path, fps)
    echo(one_line(f"{manifest.run} in {scene}: {count} frames at {fps:g} a second -> {path}"))


def _scene_records(records: list[FrameRecord], scene: str, run: str) -> list[FrameRecord]:
    from lightemma.errors import UserError, near_names

    found = sorted((record for record in records if record.scene == scene), key=lambda record: record.frame_index)
    if not found:
        raise UserError(f"Run '{run}' has no scene '{scene}'; {near_names(scene, {r.scene for r in records})}")
    return found


def _stage_text(call: CallRecord) -> StageText:
    from lightemma.report.video import StageText
    from lightemma.run_folder.records import is_call_error

    # Old archives hold the provider's error message where an answer should be; that is not an answer of the model.
    return StageText(call.stage, None if is_call_error(call.outcome) else call.response, call.outcome)
