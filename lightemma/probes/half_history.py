"""half-history: the history at half scale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from lightemma.frame import EgoHistory, Frame
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.probe_entry import Law
from lightemma.run_folder.records import Stage

SCALE = 0.5
#: m/s; below this the told speeds hardly differ.
SLOWEST = 1.0


class HalfHistory(Probe):
    """Every speed that is told is half of the real one; curvatures are kept, so the path is the same at half the size."""

    name: ClassVar[str] = "half-history"
    group: ClassVar[Group] = "history"
    keeps: ClassVar[tuple[Stage, ...]] = ("scene",)
    needs: ClassVar[str] = f"cars that drive at {SLOWEST:g} m/s or more"
    law = Law(
        "The plan begins at the speed that is told, so its mean speed changes by as much as that.",
        "follows-speed",
        tolerance=0.5,
    )

    def settings(self) -> dict[str, Any]:
        """The factor."""
        return {"scale": SCALE}

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Halves speeds and positions."""
        now = float(frame.history.actions[-1, 0])
        if now < SLOWEST:
            return None
        actions = frame.history.actions.copy()
        actions[:, 0] = np.round(SCALE * actions[:, 0], LIGHTEMMA.decimals)
        history = EgoHistory(SCALE * frame.history.positions, actions)
        return Probed(replace(frame, history=history), amount=float(actions[-1, 0]) - now)
