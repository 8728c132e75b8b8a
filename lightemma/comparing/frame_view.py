"""One stored frame as figures and films show it, with picture, camera and agents from the data of its run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lightemma.boxes import corners
from lightemma.comparing.context import context_of, data_behind
from lightemma.comparing.probed_context import probed_context
from lightemma.data.pictures import picture_pixels
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import NO_TRUTH
from lightemma.files import digest_of
from lightemma.frame import FloatArray
from lightemma.kinematics import driven_back
from lightemma.protocol import Protocol
from lightemma.report.figures.birdseye import PlannedPath
from lightemma.report.figures.frame import FrameView
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.records import OK, FrameNumbers, FrameRecord


def open_context(data: str | None, run: Path, manifest: Manifest) -> SceneContext:
    """The data behind a run: as given, else as noted when it was driven; empty if it is unknown or no longer there.

    The frames of a probe's run are those that its planner was shown.

    Raises:
        UserError: if what was given cannot be opened.
    """
    source = data_behind([manifest], run.parent, data)
    if source is None:
        return SceneContext()
    context = context_of(source)
    return context if manifest.probe is None else probed_context(context, source, run, manifest.probe)


def frame_view(record: FrameNumbers | FrameRecord, context: SceneContext, protocol: Protocol) -> tuple[FrameView, str]:
    """A recorded frame with what its data adds, and a sentence about what is missing (or nothing)."""
    found = context.frames(record.scene, record.sample_token) if context.frames else None
    changed = bool(found and found.image_path and _is_another(found.image_path, record))
    picture = picture_pixels(found) if found and not changed else None
    note = ""
    if context.frames is None:
        note = "No data was given, so there is no picture, only the bird's-eye view; give --data."
    elif found is None:
        note = f"The data has no frame {record.sample_token}, so there is only the bird's-eye view."
    elif changed:
        note = f"The picture {record.image} is no longer the one that the run was shown, so there is only the bird's-eye view."
    elif picture is None:
        note = f"The picture {record.image or record.sample_token} is not there, so there is only the bird's-eye view."
    actions = np.array(record.history, dtype=np.float64)
    view = FrameView(
        scene=record.scene,
        frame_index=record.frame_index,
        sample_token=record.sample_token,
        truth=np.array(record.ground_truth or NO_TRUTH, dtype=np.float64),
        history=found.history.positions if found else driven_back(actions, protocol),
        now=actions[-1],
        picture=picture,
        camera=found.camera if found else None,
        boxes=_boxes_now(record, context),
        truth_name=context.truth_name,
    )
    return view, note


def _is_another(path: Path, record: FrameNumbers | FrameRecord) -> bool:
    """Whether a picture's file has changed since a run recorded its digest."""
    return bool(record.picture_files) and path.is_file() and digest_of(path) != record.picture_files[-1]


def _boxes_now(record: FrameNumbers | FrameRecord, context: SceneContext) -> FloatArray | None:
    """(k, 4, 2) corners of the agents around at this moment, as far as annotations say."""
    around = context.agents(record.scene, record.sample_token) if context.agents else None
    if around is None or around.agents is None:
        return None
    agents = around.agents
    here = agents.valid[:, 0]
    return corners(agents.centres[here, 0], agents.yaws[here, 0], agents.sizes[here])


def planned_path(run: str, record: FrameNumbers | FrameRecord) -> PlannedPath:
    """What a run planned in a frame."""
    if record.outcome != OK or record.trajectory is None or record.actions is None:
        return PlannedPath(run, None, None, record.outcome)
    return PlannedPath(
        run, np.array(record.trajectory, dtype=np.float64), np.array(record.actions, dtype=np.float64), record.outcome
    )
