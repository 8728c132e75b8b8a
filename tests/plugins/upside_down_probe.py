"""A stranger's probe: the picture upside down. Named by ``tests.plugins.upside_down_probe:UpsideDown``."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from lightemma.frame import Frame, PixelArray
from lightemma.probes.base import Probe, Probed, Untouched
from lightemma.run_folder.probe_entry import Law


class UpsideDown(Probe):
    """The picture upside down: nobody can drive by it."""

    name: ClassVar[str] = "upside-down"
    needs: ClassVar[str] = "pictures"
    law = Law("With the picture upside down the plan changes.", "moves", tolerance=0.5)

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Turns the picture by half a turn; the history stays."""
        return None if frame.image_path is None else Probed(replace(frame, altered=turned_over))


def turned_over(pixels: PixelArray) -> PixelArray:
    """Both axes reversed."""
    return np.ascontiguousarray(pixels[::-1, ::-1])
