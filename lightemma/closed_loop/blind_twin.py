"""The blind twin of a run: the same planner with the same model in the same episodes, which is shown grey pictures.

What the two have in common came without eyes: from the motion so far, the command, and habit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lightemma.closed_loop.records import PICTURES
from lightemma.errors import UserError
from lightemma.files import private_folder, write_whole
from lightemma.frame import Frame, Picture
from lightemma.probes.grey import LEVEL
from lightemma.sessions.jobs import Job

#: Part of the names of such runs.
SUFFIX = "blind-twin"
#: The picture under the run's folder.
IMAGE = f"{PICTURES}/grey.jpg"
QUALITY = 90


class GreyCamera:
    """Shows the same grey picture at every decision; nothing is drawn for it.

    Args:
        folder: of the run, where the picture is kept.
        size: width and height in pixels.

    Raises:
        UserError: if the picture cannot be written.
    """

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        from lightemma.simulation.render import encode_jpeg  # with Pillow, which runs without pictures do not need

        data = encode_jpeg(np.full((size[1], size[0], 3), LEVEL, dtype=np.uint8), QUALITY)
        self._picture = Picture(data, "image/jpeg", size, hashlib.sha256(data).hexdigest())
        self._path = folder / IMAGE
        try:
            private_folder(self._path.parent)
            write_whole(self._path, data, private=True)
        except OSError as error:
            raise UserError(
                f"The picture '{self._path}' cannot be written ({error.strerror}); make room and give the same command again."
            ) from error

    def show(self, frame: Frame) -> tuple[Frame, Picture]:
        """The frame of a decision as the planner gets it, and its picture."""
        return replace(frame, image=IMAGE, image_path=self._path), self._picture


def twins(jobs: Sequence[Job]) -> list[Job]:
    """The twins among newly made runs: those that are given pictures.

    Raises:
        UserError: if none is.
    """
    found = [replace(job, blind=True) for job in jobs if job.planner.needs().pictures]
    if not found:
        raise UserError(
            "None of the planners is given pictures, so none has a blind twin; leave `blind_twin` out.", "blind_twin"
        )
    return found
