"""What a statement says about steering: left, right, straight, a change of lane, or nothing clear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from lightemma.evaluation.reasoning.cues import Mention
from lightemma.evaluation.reasoning.readings import Lateral

_HOW = r"(?:(?!left|right|or\b|nor\b|and\b)[\w-]+ ){0,3}?"
_SMALL = r"(?:slight|minor|minimal|small|subtle|gentle|fine)(?:ly)?"
_NUDGE = (
    r"(?:adjust\w*|correct\w*|bias|tendency|drift\w*|shift\w*|offset|input|deviation|movement|lean\w*|compensat\w*)"
)
_VERB = r"(?:turn\w*|steer\w*|curv\w+|veer\w*|bend\w*|bear\w*|head\w*|arc\w*)"


def _turn(side: str) -> str:
    return (
        rf"\b{_VERB} {_HOW}(?:to (?:the|its) )?{side}(?:ward|wards|-hand)?\b(?! lane| side| or (?:left|right)|"
        rf" {_NUDGE})"
        rf"|\b{side}(?:ward|wards|-hand|hand)?[ -]{_HOW}(?:turn|curv|bend|arc|steer|trajectory|(?<!{side} )path\b|"
        rf"maneuver|"
        rf"manoeuvre|heading)\w*"
        r"(?! lane| signal| sign| arrow| only)"
        rf"|\b(?:turn|curve)-{side}\b"
        rf"|\bfollow\w* (?:the |its )?(?:current )?(?:lane|road|path|curve) to (?:the|its) {side}\b"
    )


def _nudge(side: str) -> str:
    return rf"\b{_NUDGE} {_HOW}(?:to (?:the|its) )?{side}(?:ward|wards)?\b|\b{side}(?:ward|wards)? {_HOW}{_NUDGE}\b"


def _beside(side: str) -> str:
    return (
        rf"\b(?:mov|shift|keep|stay|position|drift|lean)\w* {_HOW}(?:to (?:the|its) )?{side}(?:ward|wards)?\b"
        r"(?! (?:lane|curv|turn|bend|arc|trajectory|steer))"
    )


def _change(side: str) -> str:
    return (
        rf"\b(?:chang|switch|mov|shift|merg|transition)\w* {_HOW}(?:lanes? )?(?:in)?to (?:the |its )?{side}(?:most|"
        rf"-hand)?(?: lane|\b(?= and overtake))"
        rf"|\b{side} lane change|\blane change to (?:the |its )?{side}|\bmerg\w+ {side}\b|\bchang\w+ lanes? to (?:the |"
        rf"its )?{side}"
    )


#: What -> pattern over lower-case text; tried in this order at every place. ``slight-left`` and ``slight-right`` are
#: corrections inside the lane.
PATTERNS: dict[str, str] = {
    "lane-change-left": _change("left"),
    "lane-change-right": _change("right"),
    "lane-change": r"\b(?:change|switch)\w* (?:of )?lanes?\b|\blane[- ]chang\w+|\bovertak\w+",
    "straighten": (
        r"\b(?:straighten\w*(?: out)?,? (?:from|of)|reduc\w+|decreas\w+|minimi[sz]\w+|lessen\w*|unwind\w*|"
        r"eas\w+ (?:off|out of)) "
        r"(?:its |the |this |slight |gentle |current )*(?:left|right)(?:ward)?[ -](?:turn|curv|steer)\w*"
    ),
    "turn": rf"\bturn\w* {_HOW}left (?:or|nor) (?:to the )?right|\bturn\w* {_HOW}right (?:or|nor) (?:to the )?left|"
    rf"\bturns?\b(?! left| right| to the| signal)"
    r"(?= (?:at all|or|sharply|for|in|until)\b|[,.;)])|\bturning\b(?= (?:is|or|at)|[,.;)])|\bturning (?:adjustment|"
    r"maneuver|manoeuvre|"
    r"input|action)s?"
    r"|\b(?:sharp|abrupt|significant|sudden|any|major|drastic) (?:turn|steering|turning)\w*"
    r"|\b(?:left|right) or (?:right|left)(?: turn\w*)?|\bturn in either direction",
    "slight-left": _nudge("left"),
    "slight-right": _nudge("right"),
    "beside-left": _beside("left"),
    "beside-right": _beside("right"),
    "left": _turn("left"),
    "right": _turn("right"),
    "straight": (
        r"\b(?:follow\w*|keep\w*|stay\w*|remain\w*|maintain\w*|continu\w+|hold\w*|align\w*|adher\w+|track\w*|travel\w*|"
        r"driv\w+|proceed\w*)"
        r" (?:(?!left|right|until\b|speed|distance|should|if\b)[\w,'-]+ ){0,6}?(?:lanes?|road|path|course|heading|"
        r"direction|trajectory|street|straight|centered|"
        r"centred|forward|ahead|route|corridor)\b"
        r"|\bstraight\b|\blane[- ](?:keeping|following|centering|centring)\b|\bcentered\b|\b(?:zero|near-zero|minimal|"
        r"neutral) (?:steering|curvature)"
        r"|\bcurvature (?:\w+ ){0,4}(?:at|near|around|close to|of|to) (?:zero|0(?:\.0+)?\b(?!\.?\d))"
        r"|\bno (?:significant |major |immediate |further |need (?:for|to) )?(?:turning|turns?|steering|lateral)\b"
        r"|\bwithout (?:any |significant |making |initiating |further |left or right )*(?:turn|steer)\w*"
    ),
}  # fmt: skip

KINDS = ("left", "right", "straight", "lane-change-left", "lane-change-right")
_TURNS = ("left", "right", "lane-change-left", "lane-change-right")


def choose(text: str, mentions: Sequence[Mention]) -> Mention | None:
    """The mention that the statement is taken by: the first firm turn or change of lane, else the lane that is followed.

    To follow the lane and to turn do not exclude each other: a turn that is advised counts before a lane that is followed.
    Corrections inside the lane count only where nothing else is said.

    Args:
        text: lower-case.
        mentions: of ``PATTERNS``.
    """
    mentions = [one._replace(conditional=False) if _AS_NEEDED.match(text, one.end) else one for one in mentions]
    for test in (_firm, _advised, _named):
        said = [mention for mention in mentions if test(mention)]
        for group in (
            _TURNS,
            ("slight-left", "slight-right"),
            ("straight", "straighten"),
            ("beside-left", "beside-right"),
        ):
            found = next((mention for mention in said if mention.what in group), None)
            if found is not None:
                return _bent(found, mentions) if found.what == "straight" else found
    denied = next(
        (mention for mention in mentions if mention.negated and mention.tense != "past" and mention.what in _DENIED),
        None,
    )
    return denied and Mention("straight", denied.start, denied.end, denied.sentence, "advice")


#: "With a slight right turn as needed to stay in the lane": the road needs it.
_AS_NEEDED = re.compile(r" (?:[\w-]+ ){0,2}as (?:needed|necessary|required)\b")
#: Characters between a lane and the way it bends.
_SAME_BREATH = 50
_DENIED = ("turn", "left", "right", "lane-change")


def _firm(mention: Mention) -> bool:
    return mention.firm


def _advised(mention: Mention) -> bool:
    return mention.advised


def _named(mention: Mention) -> bool:
    return mention.tense == "none" and not mention.negated


def _bent(lane: Mention, mentions: Sequence[Mention]) -> Mention:
    """``Follow the lane as it curves left`` is a left turn."""
    for other in mentions:
        near = 0 <= other.start - lane.end <= _SAME_BREATH and other.sentence == lane.sentence
        if near and other.what in ("left", "right") and other.tense == "reason" and not other.negated:
            return other
    return lane


def label(mention: Mention | None) -> Lateral:
    """The value that a mention stands for."""
    if mention is None:
        return "unclear"
    found = mention.what.removeprefix("slight-").removeprefix("beside-").removesuffix("en")
    return cast("Lateral", "unclear" if found == "lane-change" else found)
