"""Six points instead of six actions: where the car is to be after each half second.

The rules are narrower than those for actions, since points are asked for in one form only:

``strict``
    The whole answer is a literal list of six pairs, or exactly the JSON object ``{"points": [{"x": x, "y": y} x 6]}``.
``tolerant``
    One list of six pairs anywhere in the text, in round or square brackets, as objects or as ``x = 1, y = 2``. Refused
    where the text holds two different lists, more or fewer pairs, another unit, or speaks of speeds and curvatures.
``first-numbers``
    The first twelve numbers of the text.
"""

from __future__ import annotations

import re
from itertools import pairwise

from lightemma.frame import FloatArray
from lightemma.parsing.first_numbers import read_first_numbers
from lightemma.parsing.json_object import is_number, loads, refusal, to_float
from lightemma.parsing.kinds import MAX_ANSWER_CHARACTERS, MAX_SPEED, PAIRS, Kind, Pairs, Reading
from lightemma.parsing.signs import CURVATURE_UNIT, SPEED_UNIT, normalised
from lightemma.parsing.strict import read_strict
from lightemma.protocol import LIGHTEMMA, Tier

#: Metres that a car can go in three seconds, and in one step; a point further back than this is no plan of a car in traffic.
FARTHEST = MAX_SPEED * LIGHTEMMA.dt * PAIRS
LONGEST_STEP = MAX_SPEED * LIGHTEMMA.dt
FARTHEST_BACK = 5.0

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_METRES = r"(?:\s*m\b)?"
_NAME = {name: rf"[\"']?{name}[\"']?\s*[:=]\s*" for name in "xy"}
_PAIR_RE = re.compile(
    rf"[(\[]\s*(?P<x>{_NUMBER}){_METRES}\s*,\s*(?P<y>{_NUMBER}){_METRES}\s*,?\s*[)\]]"
    rf"|\b{_NAME['x']}(?P<nx>{_NUMBER}){_METRES}\s*[,;]?\s*{_NAME['y']}(?P<ny>{_NUMBER}){_METRES}"
    rf"|[\"']x[\"']\s*:\s*(?P<jx>{_NUMBER})\s*,\s*[\"']y[\"']\s*:\s*(?P<jy>{_NUMBER})",
    re.IGNORECASE,
)
_BETWEEN_RE = re.compile(r"[\s,;{}()\[\]]*")
_LABEL_RE = re.compile(r"[\s,;{}()\[\]]*\n[^\n]{0,40}?[:.)\-–]?\s*[({]?\s*")
_NEXT_LIST_RE = re.compile(r"[\])][^\w\[(]*[\[(]")
_SPEEDS_RE = re.compile(rf"[{SPEED_UNIT}{CURVATURE_UNIT}]|curvature|\bspeeds?\b.{{0,20}}[(\[]", re.IGNORECASE)
#: More between two pairs is no label.
_LONGEST_LABEL = 80
_UNITS_RE = re.compile(r"\b(?:km|cm|mm|feet|foot|ft|yards?|pixels?|px|kilomet\w+|centimet\w+)\b", re.IGNORECASE)
_SWAPPED_RE = re.compile(r"\(\s*y\s*,\s*x\s*\)", re.IGNORECASE)


def read_points(text: str, tier: Tier, *, as_json: bool) -> Reading:
    """Six points from an answer.

    Args:
        text: the answer.
        tier: how forgiving to be.
        as_json: whether the prompt asked for the JSON object.

    Returns:
        Pairs of x (metres, forward) and y (metres, left), or the reason why there are none.
    """
    if len(text) > MAX_ANSWER_CHARACTERS:
        return Reading(None, "too_long")
    if tier == "first-numbers":
        pairs = read_first_numbers(text)
        return Reading(pairs, None if pairs else "wrong_count")
    exact = _object(text) if as_json else Reading(read_strict(text), None)
    if exact.pairs is not None:
        return exact
    loose = _anywhere(normalised(text))
    if tier == "strict":
        return exact if as_json else Reading(None, loose.reason or "prose")
    return loose


def plausible_points(points: FloatArray) -> bool:
    """Whether a car could go there: six points (6, 2) in metres, no step above 60 m/s, hardly any way back."""
    before = (0.0, 0.0)
    for x, y in points.tolist():
        step = ((x - before[0]) ** 2 + (y - before[1]) ** 2) ** 0.5
        # NaN and infinity fail the comparisons by themselves.
        if not (abs(y) <= FARTHEST and -FARTHEST_BACK <= x <= FARTHEST and step <= LONGEST_STEP):
            return False
        before = (x, y)
    return True


def _object(text: str) -> Reading:
    value = loads(text)
    if not isinstance(value, dict):
        return Reading(None, refusal(text))
    points = value.get("points") if set(value) == {"points"} else None
    if not isinstance(points, list):
        return Reading(None, "invalid_json")
    if len(points) != PAIRS:
        return Reading(None, "wrong_count")
    read: Pairs = []
    for point in points:
        if not isinstance(point, dict) or set(point) != {"x", "y"} or not all(map(is_number, point.values())):
            return Reading(None, "wrong_shape")
        read.append((to_float(point["x"]), to_float(point["y"])))
    return Reading(read, None, 0, len(text), named=True)


def _anywhere(text: str) -> Reading:
    found = list(_PAIR_RE.finditer(text))
    if not found:
        cut = text.count("[") > text.count("]") or text.count("(") > text.count(")")
        return Reading(None, "empty" if not text.strip() else "truncated" if cut else "prose")
    against = _contradiction(text)
    if against:
        return Reading(None, against)
    lists = [group for group in _groups(text, found) if len(group) > 1] or [found]
    six = [[_pair(one) for one in group] for group in lists if len(group) == PAIRS]
    if not six:
        return Reading(None, "truncated" if _is_cut(text, found) else "wrong_count")
    if any(one != six[0] for one in six) or len(six) < len(lists):
        return Reading(None, "ambiguous")
    return Reading(six[0], "prose")


def _groups(text: str, found: list[re.Match[str]]) -> list[list[re.Match[str]]]:
    """Pairs that follow each other, with nothing but commas, brackets, or a short label at the beginning of a line between."""
    groups = [[found[0]]]
    for before, one in pairwise(found):
        between = text[before.end() : one.start()]
        near = len(between) <= _LONGEST_LABEL
        joined = near and (_BETWEEN_RE.fullmatch(between) or _LABEL_RE.fullmatch(between))
        # A list that ends and one that begins are two lists.
        if joined and not _NEXT_LIST_RE.search(between):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _pair(found: re.Match[str]) -> tuple[float, float]:
    x, y = (found["x"] or found["nx"] or found["jx"], found["y"] or found["ny"] or found["jy"])
    return float(x), float(y)


def _is_cut(text: str, found: list[re.Match[str]]) -> bool:
    rest = text[found[-1].end() :]
    return len(found) < PAIRS and not re.search(r"[\])}]", rest) and text[: found[0].start()].rstrip().endswith("[")


def _contradiction(text: str) -> Kind | None:
    if _UNITS_RE.search(text):
        return "units"
    if _SWAPPED_RE.search(text):
        return "order"
    return "other_quantity" if _SPEEDS_RE.search(text) else None
