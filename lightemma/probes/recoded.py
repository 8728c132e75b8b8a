"""recoded: the same picture, encoded again."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from lightemma.frame import Frame, PixelArray
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.run_folder.probe_entry import Law


class Recoded(Probe):
    """The same picture, encoded again: nobody sees a difference, and the model is asked anew.

    What it changes all the same is the model's own unrest. The other probes of a run are measured against it.
    """

    name: ClassVar[str] = "recoded"
    group: ClassVar[Group] = "picture"
    needs: ClassVar[str] = "pictures"
    law = Law("The picture shows the same, so the plan stays the same.", "stays", tolerance=0.05)

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Decodes and encodes."""
        return None if frame.image_path is None else Probed(replace(frame, altered=_as_it_is))


def _as_it_is(pixels: PixelArray) -> PixelArray:
    return pixels
