"""The reader by rules: pure functions of a text, the same on every machine, with no model in it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from lightemma.evaluation.reasoning import lateral, longitudinal, stated_speed
from lightemma.evaluation.reasoning.claims import KINDS, KINDS_OF_SIGNS, read_claims
from lightemma.evaluation.reasoning.cue_words import BEGINS, CUES, SIGNS
from lightemma.evaluation.reasoning.cues import Mention, find_cues, find_mentions, plain
from lightemma.evaluation.reasoning.reader import Reader
from lightemma.evaluation.reasoning.readings import NOWHERE, IntentReading, Note, SceneReading
from lightemma.evaluation.reasoning.scan import Scanner

_INTENT = Scanner(
    [CUES, longitudinal.PATTERNS, longitudinal.STANDS, lateral.PATTERNS, stated_speed.PATTERNS, *KINDS],
    [SIGNS, {}, {}, {}, {}, *KINDS_OF_SIGNS],
    BEGINS,
)
_SCENE = Scanner(KINDS, KINDS_OF_SIGNS, BEGINS)


class RuleReader(Reader):
    """Reads by the rules of docs/reasoning.md."""

    name = "rules"

    def __init__(self) -> None:
        self.version = _version()

    def read_intent(self, text: str) -> IntentReading:
        """What a statement says should be done."""
        lower = plain(text)
        of_cues, of_speeds, of_standing, of_turns, of_numbers, *of_claims = _INTENT.starts(lower)
        cues = find_cues(lower, of_cues)
        speeds = find_mentions(lower, of_speeds, cues)
        turns = find_mentions(lower, of_turns, cues)
        chosen = longitudinal.choose(lower, speeds, longitudinal.stands(lower, of_standing))
        stated = stated_speed.choose(lower, find_mentions(lower, of_numbers, cues))
        grounds = read_claims(lower, of_claims)
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
        lower = plain(text)
        found = read_claims(lower, _SCENE.starts(lower))
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
