"""Loads the pictures of a frame that a planner needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lightemma.backends.base import Backend
from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.frame import Frame
from lightemma.planners.base import Needs, View


def pictures_needed(needs: Needs, backends: Mapping[str, Backend]) -> int:
    """Number of pictures loaded per frame: 0 if neither planner nor models use them.

    Args:
        needs: of the planner.
        backends: its models by role.
    """
    looks = needs.looks or not needs.models or any(backend.reads_pictures for backend in backends.values())
    return needs.pictures if looks else 0


def load_view(frame: Frame, pictures: int, policy: PicturePolicy) -> View:
    """Reads a frame's pictures.

    Args:
        frame: holds the paths of its pictures.
        pictures: number of pictures, the frame's own included; if there are fewer, all of them.
        policy: how pictures are sent.

    Raises:
        UserError: as ``load_picture`` does.
    """
    return View(tuple(load_picture(path, policy, frame.altered) for path in picture_paths(frame, pictures)))


def picture_paths(frame: Frame, pictures: int) -> list[Path]:
    """The files of a frame's pictures, oldest first, its own last; none where it has no picture.

    Args:
        frame: holds them.
        pictures: number of pictures, the frame's own included; if there are fewer, all of them.
    """
    if pictures == 0 or frame.image_path is None:
        return []
    before = frame.earlier[-(pictures - 1) :] if pictures > 1 else ()
    return [*(one.path for one in before), frame.image_path]
