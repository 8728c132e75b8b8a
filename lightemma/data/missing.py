"""Pictures that frames name and that are not there."""

from __future__ import annotations

from collections.abc import Iterable

from lightemma.frame import Frame


def missing_pictures(frames: Iterable[Frame]) -> list[str]:
    """Names of the frames' pictures that are no files, in the frames' order; all where the source has no pictures."""
    return [frame.image for frame in frames if frame.image_path is None or not frame.image_path.is_file()]
