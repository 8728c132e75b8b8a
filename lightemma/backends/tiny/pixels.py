"""Pictures as the tiny driver sees them: small, and by how much they differ from half a second before."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightemma.frame import Picture

#: Width and height that the package's own weights take.
SIZE: Final = (256, 144)


def shrunk(image: Image.Image, size: tuple[int, int] = SIZE) -> npt.NDArray[np.uint8]:
    """(height, width, 3) of a picture of any size."""
    small = image.convert("RGB")
    if small.size != size:
        small = small.resize(size, Image.Resampling.BOX)
    return np.asarray(small)


def pixels(now: Picture | None, before: Picture | None, size: tuple[int, int] = SIZE) -> npt.NDArray[np.float32]:
    """(1, 6, height, width): the picture from -1 to 1 (grey where there is none), then its change, 0 where none is before."""
    first = _values(now, size)
    change = first - _values(before, size) if now is not None and before is not None else np.zeros_like(first)
    return np.concatenate([first, change])[None]


def _values(picture: Picture | None, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    if picture is None:
        return np.zeros((3, size[1], size[0]), np.float32)
    with Image.open(io.BytesIO(picture.data)) as image:
        return shrunk(image, size).astype(np.float32).transpose(2, 0, 1) / np.float32(127.5) - np.float32(1.0)
