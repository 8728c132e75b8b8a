"""Which planners drive in the closed loop, and how their runs are named."""

from __future__ import annotations

from collections.abc import Mapping

from lightemma.closed_loop.privileged import PrivilegedDriver, named_driver
from lightemma.closed_loop.spec import LoopRules
from lightemma.errors import UserError, near_names
from lightemma.planners.registry import planners as known_planners
from lightemma.sessions.jobs import OwnPlanner, RunNames

#: Names of closed-loop runs begin with this, so that they never share a folder with those of the open loop.
PREFIX = "drive-"


def own_driver(drivers: Mapping[str, type[PrivilegedDriver]]) -> OwnPlanner:
    """Makes the drivers that only a world has; planners of both loops are made by their registry.

    Args:
        drivers: those of the world, by name.

    Returns:
        A function from a name to its driver, or None. It raises UserError if there is no such planner either.
    """

    def make(name: str) -> PrivilegedDriver | None:
        driver = named_driver(drivers, name)
        if driver is not None:
            return driver
        if ":" not in name and name not in known_planners():
            raise UserError(f"There is no planner '{name}'; {near_names(name, [*known_planners(), *drivers])}")
        return None

    return make


def run_names(rules: LoopRules, *more: str) -> RunNames:
    """How closed-loop runs are named: with their prefix, the rules that differ from the defaults, and what else is given."""
    parts = ["two-stage"] if rules.two_stage is not None else []
    parts += [f"replan-{rules.replan}"] if rules.replan != 1 else []
    parts += ["real-time"] if rules.real_time else []
    parts += [] if rules.car_limits else ["no-limits"]
    parts += [] if rules.mixture is None else [f"mixture-{rules.mixture:g}"]
    parts += ["disturbed"] if rules.disturb else []
    parts += [] if rules.early_end else ["no-early-end"]
    return RunNames(PREFIX, (*parts, *more))
