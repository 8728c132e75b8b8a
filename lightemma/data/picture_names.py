"""Which names of pictures stay inside the data: a name may not lead to a private file, which would be sent to a model."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath

#: What a Hugging Face cache calls the folder of its revisions, whose files are links to ``blobs`` beside it.
_SNAPSHOTS, _BLOBS = "snapshots", "blobs"
#: Names of almost all pictures: the same on any system.
_PLAIN = re.compile(r"[A-Za-z0-9_+=-][A-Za-z0-9_+=.-]*(?:/[A-Za-z0-9_+=.-]+)*")


class PictureFolder:
    """Judges the names of pictures in one data folder.

    A name is relative and has no ``..``. Where links are on the way, the picture must really be in the data folder, or in the
    first folder of its name (``samples`` may be a link to another disk), or in the blobs of the Hugging Face cache that the
    data folder is a revision of.

    Args:
        root: the data folder.
        also: further folders that pictures may be in, such as one that was found and not named.
    """

    def __init__(self, root: Path, also: Iterable[Path] = ()) -> None:
        self._root = root
        self._inside = [os.path.realpath(place) for place in (root, *also)]
        whole = root.absolute()
        self._inside += [
            os.path.realpath(place.parent.parent / _BLOBS)
            for place in (whole, *whole.parents)
            if place.parent.name == _SNAPSHOTS
        ]
        self._folders: dict[str, bool] = {}

    def wrong(self, name: str) -> str:
        """What is wrong with a name, as a clause that follows it; empty if it stays inside."""
        if leads_out(name):
            return "leads out of the data folder as it is written"
        folder = name.rpartition("/")[0]
        if folder not in self._folders:
            self._folders[folder] = self._is_inside(folder, name)
        path = self._root / name
        if self._folders[folder] and not path.is_symlink():
            return ""
        if self._is_inside(name, name):
            return ""
        return f"is a link out of the data folder, to {os.path.realpath(path)}"

    def _is_inside(self, place: str, name: str) -> bool:
        """Whether a place under the root is really inside, as a part of ``name``."""
        real = os.path.realpath(self._root / place)
        first, slash, _ = name.partition("/")
        inside = [*self._inside, os.path.realpath(self._root / first)] if slash else self._inside
        return any(real == one or real.startswith(one.rstrip(os.sep) + os.sep) for one in inside)


def leads_out(name: str) -> bool:
    """Whether a name is absolute or goes up, as it is written, on any system."""
    if _PLAIN.fullmatch(name) and ".." not in name:
        return False
    windows = PureWindowsPath(name)
    return bool(windows.root or windows.drive or "\0" in name or ".." in re.split(r"[/\\]", name))
