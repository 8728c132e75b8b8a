"""A planner that looks at pictures by itself: no language model, like a small network."""

from __future__ import annotations

import asyncio
import io
from typing import ClassVar

import numpy as np
from PIL import Image
from pydantic import Field

from lightemma.frame import Frame, Picture
from lightemma.kinematics import hold_last_action
from lightemma.planners.base import Calls, Needs, Plan, Planner, View
from lightemma.run_folder.records import OK


class Brightness(Planner):
    """Drives on the faster the brighter the newest pictures are."""

    name: ClassVar[str] = "brightness"

    class Options(Planner.Options):
        """Settings of the rule."""

        pictures: int = Field(default=1, ge=1, description="how many of the newest pictures are looked at")

    options: Options

    def needs(self) -> Needs:
        """Pictures, and no model."""
        return Needs(pictures=self.options.pictures)

    async def plan(self, frame: Frame, view: View, calls: Calls) -> Plan:
        """Off the event loop, as a network would be."""
        mean = await asyncio.to_thread(brightness, view.pictures)
        actions = hold_last_action(frame.history.actions)
        actions[:, 0] *= mean / 128.0
        return Plan(actions, OK)


def brightness(pictures: tuple[Picture, ...]) -> float:
    """Mean grey level of some pictures, 0 … 255."""
    levels = [np.asarray(Image.open(io.BytesIO(picture.data)).convert("L")).mean() for picture in pictures]
    return float(np.mean(levels))
