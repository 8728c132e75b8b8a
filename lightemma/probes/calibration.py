"""The calibration of a frame's picture at the picture's own size."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from lightemma.camera import sized
from lightemma.data.pictures import size_on_disk
from lightemma.frame import Camera, Frame


def calibrated(frame: Frame) -> Camera | None:
    """The camera with intrinsics for the picture as it is on disk.

    Args:
        frame: any frame.

    Returns:
        None if the frame has no picture or no calibration.
    """
    if frame.camera is None or frame.image_path is None:
        return None
    size = _size(frame.image_path)
    return None if size is None else sized(frame.camera, size)


@lru_cache(maxsize=4096)
def _size(path: Path) -> tuple[int, int] | None:
    return size_on_disk(path)
