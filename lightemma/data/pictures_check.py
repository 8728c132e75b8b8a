"""Finds pictures that cannot be sent before anything is asked: files that are missing, empty, no pictures, torn or too large.

Sizes, headers and ends of files are looked at; only what looks torn is decoded. Damage in the middle shows when a picture is
sent.
"""

from __future__ import annotations

import errno
import io
import os
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightemma.data.pictures import MAX_BYTES, MAX_MEGAPIXELS, PICTURE_FORMATS, PicturePolicy, load_picture
from lightemma.errors import UserError
from lightemma.files import open_regular
from lightemma.frame import Frame

#: Bytes at the end of a file in which a whole JPEG or PNG ends, but for filling.
_TAIL = 64
_JPEG_END, _PNG_END = b"\xff\xd9", b"IEND\xaeB`\x82"
#: How many are named in a message.
_NAMED = 3

#: The fault of a picture that is not there.
MISSING = "is missing"


@dataclass(frozen=True, slots=True)
class PictureFault:
    """A picture that cannot be sent.

    Attributes:
        name: of the picture, as the data set gives it.
        what: is wrong with it, as a clause: ``is empty``.
    """

    name: str
    what: str


class PicturesCheck:
    """Looks at the pictures of frames, each file once.

    Args:
        earlier: how many key frames before each frame are looked at, too; of these the first fault of a frame counts.
    """

    def __init__(self, earlier: int = 0) -> None:
        self._earlier = earlier
        self._seen: dict[Path, str] = {}

    def fault(self, frame: Frame) -> PictureFault | None:
        """What is wrong with a frame's pictures; None if nothing is."""
        if frame.image_path is None:
            return PictureFault(frame.image, MISSING)
        what = self._look(frame.image_path)
        if what:
            return PictureFault(frame.image, what)
        for one in frame.earlier[-self._earlier :] if self._earlier else ():
            what = self._look(one.path)
            if what:
                return PictureFault(one.path.name, what)
        return None

    def _look(self, path: Path) -> str:
        what = self._seen.get(path)
        if what is None:
            what = self._seen[path] = picture_fault(path)
        return what


def described(faults: Sequence[PictureFault]) -> str:
    """The first faults, as a clause: ``'a.jpg' is empty, 'b.jpg' is missing and 3 more``."""
    first = ", ".join(f"'{fault.name}' {fault.what}" for fault in faults[:_NAMED])
    return f"{first} and {len(faults) - _NAMED} more" if len(faults) > _NAMED else first


def picture_fault(path: Path) -> str:
    """What is wrong with a picture's file, as a clause; empty if it looks whole."""
    from PIL import Image

    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                return "is empty"
            if size > MAX_BYTES:
                return f"is too large ({size / 1e6:,.0f} megabytes)"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with Image.open(file, formats=PICTURE_FORMATS) as picture:  # its header only
                    kind, (width, height) = picture.format or "", picture.size
            if width * height > MAX_MEGAPIXELS * 1_000_000:
                return f"is too large ({width} x {height} pixels)"
            whole = _ends_well(path, kind, size)
    except FileNotFoundError:
        return "is a link to nothing" if path.is_symlink() else MISSING
    except OSError as error:
        # Pillow's own errors have no number.
        if error.errno == errno.EISDIR:
            return "is a folder"
        return "cannot be read" + f" ({error.strerror})" if error.errno else "is no picture"
    except (SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error):
        return "is no picture"
    except Image.DecompressionBombError:
        return "is too large"
    return "" if whole else _decoded(path)


def _ends_well(path: Path, kind: str, size: int) -> bool:
    """Whether the end of a file of this kind is that of a whole picture; for other kinds it does not say."""
    with open_regular(path) as file:
        file.seek(max(0, size - _TAIL), io.SEEK_SET)
        tail = file.read().rstrip(b"\0\r\n ")
    return {"JPEG": tail.endswith(_JPEG_END), "PNG": tail.endswith(_PNG_END)}.get(kind, True)


def _decoded(path: Path) -> str:
    """What is wrong with a file that looks torn; some programs write more behind a whole picture."""
    try:
        load_picture(path, PicturePolicy())
    except UserError:
        return "is torn"
    return ""
