"""no-history: the car's own motion is hidden."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from lightemma.frame import EgoHistory, Frame
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.run_folder.probe_entry import Law
from lightemma.run_folder.records import Stage


class NoHistory(Probe):
    """Prompts say ``unknown`` for speeds and curvatures; formulas get zeros. What is left comes from the picture."""

    name: ClassVar[str] = "no-history"
    group: ClassVar[Group] = "history"
    keeps: ClassVar[tuple[Stage, ...]] = ("scene",)
    law = Law(
        "A picture does not show the car's speed, so without the history the plan changes.", "moves", tolerance=0.5
    )

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Takes the history away."""
        history = frame.history
        hidden = EgoHistory(np.zeros_like(history.positions), np.zeros_like(history.actions), known=False)
        return Probed(replace(frame, history=hidden))
