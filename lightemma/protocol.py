"""The protocol: every number that decides what a frame is and how a plan becomes a trajectory."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Integration = Literal["euler", "arc"]

#: Ways to read an answer's text as a plan (``parsing``).
Tier = Literal["strict", "tolerant", "first-numbers"]

#: The three ways in which papers print an L2 (``evaluation.metrics.displacement`` has their formulas).
Convention = Literal["lightemma", "endpoint", "cumulative"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """The rules under which two runs may be compared.

    The defaults are those of LightEMMA (Michigan Traffic Lab, 2025), checked against 3,908 published frames.

    Attributes:
        name: printed wherever a score is.
        dt: seconds between key frames and between actions.
        history_positions: key frames a history spans, the current one included.
        plan_steps: actions in a plan, and points in a trajectory.
        spare_frames: key frames left out at each scene's end besides the history and the future; LightEMMA's loop
            stops one frame early, and parity needs the same frames.
        min_speed: m/s; a slower recorded speed counts as standing still (0).
        max_curvature: 1/m; a sharper recorded curvature counts as noise and becomes 0.
        decimals: places that recorded speeds and curvatures are rounded to.
        integration: ``euler`` moves along the heading, then turns; ``arc`` follows the exact circle.
    """

    name: str = "lightemma"
    dt: float = 0.5
    history_positions: int = 8
    plan_steps: int = 6
    spare_frames: int = 1
    min_speed: float = 0.2
    max_curvature: float = 0.2
    decimals: int = 3
    integration: Integration = "euler"

    @property
    def history_actions(self) -> int:
        """How many actions a history has: a curvature needs a neighbour on both sides."""
        return self.history_positions - 2

    def as_dict(self) -> dict[str, Any]:
        """All fields, for the manifest."""
        return asdict(self)


LIGHTEMMA = Protocol()


def protocol_named(integration: Integration = "euler") -> Protocol:
    """The LightEMMA protocol, with exact arcs if asked for; that one has another name, so that the two are never mixed."""
    return LIGHTEMMA if integration == "euler" else Protocol(name="lightemma-arc", integration="arc")
