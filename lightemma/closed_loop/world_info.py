"""What a world says about itself: its name, its time step, what it can judge, and how long it can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.protocol import LIGHTEMMA

#: The fields of an outcome that a world need not know.
JUDGED: Final = frozenset(EpisodeOutcome.__struct_fields__) - {"end", "time_s"}
#: Those of them that are None in some episodes of a world that knows them: nothing came close, nobody drove ahead, and the
#: expert did not drive this way.
SOMETIMES_NONE: Final = frozenset({"min_ttc_s", "close_share", "expert_time_s"})
#: Known by a world that has an expert: labels, and ground truth.
EXPERT: Final = "expert"
#: All that a world can know.
EVERYTHING: Final = JUDGED | {EXPERT}
#: Most steps in one action of a plan.
_MOST_STEPS: Final = 500


@dataclass(frozen=True, slots=True)
class WorldInfo:
    """A world's own description. It is the same for all episodes of a world.

    Attributes:
        name: as its factory has it.
        version: of the world itself, such as a digest of its weights; empty where the version of the program says it.
        action_dt: seconds that ``World.step`` advances by; the half second of an action is a whole number of them.
        knows: the fields of an ``EpisodeOutcome`` that it judges, and ``expert`` if it has one. Every other field must be None.
        horizon_s: seconds after which it is not to be trusted: an episode ends there, as ``horizon``; None if it always is.

    Raises:
        ValueError: if a value is not one of these.
    """

    name: str
    version: str = ""
    action_dt: float = 0.05
    knows: frozenset[str] = field(default_factory=frozenset)
    horizon_s: float | None = None

    def __post_init__(self) -> None:
        """Checks the values."""
        if not isinstance(self.name, str) or not self.name or not isinstance(self.version, str):
            raise ValueError("WorldInfo: its name and version must be texts, the name not an empty one")
        dt = _number(self.action_dt)
        steps = LIGHTEMMA.dt / dt if dt > 0.0 else math.nan
        if not (1.0 - 1e-9 <= steps <= _MOST_STEPS and abs(steps - round(steps)) < 1e-6):
            raise ValueError(
                f"WorldInfo(action_dt={self.action_dt!r}): give the seconds of a step, of which {LIGHTEMMA.dt:g} s is a "
                "whole number, such as 0.5, 0.1 or 0.05"
            )
        if not isinstance(self.knows, frozenset) or not self.knows <= EVERYTHING:
            strange = sorted(set(self.knows) - EVERYTHING) if isinstance(self.knows, frozenset | set) else self.knows
            raise ValueError(f"WorldInfo(knows=...): {strange} is none of {', '.join(sorted(EVERYTHING))}")
        if self.horizon_s is not None and not 0.0 < _number(self.horizon_s) < math.inf:
            raise ValueError(f"WorldInfo(horizon_s={self.horizon_s!r}): give seconds above 0, or None")

    @property
    def steps_per_action(self) -> int:
        """Steps of the world in the half second of one action."""
        return round(LIGHTEMMA.dt / self.action_dt)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
