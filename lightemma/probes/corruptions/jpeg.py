"""jpeg: too few bits."""

from __future__ import annotations

import io
from typing import ClassVar

import numpy as np

from lightemma.frame import Camera, PixelArray
from lightemma.probes.corruptions.base import Corruption


class Jpeg(Corruption):
    """JPEG of quality 20, 8 and 3: blocks and false colours."""

    name: ClassVar[str] = "jpeg"
    values: ClassVar[tuple[float, ...]] = (20.0, 8.0, 3.0)

    def damage(self, pixels: PixelArray, rng: np.random.Generator, camera: Camera | None) -> PixelArray:
        """Encodes and decodes."""
        from PIL import Image

        encoded = io.BytesIO()
        Image.fromarray(pixels).save(encoded, "JPEG", quality=int(self.value))
        with Image.open(encoded, formats=("JPEG",)) as decoded:
            return np.asarray(decoded.convert("RGB"), dtype=np.uint8)
