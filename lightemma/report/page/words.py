"""How a frame's words were read: the places that were read, and the reading in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lightemma.evaluation.reasoning.directions import DEFINITION
from lightemma.evaluation.reasoning.ledger import INTENT, SCENE, Ledger
from lightemma.evaluation.reasoning.readings import CLAIM_FIELDS, NOWHERE, Place

_DIRECTIONS = {1.0: "faster", 0.0: "as fast", -1.0: "slower"}


@dataclass(frozen=True, slots=True)
class Words:
    """What was read of one stage's answer.

    Attributes:
        places: first and one past the last character of what was read.
        reading: what it was read as, in a sentence.
    """

    places: tuple[Place, ...]
    reading: str


def read_words(ledger: Ledger | None, frame: int) -> Mapping[str, Words]:
    """Stage -> what was read of a frame's answer; empty without a reading.

    Args:
        ledger: of the run; None for a run without a model.
        frame: its number in the study.
    """
    found: dict[str, Words] = {}
    if ledger is None:
        return found
    intent, scene = ledger.intents[frame], ledger.scenes[frame]
    if intent is not None:
        speed = "" if intent.stated_speed is None else f", {intent.stated_speed:.1f} m/s"
        said = f"Read as: {intent.longitudinal}, {intent.lateral}{speed}."
        found[ledger.stage] = Words((intent.place,), " ".join(part for part in (said, _next_to(ledger, frame)) if part))
    if scene is not None and ledger.stage == INTENT:
        claims = [
            f"{name.replace('_', ' ')} {scene.claim(name)}" for name in CLAIM_FIELDS if scene.claim(name) != "absent"
        ]
        places = tuple(scene.places[name] for name in CLAIM_FIELDS if name in scene.places)
        found[SCENE] = Words(places, f"Read as: {', '.join(claims)}." if claims else "Read as: none of the claims.")
    return found


def shown_words(words: Words | None, response: str | None) -> dict[str, Any]:
    """What the page is given: ``marks`` as pairs of UTF-16 places in the answer, and ``read``."""
    if words is None or response is None:
        return {}
    return {
        "marks": [_in_utf16(response, place) for place in _apart(words.places, len(response))],
        "read": words.reading,
    }


def _next_to(ledger: Ledger, frame: int) -> str:
    speed = ledger.speed[frame : frame + 1]  # of this frame alone: all frames each time would be quadratic
    changes = {"plan goes": ledger.planned, "recorded car went": ledger.recorded}
    parts = [
        f"the {name} {_DIRECTIONS[float(value)]}"
        for name, change in changes.items()
        for value in DEFINITION.directions(change[frame : frame + 1], speed)
        if not np.isnan(value)
    ]
    text = ", ".join(parts)
    return text[:1].upper() + text[1:] + "." if text else ""


def _apart(places: Iterable[Place], length: int) -> list[Place]:
    """Places in order that lie in the text and do not overlap; a plug-in may give any."""
    kept: list[Place] = []
    for start, end in sorted(set(places)):
        if (start, end) != NOWHERE and 0 <= start < end <= length and (not kept or start >= kept[-1][1]):
            kept.append((start, end))
    return kept


def _in_utf16(text: str, place: Place) -> list[int]:
    """A script counts the signs beyond U+FFFF twice."""
    return [at + sum(sign > "\uffff" for sign in text[:at]) for at in place]
