"""The tiny driver as a planner that asks no model: ``lightemma simulate data --driver mixture:0.5:tiny_driver.look:Look``.

``TINY_DRIVER`` in the environment names the folder of the weights; without it, those of the package drive.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from lightemma.backends.tiny.engine import TinyEngine
from lightemma.backends.tiny.pixels import pixels
from lightemma.backends.tiny.reading import Question
from lightemma.backends.tiny.shipped import SHIPPED
from lightemma.backends.tiny.vocabulary import VOCABULARY
from lightemma.frame import Frame
from lightemma.parsing import parse_answer
from lightemma.planners.base import Calls, Needs, Plan, Planner, PlannerSettings, View


class Look(Planner):
    """Asks the engine for the pairs alone."""

    name: ClassVar[str] = "tiny-look"

    def __init__(self, settings: PlannerSettings = PlannerSettings()) -> None:  # noqa: B008 -- frozen
        super().__init__(settings)
        self.engine = TinyEngine(Path(os.environ.get("TINY_DRIVER", SHIPPED)))

    def needs(self) -> Needs:
        """Two pictures and the command."""
        return Needs(pictures=2, looks=True, command=True)

    async def plan(self, frame: Frame, view: View, calls: Calls) -> Plan:
        """One answer."""
        before = view.pictures[-2] if len(view.pictures) > 1 else None
        past = tuple((float(speed), float(curvature)) for speed, curvature in frame.history.actions)
        asked = Question("pairs", past, frame.command or "unknown", frame.command_m, (), (), view.picture, before)
        key = "|".join(one.sha256 if one else "" for one in (view.picture, before))
        images = self.engine.tokens(key, lambda: pixels(view.picture, before))
        said = self.engine.answer(images, asked.ids(), asked.stops, 20)
        parsed = parse_answer(VOCABULARY.text(said), "strict")
        return Plan(parsed.actions, parsed.outcome)
