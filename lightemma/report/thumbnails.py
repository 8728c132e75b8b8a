"""Small copies of camera pictures, for the inside of a page."""

from __future__ import annotations

import base64
import io
import logging
from dataclasses import dataclass
from pathlib import Path

from lightemma.files import open_regular

WIDTH = 480
QUALITY = 70
#: A closed list: some of Pillow's other readers start programs.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small JPEG.

    Attributes:
        data: encoded bytes.
        size: width and height in pixels.
        full_size: width and height of the picture it was made from.
    """

    data: bytes
    size: tuple[int, int]
    full_size: tuple[int, int]

    @property
    def uri(self) -> str:
        """The picture as a ``data:`` address."""
        return "data:image/jpeg;base64," + base64.b64encode(self.data).decode("ascii")


def make_thumbnail(path: Path, width: int = WIDTH, quality: int = QUALITY) -> Thumbnail | None:
    """A picture no wider than ``width`` pixels; None, with a warning in the log, where it cannot be read."""
    from PIL import Image

    try:
        with open_regular(path) as file, Image.open(file, formats=_FORMATS) as picture:
            full_size = picture.size
            scale = min(1.0, width / full_size[0])
            size = (max(1, round(full_size[0] * scale)), max(1, round(full_size[1] * scale)))
            picture.draft("RGB", size)  # lets the JPEG decoder skip most of the work
            small = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        log.warning("the picture %s cannot be read (%s); it is left out of the report", path, error)
        return None
    file = io.BytesIO()
    small.save(file, "JPEG", quality=quality, optimize=True)
    return Thumbnail(file.getvalue(), size, full_size)
