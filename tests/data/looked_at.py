"""What the check of pictures finds in some frames."""

from __future__ import annotations

from collections.abc import Iterable

from lightemma.data.pictures_check import PictureFault, PicturesCheck
from lightemma.frame import Frame


def picture_faults(frames: Iterable[Frame], earlier: int = 0) -> list[PictureFault]:
    """The faults of the frames' pictures, in the frames' order."""
    check = PicturesCheck(earlier)
    return [fault for fault in map(check.fault, frames) if fault]
