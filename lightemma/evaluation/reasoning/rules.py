"""The reader by rules: pure functions of a text, the same on every machine, with no model in it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from lightemma.evaluation.reasoning import lateral, longitudinal, stated_speed
from lightemma.evaluation.reasoning.claims import read_claims
from lightemma.evaluation.reasoning.cues import Mention, Mentions, find_cues, plain
from lightemma.evaluation.reasoning.reader import Reader
from lightemma.evaluation.reasoning.readings import NOWHERE, IntentReading, Note, SceneReading

_LONGITUDINAL = Mentions(longitudinal.PATTERNS)
_LATERAL = Mentions(lateral.PATTERNS)
_SPEED = Mentions(stated_speed.PATTERNS)


class RuleReader(Reader):
    """Reads by the rules of docs/reasoning.md."""

    name = "rules"

    def __init__(self) -> None:
        self.version = _version()

    def read_intent(self, text: str) -> IntentReading:
        """What a statement says should be done."""
        lower = plain(text)
        cues = find_cues(lower)
        speeds = _LONGITUDINAL.find(lower, cues)
        turns = _LATERAL.find(lower, cues)
        chosen = longitudinal.choose(lower, speeds)
        stated = stated_speed.choose(lower, _SPEED.find(lower, cues))
        grounds = read_claims(lower)
        return IntentReading(
            longitudinal=longitudinal.label(chosen),
            lateral=lateral.label(lateral.choose(lower, turns)),
            stated_speed=None if stated is None else stated[0],
            reasons=tuple(name for name, found in grounds.items() if found.claim == "claimed"),
            notes=_notes(speeds),
            place=NOWHERE if chosen is None else chosen.sentence,
        )

    def read_scene(self, text: str) -> SceneReading:
        """What a description of a scene claims."""
        found = read_claims(plain(text))
        said = {name: one for name, one in found.items() if one.claim != "absent"}
        return SceneReading(
            claims={name: one.claim for name, one in said.items()},
            places={name: (one.start, one.end) for name, one in said.items()},
        )


def _notes(mentions: Sequence[Mention]) -> tuple[Note, ...]:
    """How a statement tells what it says of the speed."""
    firm = {mention.what for mention in mentions if mention.firm}
    found: dict[Note, bool] = {
        "negation": any(mention.negated for mention in mentions),
        "past": any(mention.tense == "past" for mention in mentions),
        "condition": any(mention.conditional for mention in mentions),
        "hedge": any(mention.hedged or mention.prepared for mention in mentions),
        "alternative": len(firm) > 1,
    }
    return tuple(note for note, there in found.items() if there)


@cache
def _version() -> str | None:
    """A digest of the rules themselves; None where their files cannot be read, as in an archive."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    try:
        found = hashlib.sha256(b"\0".join(path.read_bytes() for path in files) + sys.version.encode())
    except OSError:
        return None
    return found.hexdigest() if files else None
