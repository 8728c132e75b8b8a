"""The pictures that a planner needs of a frame."""

from __future__ import annotations

from collections.abc import Mapping

from lightemma.backends.base import Backend
from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.frame import Frame
from lightemma.planners.base import Needs, View


def pictures_needed(needs: Needs, backends: Mapping[str, Backend]) -> int:
    """How many pictures of each frame are loaded: none where nobody would look at them.

    Args:
        needs: the planner's.
        backends: its models by role.
    """
    looks = needs.looks or not needs.models or any(backend.reads_pictures for backend in backends.values())
    return needs.pictures if looks else 0


def load_view(frame: Frame, pictures: int, policy: PicturePolicy) -> View:
    """Reads a frame's pictures.

    Args:
        frame: knows where they are.
        pictures: how many, the frame's own included; where the source has fewer, all there are.
        policy: how they are sent.

    Raises:
        UserError: as ``load_picture`` does.
    """
    if pictures == 0 or frame.image_path is None:
        return View()
    before = frame.earlier[-(pictures - 1) :] if pictures > 1 else ()
    return View(tuple(load_picture(path, policy) for path in (*(one.path for one in before), frame.image_path)))
