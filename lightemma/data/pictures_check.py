"""Finds pictures that frames name and that do not exist."""

from __future__ import annotations

from collections.abc import Iterable

from lightemma.frame import Frame


def missing_pictures(frames: Iterable[Frame], earlier: int = 0) -> list[str]:
    """Names of the frames' pictures that are no files, in the frames' order; all where the source has no pictures.

    Args:
        frames: to check.
        earlier: how many key frames before each are checked, too; of these the first missing file's name is given.
    """
    found = []
    for frame in frames:
        if frame.image_path is None or not frame.image_path.is_file():
            found.append(frame.image)
            continue
        before = frame.earlier[-earlier:] if earlier else ()
        found += [one.path.name for one in before if not one.path.is_file()][:1]
    return found
