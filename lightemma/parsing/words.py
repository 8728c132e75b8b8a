"""Words that contradict a reading: another unit, multiples, the other order, other quantities, an example, a refusal.

Only statements count. ``the limit is 50 km/h`` is a remark; ``in km/h``, or a number of the list with km/h behind it, says
what the list is. A sentence that leads up to the list with ``for example`` makes it an example; one that ends before it
does not.
"""

from __future__ import annotations

import re

from lightemma.parsing import phrases
from lightemma.parsing.kinds import PAIRS, Kind, Pairs
from lightemma.parsing.names import role_of
from lightemma.parsing.signs import CURVATURE_UNIT, SPEED_UNIT

_LETTER_RE = re.compile(r"[^\W\d_]")
_UNIT_IN_BRACKETS_RE = re.compile(rf"\s?[(\[]\s*[{SPEED_UNIT}{CURVATURE_UNIT}]\s*[)\]]")
_FINISHED_RE = re.compile(r"(?:[^\W\d_]{2}|[)\d])[.!?。！？]\s*$")
_COORDINATES_RE = re.compile(
    r"\s*(?:(?:d|Δ|δ)?x[\W_]?\w{0,2}\s*,\s*(?:d|Δ|δ)?y[\W_]?\w{0,2}|lat\w*\s*,\s*lon\w*)\s*", re.IGNORECASE
)


def contradiction(text: str, start: int, end: int, pairs: Pairs, *, named: bool) -> Kind | None:
    """What the words around (and in) a list say against reading it as speeds in m/s and curvatures in 1/m, in this order.

    Args:
        text: the normalised answer.
        start: where the list begins.
        end: where it ends.
        pairs: the reading.
        named: True if each number has its name, so that nothing can be said about the order.
    """
    if _LETTER_RE.search(text) is None and "\u00d7" not in text and "*" not in text:
        return None
    before, after = _lead(text[:start]), _sequel(text[end:])
    # What names mean is easier to see without units.
    plain = _UNIT_IN_BRACKETS_RE.sub("", text)
    return (
        _example(before, after)
        or ("refusal" if _refuses(text, start, before) else None)
        or ("units" if _other_units(text, pairs) else None)
        or ("scale" if phrases.SCALE_RE.search(text if named else f"{text[:start]} ; {text[end:]}") else None)
        or _headings(plain, (_UNIT_IN_BRACKETS_RE.sub("", before), after), named=named)
        or ("other_quantity" if not named and _other_places(before, after) else None)
    )


def has_other_units(text: str) -> bool:
    """Whether a text that could not be read has numbers in another unit, as many as a plan has steps."""
    units = [
        unit
        for unit in phrases.OTHER_UNIT_RE.finditer(text)
        if phrases.NUMBER_BEFORE_RE.search(text[max(0, unit.start() - 40) : unit.start()])
    ]
    return len(units) >= PAIRS


def _lead(before: str) -> str:
    """The sentence that leads up to the list."""
    lines = before.rstrip(" \t\n\"'([{").rsplit("\n", 1)
    if lines[-1].endswith("]"):
        return ""  # the line leads up to a bracket of its own
    return phrases.SENTENCE_END_RE.split(lines[-1][-400:])[-1]


def _sequel(after: str) -> str:
    """The sentence behind the list."""
    stripped = after.lstrip(" \t\n\"')]}.,;")
    return stripped.split("\n", 1)[0][:300]


def _example(before: str, after: str) -> Kind | None:
    # A finished sentence does not lead up to the list, unless it is about answers.
    leads = not _FINISHED_RE.search(before) or phrases.ABOUT_ANSWERS_RE.search(before)
    if leads and phrases.EXAMPLE_RE.search(before) and not phrases.NO_EXAMPLE_RE.search(before):
        return "example"
    if phrases.AS_IF_RE.search(before) or (phrases.LIKE_RE.search(before) and phrases.MUST_RE.search(before)):
        return "example"
    form = phrases.FORMAT_RE.search(before)
    if form and _FINISHED_RE.search(before) and not phrases.MUST_RE.search(before):
        form = None
    if form and (
        phrases.MUST_RE.search(before)
        # "in the format (speed, curvature):" says what the numbers are, "here is the plan in the format:" offers them
        or not (
            phrases.NAMES_IN_BRACKETS_RE.search(before, form.end())
            or phrases.OFFER_RE.search(before)
            or phrases.NO_EXAMPLE_RE.search(before)
        )
    ):
        return "example"
    return "example" if phrases.EXAMPLE_BEHIND_RE.search(after) else None


def _refuses(text: str, start: int, lead: str) -> bool:
    refusals = list(phrases.REFUSAL_RE.finditer(text))
    if not refusals:
        return False
    offers = list(phrases.OFFER_RE.finditer(lead))
    if not offers:
        return True
    # "I cannot give exact values, but here is my best estimate:" is an answer, "Here is why I cannot help:" is none.
    last = refusals[-1]
    return last.start() > start or last.end() > start - len(lead) + offers[-1].start()


def _other_units(text: str, pairs: Pairs) -> bool:
    listed = {abs(number) for pair in pairs for number in pair}
    for unit in phrases.OTHER_UNIT_RE.finditer(text):
        head = text[max(0, unit.start() - 40) : unit.start()]
        number = phrases.NUMBER_BEFORE_RE.search(head)
        if number:
            value = float(number[1])
            if value and value in listed:
                return True
            continue
        behind = phrases.NUMBER_BEHIND_RE.match(text, unit.end())
        if behind and float(behind[1]) not in listed:
            continue
        if not phrases.DENIED_RE.search(head) and not phrases.REMARKED_RE.match(text, unit.end()):
            return True
    return False


def _headings(text: str, near: tuple[str, str], *, named: bool) -> Kind | None:
    if named:
        return None
    for heading in phrases.HEADING_RE.finditer(text):
        first, second = role_of(heading[1]), role_of(heading[2])
        if first == "curvature" and second == "speed":
            return "order"
        # "(x, y)" anywhere; "(position, speed)" only where it is the list's heading
        if _COORDINATES_RE.fullmatch(f"{heading[1]},{heading[2]}"):
            return "other_quantity"
        ours = {first, second} == {"speed", "curvature"} or first == second != "other"
        if first and second and not ours and _is_heading(heading[0], near):
            return "other_quantity"
    return "order" if phrases.ORDER_RE.search(text) else None


def _is_heading(heading: str, near: tuple[str, str]) -> bool:
    """Whether a bracket of names leads up to the list or follows right behind it."""
    before, after = near
    _, found, rest = before.rpartition(heading)
    if found and (len(rest.split()) < 5 and not rest.rstrip().endswith(".")):
        return True
    return -1 < after.find(heading) < 20


def _other_places(before: str, after: str) -> bool:
    names_ours = phrases.SPEED_RE.search(before) is not None and phrases.CURVATURE_RE.search(before) is not None
    leads = (phrases.OTHER_LEAD_RE, phrases.WAYPOINTS_RE, phrases.METRES_RE)
    if not names_ours and any(lead.search(before) for lead in leads):
        return True
    if phrases.SPEED_RE.search(after) and phrases.CURVATURE_RE.search(after):
        return False
    if phrases.X_IS_RE.search(before) or phrases.X_IS_RE.search(after):
        return True
    return phrases.OTHER_BEHIND_RE.search(after) is not None or phrases.METRES_BEHIND_RE.search(after) is not None
