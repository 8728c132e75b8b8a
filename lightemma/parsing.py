"""Answer text to actions, or a named reason why not. Model output is untrusted: it is matched, never evaluated.

Three tiers, named in every manifest:

``strict``
    The whole answer is a literal list of exactly six pairs of numbers (or, for a prompt set that asks for JSON, exactly
    the JSON object its schema describes). The published format-error rates count what this tier refuses.
``tolerant``
    Also accepts an answer that has exactly one reading: missing commas, other or missing brackets, a code fence, prose
    around the list. Refuses wherever a second reading exists (fused numbers, arithmetic, wrong counts) and whatever no
    car can do.
``first-numbers``
    The first twelve numbers of the text, whatever they are: LightEMMA v2's rescue. Unsafe (it turned one model's digits
    into an error of 1e12 m); kept so that published numbers can be reproduced.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from lightemma.errors import UserError, near_names
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.protocol import Tier as Tier  # noqa: PLC0414 -- exported again, under the name it had here
from lightemma.run_folder.records import OK, format_outcome

AnswerFormat = Literal["list", "json"]
Kind = Literal[
    "empty",  # nothing but white space
    "truncated",  # cut off before the list closed
    "prose",  # text where only the list should be, or no list at all
    "code_fence",  # the list stands in a Markdown code fence
    "missing_commas",  # six good pairs, commas left out
    "brackets",  # six good pairs, other or missing brackets
    "number_style",  # six good pairs, numbers written as no literal allows (a typographic minus, leading zeros)
    "fused_numbers",  # numbers run into each other: more than one reading
    "arithmetic",  # a sum where a number should be
    "wrong_count",  # pairs, but not six
    "wrong_shape",  # numbers, but not in pairs
    "ambiguous",  # twelve numbers that pair up in two plausible ways
    "invalid_json",  # JSON was asked for and this is not the object asked for
    "implausible",  # six pairs, but no car drives like that
]

TIERS: tuple[Tier, ...] = get_args(Tier)
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Beyond these a plan is not a plan (a car at 216 km/h, reversing fast, turning within a metre).
MAX_SPEED = 60.0
MIN_SPEED = -1.0
MAX_CURVATURE = 1.0

#: An answer longer than this is not searched for a list: six pairs take some hundred characters.
MAX_ANSWER_CHARACTERS = 20_000

PAIRS = LIGHTEMMA.plan_steps

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
# A number as a Python literal: ASCII digits, no leading zeros in integers, no sign but one. White space is never given
# back (*+), or an answer that is nothing but white space would take time in the square of its length.
_SPACE = r"[ \t\r\n\f]*+"
_DIGITS = r"[0-9](?:_?[0-9])*"
_EXPONENT = rf"[eE][-+]?{_DIGITS}"
_FLOAT = rf"(?:{_DIGITS}\.(?:{_DIGITS})?|\.{_DIGITS})(?:{_EXPONENT})?|{_DIGITS}{_EXPONENT}"
_INTEGER = r"0(?:_?0)*|[1-9](?:_?[0-9])*"
_LITERAL = rf"[-+]?{_SPACE}(?:{_FLOAT}|{_INTEGER})(?![\w.])"
_STRICT_PAIR = rf"\({_SPACE}({_LITERAL}){_SPACE},{_SPACE}({_LITERAL}){_SPACE},?{_SPACE}\)"
_STRICT_PAIR_RE = re.compile(_STRICT_PAIR)
_STRICT_LIST_RE = re.compile(
    rf"{_SPACE}\[{_SPACE}{_STRICT_PAIR}(?:{_SPACE},{_SPACE}{_STRICT_PAIR}){{{PAIRS - 1}}}{_SPACE},?{_SPACE}\]{_SPACE}"
)
_FENCE = "```"
# Only a word on its own names a language: "```4.5" begins with a number.
_LANGUAGE_RE = re.compile(r"[A-Za-z][\w+-]*(?=\s)")
_RESCUE_RE = re.compile(r"-?\d+\.?\d*")
_GROUP_RE = re.compile(r"[\[(]([^\[\]()]*)[\])]")
_NUMBER_RE = re.compile(_NUMBER)
_MIRRORED = str.maketrans("[]()", "][)(")
_BETWEEN_RE = re.compile(r"[\s,;\[\]()]*")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What an answer came to.

    Attributes:
        actions: (6, 2) pairs of speed (m/s) and curvature (1/m), or None if refused.
        outcome: ``ok`` or ``format:<kind>``.
        implausible: True where six pairs were read but lie beyond physics (in ``strict`` they still count as ok).
    """

    actions: FloatArray | None
    outcome: str
    implausible: bool = False


@dataclass(frozen=True, slots=True)
class _Reading:
    """The one reading of an answer and what had to be overlooked for it, or why there is none."""

    pairs: list[tuple[float, float]] | None
    reason: Kind | None  # what was overlooked (with pairs) or why refused (without)


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
    if tier == "first-numbers":
        pairs = _first_numbers(text)
        reading = _Reading(pairs, None if pairs else "wrong_count")
    elif answer_format == "json":
        reading = _read_json(text, strict=tier == "strict")
    elif tier == "strict":
        pairs = _read_strict(text)
        reading = _Reading(pairs, None) if pairs else _Reading(None, _read_tolerant(text).reason)
    else:
        reading = _read_tolerant(text)

    if cut and tier == "tolerant" and reading.pairs and not re.search(r"[\])}]", text):
        reading = _Reading(None, "truncated")  # nothing closes the last number: it may go on
    if reading.pairs is None:
        kind = reading.reason or "wrong_shape"
        if not text.strip():
            kind = "empty"
        elif cut:
            kind = "truncated"
        return Parsed(None, format_outcome(kind))
    actions = np.array(reading.pairs, dtype=np.float64)
    implausible = not plausible(actions)
    # A number that is no number cannot be scored under any tier.
    if implausible and (tier == "tolerant" or not np.all(np.isfinite(actions)) or np.abs(actions).max() > 1e100):
        return Parsed(None, format_outcome("implausible"), implausible=True)
    return Parsed(actions, OK, implausible=implausible)


def plausible(actions: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether some car could be asked to drive each plan: finite, -1 to 60 m/s, |curvature| up to 1 1/m.

    Args:
        actions: (..., steps, 2) pairs.

    Returns:
        (...) one verdict per plan.
    """
    speed, curvature = actions[..., 0], actions[..., 1]
    # NaN and infinity fail the comparisons by themselves.
    good = (speed >= MIN_SPEED) & (speed <= MAX_SPEED) & (np.abs(curvature) <= MAX_CURVATURE)
    verdict: npt.NDArray[np.bool_] = np.asarray(good.all(axis=-1))
    return verdict


def _read_strict(text: str) -> list[tuple[float, float]] | None:
    """Six literal pairs and nothing else, as ``ast.literal_eval`` would accept them, without evaluating anything."""
    if len(text) > MAX_ANSWER_CHARACTERS or not _STRICT_LIST_RE.fullmatch(text):
        return None
    return [(_literal(a), _literal(b)) for a, b in _STRICT_PAIR_RE.findall(text)]


def _literal(text: str) -> float:
    return float(re.sub(r"[\s_]", "", text))


def _first_numbers(text: str) -> list[tuple[float, float]] | None:
    numbers = [float(number) for number in _RESCUE_RE.findall(text)[: 2 * PAIRS]]
    return _interleaved(numbers) if len(numbers) == 2 * PAIRS else None


def _interleaved(numbers: list[float]) -> list[tuple[float, float]]:
    return list(zip(numbers[0::2], numbers[1::2], strict=True))


# --- tolerant ---------------------------------------------------------------------------------------------------------


def _read_tolerant(text: str) -> _Reading:
    """The answer's only reading. Where strict would have accepted, ``reason`` is None."""
    if not text.strip():
        return _Reading(None, "empty")
    if len(text) > MAX_ANSWER_CHARACTERS:
        return _Reading(None, "prose")
    strict = _read_strict(text)
    if strict:
        return _Reading(strict, None)
    overlooked: list[Kind] = []
    fenced = _inside_fence(text)
    if fenced is not None:
        overlooked.append("code_fence")
        text = fenced
    if "\u2212" in text:
        overlooked.append("number_style")
        text = text.replace("\u2212", "-")
    groups = [g for g in _GROUP_RE.finditer(text) if any(c.isdigit() for c in g.group(1))]
    reading = _read_groups(text, groups, overlooked) if groups else _read_bare(text, overlooked)
    if reading.pairs is None or overlooked == []:
        return reading
    return _Reading(reading.pairs, overlooked[0])


def _inside_fence(text: str) -> str | None:
    """What stands in a code fence, or None if the answer is not one."""
    text = text.strip()
    if not (text.startswith(_FENCE) and text.endswith(_FENCE) and len(text) >= 2 * len(_FENCE)):
        return None
    inside = text[len(_FENCE) : -len(_FENCE)]
    language = _LANGUAGE_RE.match(inside)
    return inside[language.end() :] if language else inside


def _read_groups(text: str, groups: list[re.Match[str]], overlooked: list[Kind]) -> _Reading:
    """Reads bracketed groups: six of two numbers, or one of twelve."""
    contents: list[list[float]] = []
    for group in groups:
        numbers = _numbers(group.group(1))
        if isinstance(numbers, str):
            return _Reading(None, numbers)
        contents.append(numbers)
    if any(not _BETWEEN_RE.fullmatch(text, first.end(), second.start()) for first, second in pairwise(groups)):
        return _Reading(None, "prose")
    # White space, brackets and commas belong to the list; what else stands before or behind is prose.
    before, after = text[: groups[0].start()], text[groups[-1].end() :]
    if _is_cut(text, after):
        return _Reading(None, "truncated")
    # A number with no word between it and the groups may or may not belong to the answer; one in the same brackets does.
    near = re.split(r"[A-Za-z]", before)[-1] + re.split(r"[A-Za-z]", after)[0]
    if re.search(r"\d", near + _in_same_brackets(before, after)):
        return _Reading(None, "wrong_shape")
    if not _BETWEEN_RE.fullmatch(before) or not _BETWEEN_RE.fullmatch(after):
        overlooked.append("prose")
    if len(contents) == 1:
        return _read_flat(contents[0], overlooked)
    if all(len(numbers) == 1 for numbers in contents):
        return _Reading(None, "fused_numbers" if len(contents) == PAIRS else "wrong_shape")
    if any(len(numbers) != 2 for numbers in contents):
        return _Reading(None, "wrong_shape")
    if len(contents) != PAIRS:
        return _Reading(None, "wrong_count")
    body = text[groups[0].start() : groups[-1].end()]
    gaps = [text[first.end() : second.start()] for first, second in pairwise(groups)]
    if not all("," in gap for gap in gaps) or not all("," in group.group(1) for group in groups):
        overlooked.append("missing_commas")
    if not overlooked or "[" in body or "]" in body or not before.strip().endswith("["):
        overlooked.append("brackets")
    return _Reading([(a, b) for a, b in contents], None)


def _in_same_brackets(before: str, after: str) -> str:
    """What stands beside the groups, yet inside a bracket that opens in ``before`` or closes in ``after``."""
    opens = _first_unclosed(before)
    closes = _first_unclosed(after[::-1].translate(_MIRRORED))
    left = "" if opens is None else before[opens:]
    if closes is None:
        return left if opens is None else left + after  # opened and never closed: the rest is in it
    return left + after[: len(after) - closes]


def _first_unclosed(text: str) -> int | None:
    """The place of the first opening bracket that is not closed again."""
    opened: list[int] = []
    for bracket in re.finditer(r"[\[\]()]", text):
        if bracket.group() in "[(":
            opened.append(bracket.start())
        elif opened:
            opened.pop()
    return opened[0] if opened else None


def _read_bare(text: str, overlooked: list[Kind]) -> _Reading:
    """Reads an answer without any closed bracket: six lines of two numbers, or twelve numbers."""
    if _is_cut(text, text):
        return _Reading(None, "truncated")
    stripped = text.strip().strip("[]()").strip()
    numbers = _numbers(stripped.replace(";", ","))
    if isinstance(numbers, str):
        return _Reading(None, numbers)
    overlooked.append("brackets")
    lines = [_numbers(line) for line in re.split(r"[\n;]", stripped) if line.strip(" ,")]
    if len(lines) == PAIRS:
        pairs = [(line[0], line[1]) for line in lines if not isinstance(line, str) and len(line) == 2]
        if len(pairs) == PAIRS:
            # "1. 0.5" and so on to 6: six speeds from 1 to 6 m/s, or a numbered list of something else?
            if [pair[0] for pair in pairs] == list(range(1, PAIRS + 1)):
                return _Reading(None, "ambiguous")
            return _Reading(pairs, None)
    return _read_flat(numbers, overlooked)


def _read_flat(numbers: list[float], overlooked: list[Kind]) -> _Reading:
    """Twelve numbers in a row: pairs in turn, or six speeds and then six curvatures? Only one may make sense."""
    if len(numbers) != 2 * PAIRS:
        return _Reading(None, "wrong_shape" if len(numbers) % 2 else "wrong_count")
    in_turn = _interleaved(numbers)
    in_blocks = list(zip(numbers[:PAIRS], numbers[PAIRS:], strict=True))
    possible = [pairs for pairs in (in_turn, in_blocks) if plausible(np.array(pairs))]
    if len(possible) != 1 and in_turn != in_blocks:
        return _Reading(None, "ambiguous" if possible else "implausible")
    overlooked.append("brackets")
    return _Reading(in_turn if in_turn == in_blocks else possible[0], None)


def _numbers(text: str) -> list[float] | Kind:
    """The numbers of a piece that may hold nothing but numbers, commas and white space; else what is wrong with it."""
    numbers: list[float] = []
    place = 0
    apart = True  # whether the next number is kept apart from the one before
    for match in _NUMBER_RE.finditer(text):
        gap = text[place : match.start()]
        if gap.strip(" \t\r\n,"):
            return "arithmetic" if re.fullmatch(r"[\s,]*[-+*/][\s\-+*/]*", gap) and numbers else "prose"
        if gap.count(",") > 1:
            return "wrong_shape"  # a number is missing between two commas
        if not (apart or gap):
            # Glued to the number before. With a comma elsewhere in the piece the sign is an operator.
            return "arithmetic" if match.group()[0] in "+-" and "," in text else "fused_numbers"
        if re.match(r"[-+]?0\d", match.group()):
            return "fused_numbers"  # digits with leading zeros: a decimal point was lost
        if gap.isspace() and numbers and match.group()[0] in "+-" and "," in text:
            return "arithmetic"  # "5.0 -0.1, 0.2": a sum, or a missing comma?
        numbers.append(float(match.group()))
        place, apart = match.end(), False
    rest = text[place:].strip(" \t\r\n,")
    if rest:
        return "arithmetic" if numbers and re.fullmatch(r"[-+*/\s]+", rest) else "prose"
    return numbers if numbers else "prose"


def _is_cut(text: str, after: str) -> bool:
    """Whether the answer stops inside a bracket that was opened behind the last closed group."""
    opened = max(after.rfind("("), after.rfind("["))
    return opened >= 0 and not re.search(r"[\])]", after[opened:]) and bool(re.search(r"\d", text))


# --- JSON -------------------------------------------------------------------------------------------------------------


def _read_json(text: str, *, strict: bool) -> _Reading:
    """Reads ``{"actions": [{"speed": v, "curvature": c} x 6]}``; tolerant looks behind a fence and prose, and takes pairs."""
    candidate, overlooked = text, None
    if not strict:
        fenced = _inside_fence(text)
        if fenced is not None:
            candidate, overlooked = fenced, "code_fence"
        elif not text.strip().startswith("{"):
            start, end = text.find("{"), text.rfind("}")
            if 0 <= start < end:
                candidate, overlooked = text[start : end + 1], "prose"
    value = _loads(candidate)
    if overlooked == "prose" and isinstance(value, dict) and _read_tolerant(text.replace(candidate, "")).pairs:
        return _Reading(None, "ambiguous")  # an object and a list
    if value is None or isinstance(value, list):
        if strict:
            return _Reading(None, _json_refusal(text))
        other = _read_tolerant(text)  # a list where an object was asked for still has one reading
        return other if other.pairs else _Reading(None, _json_refusal(text))
    pairs = value.get("actions") if isinstance(value, dict) and set(value) == {"actions"} else None
    if not isinstance(pairs, list):
        return _Reading(None, "invalid_json")
    if len(pairs) != PAIRS:
        return _Reading(None, "wrong_count")
    read: list[tuple[float, float]] = []
    for pair in pairs:
        if not isinstance(pair, dict) or set(pair) != {"speed", "curvature"}:
            return _Reading(None, "wrong_shape")
        speed, curvature = pair["speed"], pair["curvature"]
        if not (_is_number(speed) and _is_number(curvature)):
            return _Reading(None, "wrong_shape")
        read.append((_to_float(speed), _to_float(curvature)))
    return _Reading(read, "code_fence" if overlooked == "code_fence" else None)


def _json_refusal(text: str) -> Kind:
    if _inside_fence(text) is not None:
        return "code_fence"
    if "{" not in text:
        return "prose" if not re.search(r"\d", text) else "invalid_json"
    return "truncated" if text.count("{") > text.count("}") else "invalid_json"


def _loads(text: str) -> Any:
    if len(text) > MAX_ANSWER_CHARACTERS:
        return None
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        return None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a key stands twice: two readings")
    return dict(pairs)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _to_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")
