"""The frames of a probe's run as the planner was shown them."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from lightemma.data.base import FrameSource
from lightemma.errors import UserError
from lightemma.evaluation.scene_context import SceneContext
from lightemma.frame import Frame
from lightemma.probes.base import Untouched
from lightemma.probes.registry import chosen_probes, probes
from lightemma.run_folder.probe_entry import ProbeEntry
from lightemma.run_folder.store import read_numbers

log = logging.getLogger(__name__)


def probed_context(context: SceneContext, source: FrameSource, folder: Path, entry: ProbeEntry) -> SceneContext:
    """The data behind a probe's run, with its frames changed as they were when it was driven.

    Who is around, and the map, are left out: they are where the recorded frame has them.

    Args:
        context: of the untouched frames.
        source: where they are from.
        folder: of the probe's run.
        entry: the probe, as its manifest says.

    Returns:
        A context without frames where the probe is not known here: a class by its dotted name, or of a package that is missing.
    """
    alone = replace(context, agents=None, maps=None)
    # A manifest may come from anyone: only probes that are installed here are used, no class that it names.
    if entry.family not in probes():
        log.info("the probe '%s' is not known here, so its pictures cannot be made again", entry.name)
        return replace(alone, frames=None)
    (probe,) = chosen_probes([entry.name])
    records = read_numbers(folder)
    tokens = {record.sample_token for record in records}
    scenes = [name for name in source.scene_names if name in {record.scene for record in records}]
    run = Untouched([frame for frame in source.frames(scenes) if frame.sample_token in tokens])
    recorded = {frame.sample_token: frame for frame in run.frames}

    def frame_of(scene: str, token: str) -> Frame | None:
        frame = recorded.get(token)
        try:
            changed = None if frame is None else probe.change(frame, run)
        except UserError:
            return None
        # The words probes have no meaning without the stored answers, and change no picture.
        return frame if changed is None else changed.frame

    return replace(alone, frames=frame_of)
