"""Answer text to actions, or a named reason why not. Model output is untrusted: it is matched, never evaluated.

Three tiers, named in every manifest:

``strict``
    The whole answer is a literal list of exactly six pairs of numbers, as ``ast.literal_eval`` reads it (or, for a prompt
    set that asks for JSON, exactly the JSON object its schema describes). The published format-error rates count what
    this tier refuses.
``tolerant``
    Also accepts an answer that has exactly one reading: one literal list of six pairs anywhere in the text, a list with
    missing commas or other brackets, numbered pairs, a table, names and units that agree. Refuses wherever a second
    reading exists (fused numbers, arithmetic, two lists), where words contradict the reading (km/h, waypoints, an
    example), and whatever no car can do.
``first-numbers``
    The first twelve numbers of the text, as LightEMMA v2's evaluation takes them. Unsafe (it turned one model's digits
    into an error of 1e12 m); kept so that published numbers can be reproduced.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lightemma.errors import UserError, near_names
from lightemma.frame import FloatArray
from lightemma.kinematics import actions_through
from lightemma.parsing.first_numbers import read_first_numbers
from lightemma.parsing.json_object import read_object
from lightemma.parsing.kinds import (
    CONTRADICTIONS,
    KINDS,
    MAX_ANSWER_CHARACTERS,
    MAX_CURVATURE,
    MAX_SPEED,
    MIN_SPEED,
    Kind,
    Reading,
    plausible,
)
from lightemma.parsing.points import plausible_points, read_points
from lightemma.parsing.reasoned import last_line, plan_part, read_reasoned_object
from lightemma.parsing.strict import read_strict
from lightemma.parsing.tolerant import read_tolerant
from lightemma.protocol import Tier
from lightemma.run_folder.records import OK, format_outcome

__all__ = [
    "ANSWER_FORMATS",
    "KINDS",
    "MAX_ANSWER_CHARACTERS",
    "MAX_CURVATURE",
    "MAX_SPEED",
    "MIN_SPEED",
    "TIERS",
    "AnswerFormat",
    "Kind",
    "Parsed",
    "Tier",
    "check_tier",
    "parse_answer",
    "plausible",
]

#: What the answer was asked for as: six pairs as a list or a JSON object, the same after some reasoning, or six points.
AnswerFormat = Literal["list", "json", "reasoned", "reasoned-json", "points", "points-json"]
ANSWER_FORMATS: tuple[AnswerFormat, ...] = get_args(AnswerFormat)
TIERS: tuple[Tier, ...] = get_args(Tier)

#: Beyond this a number cannot be scored: its square is no number any more.
_MAX_SCORED = 1e100


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was read from an answer.

    Attributes:
        actions: (6, 2) pairs of speed (m/s) and curvature (1/m), or None if refused.
        outcome: ``ok`` or ``format:<kind>``.
        implausible: True where six pairs were read but lie beyond physics (in ``strict`` they still count as ok).
        trajectory: (6, 2) the points as they were given, where the answer is points; the actions are made from them.
    """

    actions: FloatArray | None
    outcome: str
    implausible: bool = False
    trajectory: FloatArray | None = None


def answer_format(name: str) -> AnswerFormat:
    """A format by the name in a manifest; ``list`` for one that is unknown."""
    return next((one for one in ANSWER_FORMATS if one == name), "list")


def check_tier(name: str) -> Tier:
    """``name`` as a tier.

    Raises:
        UserError: if there is no such tier.
    """
    for tier in TIERS:
        if tier == name:
            return tier
    raise UserError(f"There is no parser '{name}'; {near_names(name, TIERS)}")


def parse_answer(
    text: str, tier: Tier = "strict", answer_format: AnswerFormat = "list", *, cut: bool = False
) -> Parsed:
    """Reads six actions from a model's answer.

    Args:
        text: the answer.
        tier: how forgiving to be (see the module's text).
        answer_format: what the prompt set asked for.
        cut: True if the provider says that the answer was cut at the token limit; a refused answer is then ``truncated``.

    Returns:
        The actions or the reason why not; never raises on any text.
    """
    reading = _reading(text, tier, answer_format)
    if cut and tier == "tolerant" and reading.pairs and not re.search(r"[\])}]", text):
        reading = Reading(None, "truncated")  # nothing closes the last number: it may go on
    if reading.pairs is None:
        kind = reading.reason or "wrong_shape"
        if not text.strip():
            kind = "empty"
        elif cut:
            kind = "truncated"
        return Parsed(None, format_outcome(kind))
    pairs = np.array(reading.pairs, dtype=np.float64)
    points = answer_format in ("points", "points-json")
    implausible = not (plausible_points(pairs) if points else plausible(pairs))
    # A number that is no number cannot be scored under any tier.
    if implausible and (tier == "tolerant" or not np.all(np.isfinite(pairs)) or np.abs(pairs).max() > _MAX_SCORED):
        return Parsed(None, format_outcome("implausible"), implausible=True)
    if points:
        return Parsed(actions_through(pairs), OK, implausible, pairs)
    return Parsed(pairs, OK, implausible=implausible)


def _reading(text: str, tier: Tier, answer_format: AnswerFormat) -> Reading:
    if len(text) > MAX_ANSWER_CHARACTERS:
        return Reading(None, "too_long")
    if answer_format in ("points", "points-json"):
        return read_points(text, tier, as_json=answer_format == "points-json")
    if answer_format == "reasoned-json":
        asked = read_reasoned_object(text)
        if asked.pairs is not None or tier == "strict":
            return asked
    if answer_format in ("reasoned", "reasoned-json"):
        text = last_line(text) if tier == "strict" else plan_part(text)
        answer_format = "list"
    if tier == "first-numbers":
        pairs = read_first_numbers(text)
        return Reading(pairs, None if pairs else "wrong_count")
    if answer_format == "json":
        return _json_reading(text, strict=tier == "strict")
    if tier == "tolerant":
        return read_tolerant(text)
    pairs = read_strict(text)
    # The tolerant reading says what was wrong; where nothing was but white space, that is not the list either.
    return Reading(pairs, None) if pairs else Reading(None, read_tolerant(text, is_literal=False).reason or "prose")


def _json_reading(text: str, *, strict: bool) -> Reading:
    asked = read_object(text)
    if strict or asked.pairs is not None:
        return asked
    other = read_tolerant(text)  # fences, prose, other keys, and a list where an object was asked for
    if other.pairs is not None or other.reason in CONTRADICTIONS or other.reason in ("ambiguous", "implausible"):
        return other
    return asked
