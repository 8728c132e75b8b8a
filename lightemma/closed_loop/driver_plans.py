"""The plan of a privileged driver at a decision: an error of it, or a plan that is none, costs that decision only."""

from __future__ import annotations

from lightemma.closed_loop.privileged import WorldPlan
from lightemma.closed_loop.world import World
from lightemma.errors import UserError
from lightemma.frame import FloatArray
from lightemma.planners.plan_checks import InvalidPlan, checked_actions
from lightemma.plugins import error_line


def driver_plan(driver: WorldPlan, world: World) -> tuple[FloatArray | None, str | None]:
    """Asks a driver.

    Args:
        driver: of this episode.
        world: now.

    Returns:
        (6, 2) its plan and None, or None and why there is none, in one line.

    Raises:
        UserError: if the driver cannot drive in this world.
    """
    try:
        return checked_actions(driver(world), "actions"), None
    except UserError:
        raise
    except InvalidPlan as error:
        return None, str(error)
    except Exception as error:
        return None, error_line(error)
