"""lightemma plot: draws one frame, or all charts of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightemma.cli import options
from lightemma.cli.output import echo
from lightemma.outside_text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightemma.run_folder.records import FrameNumbers

#: Runs without a frame that are named one by one.
_NAMED = 3

app = typer.Typer(help="Draw one frame, or all charts of a comparison.", no_args_is_help=True, rich_markup_mode=None)


@app.command("frame")
def frame(
    runs: options.Runs,
    sample: Annotated[str, typer.Option(help="Sample token of the frame, or SCENE:INDEX.")],
    data: options.DataOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The file (.png, .pdf or .svg); named after the frame if left out.")
    ] = None,
    panels: Annotated[
        bool, typer.Option("--panels", help="Draw one picture per run instead of one with all paths.")
    ] = False,
) -> None:
    """Draw one frame: its picture and a bird's-eye view with every run's path, and a table of actions and outcomes."""
    from lightemma.comparing.frame_view import frame_view, open_context, planned_path
    from lightemma.protocol import Protocol
    from lightemma.report.figures.frame import frame_figure
    from lightemma.report.figures.writing import check_format, file_name, save_figure
    from lightemma.run_folder.places import find_runs
    from lightemma.run_folder.store import read_manifest, read_numbers

    if out is not None:
        check_format(out)
    folders = find_runs(runs)
    manifests = [read_manifest(folder) for folder in folders]
    records = _records_of(sample, [read_numbers(folder) for folder in folders], [m.run for m in manifests])
    drove = [place for place, record in enumerate(records) if record is not None]
    _check_names([manifests[place].run for place in drove])
    first = records[drove[0]]
    assert first is not None
    context = open_context(data, folders[drove[0]], manifests[drove[0]])
    view, note = frame_view(first, context, Protocol(**manifests[drove[0]].protocol))
    if note:
        echo(note, err=True)
    plans = [
        planned_path(manifest.run, record)
        for manifest, record in zip(manifests, records, strict=True)
        if record is not None
    ]
    path = out or Path(f"{file_name(first.scene)}-{first.frame_index}.png")
    save_figure(frame_figure(view, plans, panels=panels), path)
    of_runs = f"{len(plans)} run{'s' if len(plans) != 1 else ''}"
    echo(one_line(f"Frame {first.frame_index} of {first.scene}, {of_runs}: {path}"))


@app.command("charts")
def charts(
    runs: options.Runs,
    out: Annotated[Path, typer.Option(help="Folder for the figures.")],
    group: options.GroupOption = None,
    data: options.DataOption = None,
    convention: options.ConventionOption = "lightemma",
    parser: options.ParserOption = None,
    shared_frames: options.SharedFrames = False,
    formats: Annotated[str, typer.Option(help="File formats: pdf, svg, png, separated by commas.")] = "pdf,svg,png",
    resamples: options.Resamples = 10_000,
    seed: options.Seed = 20_250_501,
) -> None:
    """Draw every chart of a comparison: differences, horizons, distributions, calibration, strata, outcomes, costs."""
    from lightemma.cli.steps_shown import showing_steps
    from lightemma.comparing.groups import choose_group
    from lightemma.comparing.load import load_and_compare
    from lightemma.report.figures import write_figures
    from lightemma.report.figures.writing import check_format

    kinds = [kind.strip().lower() for kind in formats.split(",") if kind.strip()]
    for kind in kinds:
        check_format(Path(f"figure.{kind}"))
    chosen = choose_group(runs, group, shared_frames=shared_frames)
    for note in chosen.notes:
        echo(one_line(note), err=True)
    with showing_steps():
        comparison = load_and_compare(
            chosen.group.folders,
            data=data,
            parser=parser,
            **options.choices(convention, shared_frames=shared_frames, resamples=resamples, seed=seed),
        )
    written = write_figures(comparison, out, kinds)
    echo(f"Figures: {out} ({len({path.stem for path in written})} figures, {len(written)} files)")


def _records_of(sample: str, runs: Sequence[Sequence[FrameNumbers]], names: Sequence[str]) -> list[FrameNumbers | None]:
    """Each run's record of a frame; None, with a message, for runs without it.

    Raises:
        UserError: if no run drove it.
    """
    from lightemma.errors import UserError, near_names

    scene, _, index = sample.rpartition(":")
    found = [
        next((record for record in run if record.sample_token == sample), None)
        or next((record for record in run if record.scene == scene and str(record.frame_index) == index), None)
        for run in runs
    ]
    if not any(found):
        scenes = {record.scene for run in runs for record in run}
        if scene in scenes:
            count = max(record.frame_index for run in runs for record in run if record.scene == scene)
            raise UserError(f"Scene '{scene}' has no frame '{index}'; give one of 0 to {count}.")
        tokens = {record.sample_token for run in runs for record in run}
        raise UserError(f"No run has a frame with the sample token '{sample}'; {near_names(sample, tokens)}")
    missing = [name for name, record in zip(names, found, strict=True) if record is None]
    if len(missing) > _NAMED:
        echo(f"{len(missing)} of {len(found)} runs did not drive this frame and are left out.", err=True)
    else:
        for name in missing:
            echo(one_line(f"{name} did not drive this frame and is left out."), err=True)
    return found


def _check_names(names: Sequence[str]) -> None:
    from lightemma.errors import UserError

    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"Two runs are called '{twice[0]}'; give one another name (`run` in its manifest.json).")
