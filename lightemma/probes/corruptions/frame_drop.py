"""frame-drop: the newest pictures are lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from lightemma.frame import Frame
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.probes.corruptions.base import STRENGTHS
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.probe_entry import Law


class FrameDrop(Probe):
    """The last picture that arrived is 0.5, 1 or 1.5 s old; the history is of now."""

    name: ClassVar[str] = "frame-drop"
    group: ClassVar[Group] = "corruptions"
    variants: ClassVar[tuple[str, ...]] = STRENGTHS
    needs: ClassVar[str] = "pictures of the key frames before them"

    @property
    def law(self) -> Law:  # type: ignore[override]
        """More movement is allowed the older the picture is."""
        return Law("The road is hardly another one, so the plan hardly changes.", "stays", tolerance=0.25 * self.lost)

    @property
    def lost(self) -> int:
        """Number of pictures that did not arrive."""
        return int(self.variant)

    def settings(self) -> dict[str, Any]:
        """Strength and what it means."""
        return {"strength": self.lost, "seconds": self.lost * LIGHTEMMA.dt}

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Takes the newest pictures away."""
        if frame.image_path is None or len(frame.earlier) < self.lost:
            return None
        last = frame.earlier[-self.lost].path
        return Probed(replace(frame, image=_name(frame, last), image_path=last, earlier=frame.earlier[: -self.lost]))


def _name(frame: Frame, path: Path) -> str:
    """A picture's name as the data set gives it, which is its place below the root."""
    own = str(frame.image_path)
    root = Path(own.removesuffix(frame.image)) if frame.image and own.endswith(frame.image) else path.parent
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
