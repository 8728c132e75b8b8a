"""Who steers where the expert and a planner take turns, as DAgger collects (Ross, Gordon and Bagnell, 2011)."""

from __future__ import annotations

import hashlib
import math

from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.errors import UserError

#: The driver of a command that is the planner itself.
PLANNER = "planner"
MIXTURE = "mixture"


def expert_steers(spec: EpisodeSpec, step: int, probability: float) -> bool:
    """Whether the expert steers at decision number ``step``: drawn anew for each, the same on every machine.

    An expert that steers with one probability also does with every larger one.
    """
    drawn = hashlib.sha256(f"lightemma mixture/{spec.name}/{step}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") < probability * 2.0**64


def parse_mixture(text: str) -> float | None:
    """The expert's probability from ``mixture:0.5``; None for ``planner``.

    Raises:
        UserError: if it is neither.
    """
    if text == PLANNER:
        return None
    name, _, share = text.partition(":")
    probability = _number(share)
    if name != MIXTURE or probability is None or not 0.0 <= probability <= 1.0:
        raise UserError(
            f"`driver` is '{text}'; give planner, or mixture:BETA with the probability that the expert steers, such as "
            "mixture:0.5. To drive by the expert alone, name it as `planner`.",
            "driver",
            "planner",
        )
    return abs(probability)  # -0 is 0


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
