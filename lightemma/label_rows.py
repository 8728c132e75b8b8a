"""The expert's labels and the facts of visited states as lines of a file: what collecting stores, and what training reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from lightemma.errors import UserError
from lightemma.files import read_whole
from lightemma.observed_facts import ObservedFacts

#: File of a run's facts, in its folder.
FACTS = "facts.jsonl"
#: Whose plan was driven from a state.
Steered = Literal["expert", "planner"]
Pair = tuple[float, float]

_ENCODER = msgspec.json.Encoder()


class Explanation(msgspec.Struct, frozen=True):
    """The expert's words about its plan: what is there, what it is about to do, and why."""

    scene: str
    intent: str
    reason: str


class LabelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One visited state with the expert's label: a line of ``expert/<scene>.jsonl``.

    Attributes:
        scene: name of the scene or episode.
        key_frame: its place in the scene.
        sample_token: of the same.
        timestamp: microseconds.
        explanation: None where the expert says nothing.
        plan: 6 pairs of speed (m/s) and curvature (1/m) as the protocol means them; None in a world without an expert.
        valid: False where the expert knows no way back: never learn from such a plan.
        reason: why it is not valid, or how it gets back; empty on the route.
        steered: whose plan was driven from here.
        command: where the route goes next; None where there is no route.
    """

    scene: str
    key_frame: int
    sample_token: str
    timestamp: int
    explanation: Explanation | None = None
    plan: list[Pair] | None = None
    valid: bool = True
    reason: str = ""
    steered: Steered = "expert"
    command: str | None = None


class FactsRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen from one visited state: a line of ``facts.jsonl`` or ``facts/<scene>.jsonl``.

    Attributes:
        scene: name of the scene or episode.
        key_frame: place in it: of the key frame, or of the decision in a closed loop.
        sample_token: of the same.
        facts: with their privileged block, which no driver may be given.
    """

    scene: str
    key_frame: int
    sample_token: str
    facts: ObservedFacts


Row = TypeVar("Row", LabelRow, FactsRow)


def rounded(actions: Iterable[Iterable[float]]) -> list[Pair]:
    """Pairs as labels store them: millimetres a second, and 1e-5 1/m."""
    return [(round(speed, 3), round(curvature, 5)) for speed, curvature in actions]


def encoded(rows: Iterable[LabelRow | FactsRow]) -> bytes:
    """One line each."""
    return b"".join(_ENCODER.encode(row) + b"\n" for row in rows)


def read_rows(path: Path, kind: type[Row]) -> Iterator[Row]:
    """The rows of a file; an incomplete last line is left out.

    Raises:
        UserError: if it is missing or damaged.
    """
    decoder = msgspec.json.Decoder(kind)
    try:
        lines = read_whole(path).split(b"\n")
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror or error}); collect these drives again.") from error
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UserError(f"Line {number} of '{path}' is damaged ({error}); collect that drive again.") from error
