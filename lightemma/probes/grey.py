"""grey: a grey picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from lightemma.frame import Frame, PixelArray
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.run_folder.probe_entry import Law

LEVEL = 128


class Grey(Probe):
    """Every pixel is the same middle grey: what is left of the plan comes from the history and from habit."""

    name: ClassVar[str] = "grey"
    group: ClassVar[Group] = "picture"
    needs: ClassVar[str] = "pictures"
    law = Law("Without a picture the plan changes.", "moves", tolerance=0.5)

    def settings(self) -> dict[str, Any]:
        """The grey, 0 to 255."""
        return {"level": LEVEL}

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Greys the frame's picture and the earlier ones."""
        return None if frame.image_path is None else Probed(replace(frame, altered=_grey))


def _grey(pixels: PixelArray) -> PixelArray:
    return np.full_like(pixels, LEVEL)
