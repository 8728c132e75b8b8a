"""Pictures as the tiny driver sees them: 160 x 90, and by how much they differ from half a second before."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightemma.frame import Picture

SIZE: Final = (160, 90)


def shrunk(image: Image.Image) -> npt.NDArray[np.uint8]:
    """(90, 160, 3) of a picture of any size."""
    small = image.convert("RGB")
    if small.size != SIZE:
        small = small.resize(SIZE, Image.Resampling.BOX)
    return np.asarray(small)


def pixels(now: Picture | None, before: Picture | None) -> npt.NDArray[np.float32]:
    """(1, 6, 90, 160): the picture from -1 to 1 (grey where there is none), then its change, 0 where there is none before."""
    first = _values(now)
    change = first - _values(before) if now is not None and before is not None else np.zeros_like(first)
    return np.concatenate([first, change])[None]


def _values(picture: Picture | None) -> npt.NDArray[np.float32]:
    if picture is None:
        return np.zeros((3, SIZE[1], SIZE[0]), np.float32)
    with Image.open(io.BytesIO(picture.data)) as image:
        return shrunk(image).astype(np.float32).transpose(2, 0, 1) / np.float32(127.5) - np.float32(1.0)
