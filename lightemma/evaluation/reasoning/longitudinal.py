"""What a statement says about speed: accelerate, keep, decelerate, stay stopped, or nothing clear."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import cast

from lightemma.evaluation.reasoning.cues import Mention
from lightemma.evaluation.reasoning.readings import Longitudinal
from lightemma.evaluation.reasoning.scan import Start, matches

_ADJECTIVES = (
    r"(?:(?!for\b|to\b|by\b|as\b|with\b|from\b|while\b|until\b|of\b|if\b|distance\b|any\b|ego\b|should\b|must\b|it\b|"
    r"vehicle\b|possibly\b|potentially\b|\w*celerat|and the\b|reduc|increas|decreas|turn|adjust)[\w,/'-]+ ){0,5}?"
)
_SLIGHT = r"(?:(?:even|only|just|very|a bit|slightly|gently|gradually|moderately|slowly|further|smoothly|cautiously) )*"
_SPEED = r"(?:speeds?|velocity|pace)\b"
_ZERO = r"(?:0(?:\.0+)?|zero)\b"

#: What -> pattern over lower-case text; tried in this order at every place.
PATTERNS: dict[str, str] = {
    "stay-stopped": (
        r"\b(?:remain\w*|stay\w*|keep\w*|be|being|held|hold|continu\w+ to (?:be|remain|stay)|continu\w+) "
        r"(?:\w+ly |at a |in (?:its|a|the) |its |a |the |current |complete )*"
        r"(?:stopped|stationary|still\b|stop\b|rest\b|halted|halt\b|motionless|immobile|at rest|in place|"
        r"standstill|parked)"
        r"|\b(?:maintain\w*|keep\w*|hold\w*|continu\w+) (?:with )?(?:its |the |a |this |in |current |complete |full |"
        r"fully )*"
        r"(?:stationary|stopped|stop\b|standstill|halt|"
        r"rest\b|idle)"
        rf"|\b(?:continu\w+ (?:to )?)?(?:maintain\w*|keep\w*|stay\w*|remain\w*|hold\w*) {_ADJECTIVES}(?:{_ZERO} (?:m/s|"
        rf"meters|speed|velocity|km/h)|"
        rf"{_SPEED}[^.;]{{0,12}}?(?:of|at|to|\(|is) ?(?:approximately |about )?{_ZERO}(?! ?\.?[1-9]))"
        r"|\b(?:not|never) (?:to )?(?:move|proceed|start|enter)\b|\bstationary state\b"
        r"|\bspeed of 0(?:\.0+)? m/s"
    ),
    "position": (
        r"\b(?:maintain\w*|keep\w*|hold\w*) (?:its |the |a |current )*position\b(?! (?:in|within|on|inside|near|"
        r"relative) (?:the |its )?(?:\w+ )?lane)"
    ),
    "wait": r"\bwait(?:ing)? (?:for|until|at|behind)\b",
    "keep": (
        rf"\b(?:maintain\w*|keep\w*|hold\w*|retain\w*|sustain\w*|preserv\w+|stay\w*|remain\w*|continu\w+|driv\w+|"
        rf"proceed\w*|travel\w*|mov\w+|cruis\w+|go\w*|adopt\w*|at) {_ADJECTIVES}"
        rf"(?:current|same|constant|steady|consistent|stable|moderate|present|existing|cautious|safe|"
        rf"appropriate|its|this|a|the|uniform|similar|low|slow|controlled|reasonable) (?:[\w,/-]+ ){{0,4}}?{_SPEED}"
        rf"|\b(?:maintain\w*|keep\w*|hold\w*) {_SPEED}"
        rf"|\b(?:maintain\w*|keep\w*|hold\w*) {_ADJECTIVES}{_SPEED}"
        r"|\b(?:maintain\w*|keep\w*|hold\w*)(?! or \w+ (?:its |the )?(?:current )?(?:ac|"
        r"de)celeration)(?= or (?:slightly |gently |gradually |moderately |slowly |further )*"
        r"(?:reduc|decreas|lower|increas|decelerat|accelerat|slow))"
        r"|\b(?:maintain\w*|keep\w*|continu\w+ (?:at|with)) (?:at )?(?:around |about |approximately |roughly |near )?"
        r"\d+(?:\.\d+)? ?(?:m/s|meters per second)(?!\^|/|2)"
        rf"|\bspeed (?:maintenance|constant|steady|unchanged)|\b(?:constant|steady|unchanged|same) {_SPEED}"
        rf"|\b(?:no|without(?: any)?) (?:significant |major |immediate |further |drastic |need (?:for|"
        rf"to) )?(?:any )?(?:change|adjustment|alter)s? "
        rf"(?:in|to|its|the)? ?(?:its |the |current )*{_SPEED}"
        r"|\bzero acceleration|\bacceleration of (?:0|zero)\b(?!\.[0-9]*[1-9])|\bneither accelerat\w+ nor decelerat\w+"
        r"|\bmaintain\w* (?:its |the )?current (?:driving )?(?:behaviou?r|state|motion|momentum|driving|"
        r"velocity)\b(?! of (?:acc|dec))"
    ),
    "accelerate": (
        r"\b(?:accelerat\w+|speed(?:ing)? up|pick(?:ing)? up (?:its |some )?(?:speed|pace)|"
        r"gain(?:ing)? (?:some )?speed|"
        rf"(?:increas|rais|build)\w*(?: up)? {_ADJECTIVES}{_SPEED}|speed (?:increase|up)\b|go faster|start moving|"
        rf"(?:begin|start)\w* (?:to move|moving)|resum\w+ (?:its )?(?:motion|movement|moving|driving))"
    ),
    "decelerate": (
        r"\b(?:decelerat\w+|deaccelerat\w+|(?:slow(?:s|ing)?)(?: (?:down|further|slightly|gently|gradually|its|to|"
        r"in|as|"
        r"for|and|enough|"
        r"approach|considerably|significantly|moderately|even)\b|(?=[,.;])|(?= $))|(?:(?<=to )|(?<=should )|(?<=must )|"
        r"(?<=gradually )|(?<=gently )|(?<=slightly )|(?<=further ))slow\b(?! speed| pace|-|ly)|"
        r"brak(?:e|es|ing)\b(?! light)|(?:apply|applying) (?:the )?brak\w+|"
        rf"(?:reduc|lower|decreas|drop|eas|moderat)\w*(?: (?:off|back))?(?: on)? {_ADJECTIVES}{_SPEED}|speed reduction|"
        rf"reduction in (?:its )?speed|"
        r"(?:com(?:e|es|ing)|roll\w*|glid\w*|bring\w*(?: \w+){0,3}|slow\w*) to (?:a |an )?(?:\w+ ){0,3}?(?:stop|halt|"
        r"standstill|rest)|"
        r"(?:(?<=to )|(?<=should )|(?<=must )|(?<=ly )|(?<=and )|(?<=then ))stop\b(?! sign| line| light| bar|"
        r" at(?:op)? sign| accelerat| decelerat| brak|ped)|"
        r"stopping\b(?! distance| at(?! the)| sign)|halt(?:ing)?\b|"
        r"(?:reduced|lower|slower|decreased) (?:\w+ )?speed|coast\w*)"
    ),
}  # fmt: skip

KINDS = ("accelerate", "keep", "decelerate", "stay-stopped", "wait", "position")
_STAYING = ("stay-stopped", "wait", "position")
#: Without one of these a statement does not say that the car stands.
_STANDING_WORDS = ("stop", "station", "0.0 m", "zero", "halt", "rest", "moving", "motion", "standing", "speed of 0")
#: The statement itself says that the car stands.
STANDS: dict[str, str] = {
    "stands": (
        r"\b(?:ego|ego vehicle|it|the vehicle)(?:'s)? (?:is|was|has been|had been|has|remained|remains|being)(?: (?!ahead|"
        r"behind|in\b)\w+){0,4}? "
        r"(?:stopped|stationary|standing|at rest|not moving)\b|\b(?:remain\w*|completely|already|fully|been|stay\w*|"
        r"vehicle being|currently) "
        r"(?:stopped|stationary|at rest)\b|\b(?:(?:has|had|have|having|is|was) (?:\w+ly )?come|came) to a (?:complete |"
        r"full )?"
        r"(?:stop|halt)\b|"
        r"\bat a (?:complete |full )?"
        r"(?:stop|standstill)\b|\bcurrent stop at\b|\bits (?:current )?(?:stationary|stopped)|\bnot (?:been |"
        r"currently )?(?:moving|in motion)\b"
    )
}
#: The same by a speed, wherever in a word it begins. Each begins with letters that a search goes to at once.
_SPEED_OF_ZERO = tuple(
    re.compile(pattern)
    for pattern in (
        r"speeds? (?:of |at |was |is |has been |have been |remained |being |showing )(?:consistently |constant(?:ly)? |at |"
        r"about |approximately |all |close to )*(?:0(?:\.0+)?(?![.\d])|zero\b)",
        r"cons(?:tant|istent\w*) (?:speed of )?(?:zero|0\.0)",
        r"0\.0 m/s(?<![\d.]0\.0 m/s)",
        r"zero (?:speed|velocity)",
        r"speed values (?:being|of|are|were) (?:all )?(?:close to )?(?:zero|0\.0)",
    )
)
#: Characters between two choices: "maintain its current speed, or even slightly decelerate".
_CHOICE = re.compile(r"[^.;]{0,45}?\bor\b[^.;]{0,40}")
#: "A steady or slightly reduced speed".
_EITHER = re.compile(
    rf"\b(?:current|same|constant|steady|stable|existing|present),? or (?:a |even )?{_SLIGHT}"
    r"(?:reduced|lower|slower|decreased|higher|increased|faster)\b"
)
#: "Maintain its speed and continue to decelerate" is no choice, and cannot be done.
_BOTH = re.compile(rf",? and (?:also )?(?:should )?(?:continue to |continue |start to |begin to )?{_SLIGHT}")
#: What two choices depend on prefers none of them.
_DEPENDS = re.compile(r"(?:[^.;]|\.(?=\d)){0,60}?\bdepending on\b")
#: "Keep a speed of 2 m/s (a slight acceleration)".
_THAT_IS = re.compile(r"[^.;()]{0,40}\((?:i\.e\.,? )?(?:an? |with )*(?:\w+ )?")
#: Says which of two choices comes first.
_PREFERS = re.compile(r"\b(?:primarily|preferably|ideally|mainly|mostly|primary)\b[^.;]{0,20}$")
#: Characters that this can have.
_PREFERRED = 40


def stands(text: str, starts: Sequence[Start]) -> bool:
    """Whether a statement itself says that the car stands.

    Args:
        text: lower-case.
        starts: where the patterns of ``STANDS`` can begin.
    """
    return any(word in text for word in _STANDING_WORDS) and (
        any(True for _ in matches(text, starts)) or any(pattern.search(text) for pattern in _SPEED_OF_ZERO)
    )


def choose(text: str, mentions: Sequence[Mention], stands: bool) -> Mention | None:
    """The mention that the statement is taken by: the first piece of firm advice; without one, the first weaker one.

    Weaker are, in this order: hedged advice, advice to be prepared, advice on a condition or for later, and what is
    said of the present without any cue. Where only changes are denied, and both of them, the speed is kept. Two firm choices
    side by side (``maintain or slightly reduce its speed``) are no advice. To keep the speed is to stay stopped where the
    statement itself says that the car stands.

    Args:
        text: lower-case.
        mentions: of ``PATTERNS``.
        stands: whether the statement says that the car stands, see :func:`stands`.
    """
    # To hold its position is to stay stopped only where the car stands; else it is the place in the lane.
    said = [mention for mention in mentions if mention.what in KINDS and (stands or mention.what != "position")]
    for test in _ORDER:
        found = next((mention for mention in said if test(mention)), None)
        if found is not None:
            return _settled(text, found, said, stands)
    denied = [mention for mention in said if mention.negated and mention.tense != "past"]
    if {"accelerate", "decelerate"} <= {mention.what for mention in denied}:
        first = denied[0]
        return _settled(text, Mention("keep", first.start, denied[-1].end, first.sentence, "advice"), said, stands)
    return None


def _settled(text: str, found: Mention, said: Sequence[Mention], stands: bool) -> Mention:
    if _is_choice(text, found, said, stands):
        settled = _settled_later(text, found, said, stands)
        if settled is None:
            return found._replace(what="choice")
        found = settled
    if found.what in _STAYING:
        return found._replace(what="stay-stopped")
    if found.what == "keep":
        meant = next(
            (
                one
                for one in said
                if one.firm
                and one.what in ("accelerate", "decelerate")
                and _THAT_IS.fullmatch(text[found.end : max(found.end, one.start)])
            ),
            None,
        )
        if meant is not None:
            return meant
    if found.what == "keep" and _class(text, found, stands) == "decelerate" and _beside(text, found, said):
        return found._replace(what="decelerate")
    if found.what == "keep":
        # "maintain its speed, remaining stopped": the second says what the first means.
        remain = next((other for other in said if other.what == "stay-stopped" and other.firm), None)
        if remain is not None and stands:
            return remain
        if stands and _still_stands(text, found):
            return found._replace(what="stay-stopped")
    return found


def _is_choice(text: str, found: Mention, said: Sequence[Mention], stands: bool) -> bool:
    """Whether another thing is said in the same breath, without a preference."""
    if found.firm and _EITHER.search(text[found.start : found.end]):
        return True
    other = next((one for one in said if one.start >= found.end and one.what != found.what), None)
    if other is None or _PREFERS.search(text, max(0, found.start - _PREFERRED), found.start):
        return False
    between = text[found.end : other.start]
    further = "keep" in (found.what, other.what) and "further" in text[other.start : other.end + 9]
    if len({_class(text, found, stands), _class(text, other, stands)}) < 2 and not further:
        return False
    if found.firm and other.firm and found.what == "keep" and _BOTH.fullmatch(between):
        return True
    if found.conditional:  # "slow down if ... or keep its speed if ...": none is said to be the case
        return other.advised and other.conditional and _CHOICE.fullmatch(between) is not None
    side_by_side = _CHOICE.fullmatch(between) is not None
    if found.hedged and other.hedged:
        return _maybe(found) and _maybe(other) and side_by_side
    open_ended = other.conditional and _DEPENDS.match(text, other.end) is not None
    return found.firm and (other.firm or _maybe(other) or open_ended) and side_by_side


def _beside(text: str, found: Mention, said: Sequence[Mention]) -> bool:
    """``Keep a very low speed or come to a stop``: both are to slow down."""
    return any(
        one.firm and one.what == "decelerate" and _CHOICE.fullmatch(text[found.end : max(found.end, one.start)])
        for one in said
    )


def _settled_later(text: str, found: Mention, said: Sequence[Mention], stands: bool) -> Mention | None:
    """A later sentence that says which of the two: ``the recommendation is to slow down``."""
    for one in said:
        # "Acceleration should be about 0.1 m/s2" says how much, should it be.
        if (
            one.firm
            and one.what not in _STAYING
            and one.start >= found.sentence[1]
            and "celeration" not in text[one.start : one.end]
        ):
            return None if _is_choice(text, one, said, stands) else one
    return None


def _maybe(mention: Mention) -> bool:
    """``Or possibly slow down a little``."""
    return mention.advised and mention.hedged and not (mention.conditional or mention.prepared or mention.later)


def _class(text: str, mention: Mention, stands: bool) -> str:
    """What a choice comes to: to keep a low speed is no other choice than to slow down."""
    low = mention.what == "keep" and _LOW.search(text[mention.start : mention.end]) is not None
    if mention.what in _STAYING or (mention.what == "keep" and stands and not low):
        return "stay-stopped"
    return "decelerate" if low else mention.what


#: Its "current lower speed" is the speed it has.
_LOW = re.compile(r"^(?!.*\b(?:current|present|this)\b).*\b(?:low|lower|slow|slower|reduced)\b")


def _still_stands(text: str, found: Mention) -> bool:
    """Whether the last thing said of the own speed before the advice is that the car stands."""
    return _MOVES.search(text[: found.start]) is None


#: The statement says that the car moves: a speed that is not zero.
_MOVES = re.compile(
    r"\b(?!0\.0+\b)(?!0\b)\d+(?:\.\d+)? ?(?:m/s|meters per second)(?!\^|\u00b2|2|/s)|"
    r"\bspeed (?:has )?(?:increas|decreas)\w+"
)


_ORDER: tuple[Callable[[Mention], bool], ...] = (
    lambda mention: mention.firm,
    lambda mention: mention.advised and mention.hedged and not (mention.conditional or mention.prepared),
    lambda mention: mention.advised and mention.prepared and not mention.conditional,
    lambda mention: mention.advised and mention.conditional,
    lambda mention: mention.advised,
    lambda mention: mention.tense == "none" and not mention.negated,
    lambda mention: mention.tense == "reason" and mention.what == "keep" and not mention.negated,
)


def label(mention: Mention | None) -> Longitudinal:
    """The value that a mention stands for."""
    found = "unclear" if mention is None or mention.what == "choice" else mention.what
    return cast("Longitudinal", found)
