"""What a reader makes of a text: the intent of the next three seconds, and the claims about the scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Longitudinal = Literal["accelerate", "keep", "decelerate", "stay-stopped", "unclear"]
Lateral = Literal["left", "right", "straight", "lane-change-left", "lane-change-right", "unclear"]
Claim = Literal["claimed", "hedged", "denied", "absent"]
#: How a text was told, where that was noticed; counted in the table ``reasoning``.
Note = Literal["negation", "past", "condition", "hedge", "alternative"]
Place = tuple[int, int]

LONGITUDINAL: tuple[str, ...] = get_args(Longitudinal)
LATERAL: tuple[str, ...] = get_args(Lateral)
CLAIMS: tuple[str, ...] = get_args(Claim)
NOTES: tuple[str, ...] = get_args(Note)
#: What a description of a scene is asked about.
CLAIM_FIELDS = ("red_light", "green_light", "person", "lead_vehicle", "roadworks", "bad_weather")
NOWHERE: Place = (0, 0)


@dataclass(frozen=True, slots=True)
class IntentReading:
    """What a statement says should be done in the next three seconds.

    Attributes:
        longitudinal: what happens to the speed.
        lateral: where the car goes.
        stated_speed: metres per second that are aimed at; None where no number is said.
        reasons: of ``CLAIM_FIELDS``: what the statement gives as its grounds.
        notes: how it was told: with negations, history in the past, conditions, hedges, alternatives.
        place: first and one past the last character of the sentence that the speed was read from.
    """

    longitudinal: Longitudinal = "unclear"
    lateral: Lateral = "unclear"
    stated_speed: float | None = None
    reasons: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class SceneReading:
    """What a description of a scene claims.

    Attributes:
        claims: field to what is said of it; a field that is missing is not mentioned.
        places: field to the first and one past the last character of what says so.
    """

    claims: Mapping[str, Claim] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)

    def claim(self, name: str) -> Claim:
        """What is said of a field."""
        return self.claims.get(name, "absent")
