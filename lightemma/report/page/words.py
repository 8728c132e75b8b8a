"""How a frame's words were read: the places that were read, and the reading in a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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


class ReadWords:
    """How a run's words were read, frame by frame.

    Args:
        ledger: of the run; None for a run without a model.
    """

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._next_to: list[tuple[str, list[float]]] = []
        if ledger is not None:
            planned, recorded = ledger.directions()
            self._next_to = [("plan goes", planned.tolist()), ("recorded car went", recorded.tolist())]

    def of(self, frame: int) -> Mapping[str, Words]:
        """Stage -> what was read of the answer of a frame, by its number in the study; empty without a reading."""
        found: dict[str, Words] = {}
        ledger = self._ledger
        if ledger is None:
            return found
        intent, scene = ledger.intents[frame], ledger.scenes[frame]
        if intent is not None:
            speed = "" if intent.stated_speed is None else f", {intent.stated_speed:.1f} m/s"
            said = f"Read as: {intent.longitudinal}, {intent.lateral}{speed}."
            told = " ".join(part for part in (said, self._plan_and_drive(frame)) if part)
            found[ledger.stage] = Words((intent.place,), told)
        if scene is not None and ledger.stage == INTENT:
            said_of = [(name, scene.claim(name)) for name in CLAIM_FIELDS]
            claims = [f"{name.replace('_', ' ')} {claim}" for name, claim in said_of if claim != "absent"]
            places = tuple(scene.places[name] for name in CLAIM_FIELDS if name in scene.places)
            found[SCENE] = Words(places, f"Read as: {', '.join(claims)}." if claims else "Read as: none of the claims.")
        return found

    def _plan_and_drive(self, frame: int) -> str:
        """What stands next to the words, as a sentence; empty where nothing is known."""
        known = [(name, of_frames[frame]) for name, of_frames in self._next_to]
        text = ", ".join(f"the {name} {_DIRECTIONS[value]}" for name, value in known if not math.isnan(value))
        return text[:1].upper() + text[1:] + "." if text else ""


def shown_words(words: Words | None, response: str | None) -> dict[str, Any]:
    """What the page is given: ``marks`` as pairs of UTF-16 places in the answer, and ``read``."""
    if words is None or response is None:
        return {}
    return {
        "marks": [_in_utf16(response, place) for place in _apart(words.places, len(response))],
        "read": words.reading,
    }


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
