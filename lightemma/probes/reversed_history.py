"""reversed-history: the history in reverse order."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from lightemma.frame import EgoHistory, Frame
from lightemma.probes.base import Group, Probe, Probed, Untouched
from lightemma.run_folder.probe_entry import Law
from lightemma.run_folder.records import Stage


class ReversedHistory(Probe):
    """The newest value comes first: a check that the order is read. Frames whose history reads the same are left out."""

    name: ClassVar[str] = "reversed-history"
    group: ClassVar[Group] = "history"
    keeps: ClassVar[tuple[Stage, ...]] = ("scene",)
    needs: ClassVar[str] = "histories that are not the same in reverse"
    law = Law("The last value is now, so in reverse order the plan changes.", "moves", tolerance=0.5)

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """Reverses the actions; positions stay, since they end at the car."""
        actions = frame.history.actions
        if np.array_equal(actions, actions[::-1]):
            return None
        return Probed(replace(frame, history=EgoHistory(frame.history.positions, actions[::-1].copy())))
