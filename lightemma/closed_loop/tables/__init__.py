"""The tables of closed-loop runs, one file each; a new one is a new file and a line in ``TABLES``."""

from __future__ import annotations

from typing import Any

from lightemma.closed_loop.study import DrivenTable
from lightemma.closed_loop.tables.closed_loop import ClosedLoop
from lightemma.closed_loop.tables.closed_loop_forms import ClosedLoopForms
from lightemma.closed_loop.tables.closed_loop_paired import ClosedLoopPaired
from lightemma.closed_loop.tables.closed_loop_scenarios import ClosedLoopScenarios
from lightemma.closed_loop.tables.closed_loop_worlds import ClosedLoopWorlds
from lightemma.closed_loop.tables.episodes import Episodes
from lightemma.closed_loop.tables.infractions import Infractions
from lightemma.closed_loop.tables.two_stage import TwoStage

#: Every table of closed-loop runs, in the order in which they are written.
TABLES: tuple[DrivenTable[Any], ...] = (
    ClosedLoop(),
    ClosedLoopScenarios(),
    ClosedLoopPaired(),
    ClosedLoopForms(),
    Infractions(),
    Episodes(),
    TwoStage(),
)
#: The one table about runs of several worlds.
WORLDS = ClosedLoopWorlds()
