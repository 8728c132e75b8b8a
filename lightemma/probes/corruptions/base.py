"""What the corruptions have in common: three strengths, and damage that depends on the frame's token alone."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from lightemma.frame import Camera, Frame, PixelArray
from lightemma.probes.base import Group, Probe, Probed, Untouched, draws
from lightemma.probes.calibration import calibrated
from lightemma.run_folder.probe_entry import Law

STRENGTHS = ("1", "2", "3")


class Corruption(Probe):
    """A damaged picture, at strength 1 (a person hardly minds), 2 (plain) and 3 (a person still sees the road).

    Attributes:
        values: what is set at each strength, for the manifest.
    """

    group: ClassVar[Group] = "corruptions"
    variants: ClassVar[tuple[str, ...]] = STRENGTHS
    needs: ClassVar[str] = "pictures"
    values: ClassVar[tuple[float, ...]]

    @property
    def law(self) -> Law:  # type: ignore[override]
        """More movement is allowed where less can be seen."""
        return Law(
            "A person still sees the road, so the plan hardly changes.", "stays", tolerance=0.25 * int(self.variant)
        )

    @property
    def value(self) -> float:
        """What is set at this strength."""
        return self.values[int(self.variant) - 1]

    def settings(self) -> dict[str, Any]:
        """Strength and what it means."""
        return {"strength": int(self.variant), "value": self.value}

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Damages the picture, and the earlier ones in the same way."""
        if frame.image_path is None:
            return None
        camera = calibrated(frame)

        def damaged(pixels: PixelArray) -> PixelArray:
            # The strengths draw alike, so that a stronger damage is the same damage, only more of it.
            return self.damage(pixels, draws(self.name, frame.sample_token), camera)

        return Probed(replace(frame, altered=damaged))

    @abstractmethod
    def damage(self, pixels: PixelArray, rng: np.random.Generator, camera: Camera | None) -> PixelArray:
        """The damaged picture.

        Args:
            pixels: (h, w, 3).
            rng: of this frame.
            camera: with intrinsics for this picture; None if unknown.
        """


def as_pixels(values: np.ndarray[Any, Any]) -> PixelArray:
    """Numbers around 0 to 255 as pixels."""
    found: PixelArray = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return found
