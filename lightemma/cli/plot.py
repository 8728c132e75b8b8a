"""lightemma plot: one frame, or all charts of a comparison, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightemma.comparing.context import SceneContext
    from lightemma.frame import FloatArray
    from lightemma.protocol import Protocol
    from lightemma.report.figures.birdseye import PlannedPath
    from lightemma.report.figures.frame import FrameView
    from lightemma.run_folder.manifest import Manifest
    from lightemma.run_folder.records import FrameNumbers, FrameRecord

app = typer.Typer(help="Draw one frame, or all charts of a comparison.", no_args_is_help=True, rich_markup_mode=None)

Runs = Annotated[list[Path], typer.Argument(help="Run folders, or folders of runs.")]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="nuscenes:ROOT@VERSION, published:ARCHIVE or demo: where pictures and cameras are; as noted when the run was "
        "driven if left out.",
        show_default=False,
    ),
]


@app.command("frame")
def frame(
    runs: Runs,
    sample: Annotated[str, typer.Option(help="Sample token of the frame, or SCENE:INDEX.")],
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option(help="The file (.png, .pdf or .svg); named after the frame if left out.")
    ] = None,
    panels: Annotated[
        bool, typer.Option("--panels", help="One picture per run instead of one with all paths.")
    ] = False,
) -> None:
    """Draw one frame: its picture and a bird's-eye view with every run's path, and a table of actions and outcomes."""
    from lightemma.report.figures.frame import frame_figure
    from lightemma.report.figures.writing import check_format, save_figure
    from lightemma.run_folder.store import find_runs, read_manifest, read_numbers

    if out is not None:
        check_format(out)
    folders = find_runs(runs)
    manifests = [read_manifest(folder) for folder in folders]
    _check_names([manifest.run for manifest in manifests])
    records = _records_of(sample, [read_numbers(folder) for folder in folders], [m.run for m in manifests])
    first = next(record for record in records if record is not None)
    evidence = open_evidence(data, folders[0], manifests[0])
    view, note = view_of(first, evidence, protocol_of(manifests[0]))
    if note:
        typer.echo(note, err=True)
    plans = [
        plan_of(manifest.run, record) for manifest, record in zip(manifests, records, strict=True) if record is not None
    ]
    path = out or Path(f"{file_name(first.scene)}-{first.frame_index}.png")
    save_figure(frame_figure(view, plans, panels=panels), path)
    typer.echo(f"Frame {first.frame_index} of {first.scene}, {len(plans)} run{'s' if len(plans) != 1 else ''}: {path}")


@app.command("charts")
def charts(
    runs: Runs,
    out: Annotated[Path, typer.Option(help="Folder for the figures.")],
    convention: Annotated[str, typer.Option(help="L2 convention: lightemma, endpoint or cumulative.")] = "lightemma",
    parser: Annotated[
        str | None,
        typer.Option(help="Read the stored answers by strict, tolerant or first-numbers; as run if left out."),
    ] = None,
    shared_frames: Annotated[
        bool, typer.Option("--shared-frames", help="Cut all runs to the frames they share, instead of refusing.")
    ] = False,
    formats: Annotated[str, typer.Option(help="Of pdf, svg and png, with commas.")] = "pdf,svg,png",
) -> None:
    """Draw every chart of a comparison: differences, horizons, distributions, calibration, strata, outcomes, costs."""
    from lightemma.evaluation.comparison import compare_runs
    from lightemma.evaluation.metrics.displacement import check_convention
    from lightemma.evaluation.scores import load_scores
    from lightemma.report.figures import write_figures
    from lightemma.report.figures.writing import check_format
    from lightemma.run_folder.store import find_runs

    kinds = [kind.strip().lower() for kind in formats.split(",") if kind.strip()]
    for kind in kinds:
        check_format(Path(f"figure.{kind}"))
    checked = check_convention(convention)
    scores = [load_scores(folder, parser) for folder in find_runs(runs)]
    comparison = compare_runs(scores, checked, shared_only=shared_frames)
    written = write_figures(comparison, scores, out, kinds)
    typer.echo(f"Figures: {out} ({len({path.stem for path in written})} figures, {len(written)} files)")


def open_evidence(data: str | None, run: Path, manifest: Manifest) -> SceneContext:
    """The data behind a run: as given, else as noted when it was driven; empty where nobody says or it is gone.

    Raises:
        UserError: if what was given cannot be opened.
    """
    from lightemma.comparing.context import SceneContext, context_of, data_behind

    source = data_behind([manifest], run.parent, data)
    return SceneContext() if source is None else context_of(source)


def protocol_of(manifest: Manifest) -> Protocol:
    """The protocol a run was driven under."""
    from lightemma.protocol import Protocol

    return Protocol(**manifest.protocol)


def view_of(record: FrameNumbers | FrameRecord, evidence: SceneContext, protocol: Protocol) -> tuple[FrameView, str]:
    """A recorded frame with what its data adds, and a sentence about what is missing (or nothing)."""
    import numpy as np

    from lightemma.data.pictures import picture_pixels
    from lightemma.kinematics import driven_back
    from lightemma.report.figures.frame import FrameView

    found = evidence.frame(record.scene, record.sample_token) if evidence.frame else None
    picture = picture_pixels(found) if found else None
    note = ""
    if evidence.frame is None:
        note = "No data was given, so there is no picture, only the bird's-eye view; give --data."
    elif found is None:
        note = f"The data has no frame {record.sample_token}, so there is only the bird's-eye view."
    elif picture is None:
        note = f"The picture {record.image or record.sample_token} is not there, so there is only the bird's-eye view."
    actions = np.array(record.history, dtype=np.float64)
    view = FrameView(
        scene=record.scene,
        frame_index=record.frame_index,
        sample_token=record.sample_token,
        truth=np.array(record.ground_truth, dtype=np.float64),
        history=found.history.positions if found else driven_back(actions, protocol),
        now=actions[-1],
        picture=picture,
        camera=found.camera if found else None,
        boxes=_boxes_now(record, evidence),
    )
    return view, note


def _boxes_now(record: FrameNumbers | FrameRecord, evidence: SceneContext) -> FloatArray | None:
    """(k, 4, 2) corners of who is around in this moment, as far as annotations say."""
    from lightemma.evaluation.metrics.boxes import corners

    look = evidence.safety.surroundings
    around = look(record.scene, record.sample_token) if look else None
    if around is None or around.agents is None:
        return None
    agents = around.agents
    here = agents.valid[:, 0]
    return corners(agents.centres[here, 0], agents.yaws[here, 0], agents.sizes[here])


def plan_of(run: str, record: FrameNumbers | FrameRecord) -> PlannedPath:
    """What a run planned in a frame."""
    import numpy as np

    from lightemma.report.figures.birdseye import PlannedPath
    from lightemma.run_folder.records import OK

    if record.outcome != OK or record.trajectory is None or record.actions is None:
        return PlannedPath(run, None, None, record.outcome)
    return PlannedPath(
        run, np.array(record.trajectory, dtype=np.float64), np.array(record.actions, dtype=np.float64), record.outcome
    )


def _records_of(sample: str, runs: Sequence[Sequence[FrameNumbers]], names: Sequence[str]) -> list[FrameNumbers | None]:
    """Each run's record of a frame; None for runs that did not drive it, which is said.

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
    for name, record in zip(names, found, strict=True):
        if record is None:
            typer.echo(f"{name} did not drive this frame and is left out.", err=True)
    return found


def _check_names(names: Sequence[str]) -> None:
    from lightemma.errors import UserError

    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"Two runs are called '{twice[0]}'; give one another name (`run` in its manifest.json).")


def file_name(text: str) -> str:
    """A name of anything as the name of a file in this folder."""
    return "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in text).lstrip(".") or "frame"
