"""What a description of a scene claims: a red or green light, a person, a vehicle ahead, roadworks, bad weather."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lightemma.evaluation.reasoning.cue_words import END
from lightemma.evaluation.reasoning.readings import Claim
from lightemma.evaluation.reasoning.scan import Start, matches

_VEHICLE = (
    r"(?:vehicles?|cars?|trucks?|bus(?:es)?|vans?|suvs?|sedans?|motorcycles?|motorcyclists?|hatchbacks?|taxis?|cabs?|"
    r"pickups?|trailers?|"
    r"lorr(?:y|ies)|minivans?|jeeps?|scooters?|convertibles?|coupes?|wagons?)"
)
_LIGHT = r"(?:(?:traffic |stop |signal )?(?:lights?|signals?)|stoplights?)"
_GAP = (
    r"(?:(?!(?:green|red|yellow|amber|pedestrian|commercial|industrial|buildings?|trees?|pole|car|truck|vehicle|"
    r"gr[ae]y)\b)[\w'/-]+,? ){0,9}?"
)
_OTHER_LIGHTS = r"(?<!brake )(?<!tail )(?<!rear )(?<!taillight )"


def _light(colour: str) -> str:
    return (
        rf"\b{colour}(?:,| and \w+)? (?:\w+[- ]){{0,2}}?{_LIGHT}\b(?! on the (?:car|vehicle|back|rear)|s? of (?:the|"
        rf"a) (?:car|vehicle|truck|bus))"
        rf"|{_OTHER_LIGHTS}\b{_LIGHT} {_GAP}(?:is|are|show\w*|display\w*|turn\w*|indicat\w*|appear\w*|remain\w*|"
        rf"currently|"
        rf"with|in|at|on|"
        rf"emit\w*|signal\w*|illuminat\w*|lit|seem\w*|visible|glow\w*|reads?)?,? {_GAP}{colour}\b"
        r"(?=[.,;)]|$| (?:for|and|indicat\w+|allow\w*|in|at|on|as|but|suggest\w+|which|signals?|lights?(?! on)|arrows?|"
        r"with|while|there|the|a|so|"
        r"meaning|permit\w*|or|signifying|requiring|circles?|illuminat\w*)\b)"
        rf"|\b{colour} (?:left |right |straight |turn )?arrows?\b(?= (?:light|signal))|\blights? \({colour}\)|"
        rf"\bsignals? \({colour}\)"
    )


#: Field -> patterns that name it, over lower-case text.
PATTERNS: dict[str, str] = {
    "red_light": _light("red"),
    "green_light": _light("green"),
    "person": (
        r"\b(?<!for )(?:pedestrians?|persons?|people|individuals?|passersby|passers-by|bystanders?|man|men|woman|"
        r"women|child|"
        r"children|kids?|"
        r"workers?|officers?|policem[ae]n|someone|jogger|joggers|runners?|foot traffic|pedestrian activity)\b"
        r"(?! (?:crossing (?:sign|symbol|area|zone|ahead|mark|light|signal|is|with|and|or|at|in|on the|located|visible|"
        r"line|strip|button|warning|lane)|crossings?\b(?! the| in front| from| at the| a)|"
        r"crosswalks?|signals?|signs?|walkways?|walks?\b(?=way)|bridges?|overpass\w*|lights?|traffic|"
        r"lanes?|zones?|areas?|paths?|"
        r"pathways?|symbols?|islands?|barriers?|underpass|refuge|safety|markings?|infrastructure|access|priority|"
        r"railing|"
        r"warning|right|guard|or vehicular|"
        r"and vehic|bicycle|footbridge|plaza|mall|street|alley|sidewalks?|passage|stripes|control|button|gate|fence|"
        r"refuge|friendly|ramp|tunnel|walk\b|traffic light|stop|-friendly))"
    ),
    "lead_vehicle": (
        # A vehicle ... ahead, driving the same way, or seen from behind.
        rf"\b{_VEHICLE}\b(?! parked| are parked| is parked)(?:(?!parked|oncoming|opposite|towards|approaching|"
        rf"building)[^.;]){{0,60}}?\b"
        r"(?:ahead|in front|in the (?:same|ego|ego's|our|current) lane|"
        r"(?:travel|driv|mov|head|proceed|go)\w* (?:in )?(?:the )?same direction|away from (?:the |us)?(?:camera|"
        r"viewer|"
        r"ego)?|"
        r"moving forward|(?:brake|tail|rear) ?lights?)\b(?! of a parked)"
        # Ahead ... a vehicle.
        r"|\b(?:(?<!light )(?<!lights )(?<!signal )(?<!intersection )(?:directly |immediately |"
        r"further )?(?<!light )(?<!lights )(?<!intersection )ahead|in front)(?: of (?:the (?:ego|camera|vehicle|viewer|"
        r"car)(?: vehicle| car)?|us|it))?"
        r"(?: in the (?:\w+ ){0,2}lane)?,? (?:(?:is|are|there is|there's|there are|a|an|the|several|multiple|two|three|"
        r"another|one|we|see) )+"
        rf"(?:[\w-]+ ){{0,4}}?{_VEHICLE}\b"
        rf"|\b(?:lead|leading|preceding|front) (?:\w+ )?{_VEHICLE}\b"
        # In the lane that is driven in, or waiting at its light.
        rf"|\b{_VEHICLE}\b(?:(?!parked|oncoming|opposite|left|right|adjacent)[^.;]){{0,50}}?\b(?:in the (?:center|"
        rf"centre|middle)(?: of the)? "
        r"(?:lane|road)|in the middle of the lane|in (?:the|our) (?:lane of travel|travel lane|"
        r"current (?:travel )?lane)|in both lanes|in the lanes|"
        r"driving away|on (?:its|the) rear)\b"
        rf"|\b(?:a|an) (?:[\w-]+ ){{0,3}}?{_VEHICLE}\b(?<!s)(?: \w+){{0,3}}? (?:stopped|waiting|halted) at (?:a|"
        rf"the) (?:red )?(?:traffic |stop)?light\b"
        rf"|\bin the (?:lane of travel|(?:current )?travel lane|current lane),? (?:[\w-]+ ){{0,5}}?{_VEHICLE}\b"
        rf"|\b(?:following|(?:ego|we|camera)\b[^.;,]{{0,45}}? (?:behind|tailing)) (?:a|an|the|"
        rf"another) (?:[\w-]+ ){{0,3}}?{_VEHICLE}\b"
        r"|\b(?:traffic|congestion|queue\w*) (?:is |directly |visible |immediately )?ahead\b"
    ),
    "roadworks": (
        r"\b(?:road ?works?\b|construction (?:zone|area|work|barrier|barricade|cone|equipment|vehicle|sign|"
        r"material|fence|"
        r"fencing|crew|machine|truck|barrel|marker)\w*|(?:road|street|lane|highway|side of the (?:street|road)) (?:is |"
        r"are )?"
        r"(?:currently |partially )?(?:under (?:construction|repair)|being repaired)|road construction|cones?\b|"
        r"(?:work|working) (?:zone|area)s?|excavators?|(?:traffic|orange)(?: and white)?(?: striped)? (?:barrels?|"
        r"drums?|"
        r"barricades?)|barrels\b|road (?:repair|maintenance)s?|pylons?|(?:orange|plastic|temporary|water-filled|"
        r"red and white)(?: and white)?(?: plastic| striped| traffic| safety| construction)* (?:barriers?|barricades?|"
        r"fenc\w+))"
    ),
    "bad_weather": (
        r"\b(?:rain(?:y|ing|fall|s|drops?|water)?\b|drizzl\w+|wet\b|snow\w*|fog(?:gy)?\b|mist(?:y)?\b|storm\w*|"
        r"hail|sleet|"
        r"icy\b|damp\b|slick\b|slippery|water droplets|puddles?|inclement|hazy\b|haze\b)"
    ),
}  # fmt: skip

#: What is said instead, and denies the field: a clear day.
_DENYING: dict[str, str] = {
    "bad_weather": (
        r"\b(?:weather (?:conditions? )?(?:\w+ ){0,3}?(?:is|are|seems?|appears?|looks?)?(?: to be)? ?(?:\w+ )?(?:clear|"
        r"sunny|fair|good|fine|dry|pleasant|bright)|clear (?:weather|skies|sky|day)|sunny|"
        r"sky (?:\w+ ){0,4}?(?:clear|blue)|clear,? (?:and )?(?:blue|sunny)|blue sk(?:y|ies)|dry (?:road|weather|"
        r"pavement|"
        r"surface|condition)s?|(?:road|pavement|surface) (?:\w+ ){0,3}?dry)\b"
    ),
}
#: Denies both lights: where there is no traffic light at all, none is red.
_NO_LIGHTS = (
    r"\b(?:no|not any|without(?: any)?|absence of|lack of|neither|nor)\b(?:(?! (?:is|are|there|but|"
    r"while)\b)[^.;]){0,70}?\b(?:traffic (?:lights?|signals?)|traffic control (?:signals?|devices?)|signals?\b(?! to))"
)
_NO_VEHICLES = (
    r"\b(?:no|not|without(?: any)?|absence of|lack of|neither|nor|devoid of|clear of|free of|empty of)\b"
    rf"(?:(?! (?:is|are|there|but|while|parked|and the|of the|aside|except|"
    rf"approaching)\b)[^.;]){{0,60}}?\b(?:{_VEHICLE}\b(?! parked)|traffic\b(?! (?:light|"
    rf"signal|control|sign|congest|cone|lane)))"
)
#: "No other vehicles" after one that drives: there is one, wherever it is.
_OTHER_VEHICLES = re.compile(r"\bother (?:[\w-]+ )?$")
_ONE_VEHICLE = re.compile(rf"(?<!parked )\b{_VEHICLE}\b(?! (?:\w+ )?parked)(?! (?:stops?|lanes?)\b)")
#: A vehicle that stands at the kerb or drives another way is none ahead, whatever is said of its place.
_ELSEWHERE = re.compile(
    r"\b(?:parked|oncoming|opposite direction|adjacent lane|other lane|crossing the|in the intersection|"
    r"(?:left|right)[- ]turn lane|ahead on the (?:left|right)|ahead of a)\b"
)
_NEXT = re.compile(r",| (?:and|while|with) ")
_AND = re.compile(r"\band (?=(?:a|an|some|several|two|there|few|multiple)\b)")
_CLAUSE = re.compile(
    r",? (?:but|however|although|though|while|whereas)\b|, (?:with|and) (?=(?:a|an|the|several|two|three|some|"
    r"there)\b)|"
    r", (?:the|a|an|there)\b|"
    # Unpunctuated answers: what begins a new statement.
    r" there (?:is|are) (?!no)|\bthe (?:sky|overall|weather|scene|environment|road (?:is|appears|surface|has)|"
    r"traffic lights?|lane markings)|"
    r"\bwith (?=(?:only|a|an|several|some|two|multiple)\b)|\bon the (?:left|right)\b|\b(?:several|multiple|some|"
    r"two|three) "
)
_NEGATION = re.compile(
    r"\b(?:no|not|without|none|neither|nor|never|absence of|lack of|devoid of|free (?:of|from)|clear of|empty of|"
    r"cannot|"
    r"isn't|aren't|hardly)\b|n't\b|\binvisible\b"
)
_AFTER_NEGATION = re.compile(
    r"^[^.;,]{0,45}?\b(?:(?:is|are|was|were|can|be)(?: \w+ly)?(?: not|n't)\b|(?:is|are) (?:absent|missing)|"
    r"cannot be seen|"
    r"can be seen neither|not (?:clearly |immediately |currently )?(?:visible|present|seen))"
)
_HEDGE = re.compile(
    r"\b(?:possibly|perhaps|maybe|may|might|could|likely|probably|potential(?:ly)?|presumably|what (?:seems|looks|"
    r"could)|"
    r"seem(?:s|ing)?|unclear|uncertain|or possibly|suggest\w* (?:recent|possible|that it|a recent)|if any|any)\b"
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a text says about one field.

    Attributes:
        claim: ``claimed`` where one mention asserts it; else ``hedged``, ``denied`` or ``absent`` (not mentioned).
        start: first character of the mention that decides; 0 where there is none.
        end: one past its last character.
    """

    claim: Claim
    start: int = 0
    end: int = 0


_ABSENT = Claimed("absent")
#: What :func:`read_claims` wants to know the starts of: each field, what denies them, and the ends of sentences.
KINDS: list[Mapping[str, str]] = [
    *({field: pattern} for field, pattern in PATTERNS.items()),
    *({field: pattern} for field, pattern in _DENYING.items()),
    {"no_vehicles": _NO_VEHICLES},
    {"no_lights": _NO_LIGHTS},
    {},
]
KINDS_OF_SIGNS: list[Mapping[str, str]] = [*({} for _ in KINDS[:-1]), {"end": END}]


def read_claims(text: str, starts: Sequence[Sequence[Start]]) -> dict[str, Claimed]:
    """What a description claims, field by field.

    Args:
        text: lower-case, see :func:`~lightemma.evaluation.reasoning.cues.plain`.
        starts: of ``KINDS``, in their order.
    """
    *of_fields, bad_weather, no_vehicles, no_lights, ends = starts
    sentences = _sentences(text, ends) if any(of_fields) else []
    found = {
        field: _read(text, sentences, begins, ahead=field == "lead_vehicle") if begins else _ABSENT
        for field, begins in zip(PATTERNS, of_fields, strict=True)
    }
    if found["bad_weather"].claim == "absent":
        for match, _ in matches(text, bad_weather):
            found["bad_weather"] = Claimed("denied", match.start(), match.end())
            break
    if found["lead_vehicle"].claim == "absent":
        for match, _ in matches(text, no_vehicles):
            if not _another(text, match):
                found["lead_vehicle"] = Claimed("denied", match.start(), match.end())
            break
    if found["red_light"].claim == found["green_light"].claim == "absent":
        for match, _ in matches(text, no_lights):
            denied = Claimed("denied", match.start(), match.end())
            found |= {"red_light": denied, "green_light": denied}
            break
    return found


def _another(text: str, denial: re.Match[str]) -> bool:
    """Whether the vehicles that are denied are others than one that was told before."""
    vehicle = re.search(rf"{_VEHICLE}$", denial.group())
    if vehicle is None or not _OTHER_VEHICLES.search(denial.group()[: vehicle.start()]):
        return False
    before = text[max(0, denial.start() - _FAR) : denial.start()]
    return any(
        "parked" not in before[max(0, one.start() - 40) : one.end() + 40] for one in _ONE_VEHICLE.finditer(before)
    )


def _sentences(text: str, ends: Sequence[Start]) -> list[tuple[int, int]]:
    places, start = [], 0
    for match, _ in matches(text, ends):
        places.append((start, match.end()))
        start = match.end()
    places.append((start, len(text)))
    return places


#: Characters before and after a mention in which words can change it: a bound for text without end, far beyond any clause.
_FAR = 600
_STRENGTH: Sequence[Claim] = ("absent", "denied", "hedged", "claimed")


def _read(text: str, sentences: Sequence[tuple[int, int]], begins: Sequence[Start], ahead: bool) -> Claimed:
    best = _ABSENT
    for match, _ in matches(text, begins):
        low, high = sentences[bisect_right(sentences, (match.start(), len(text))) - 1]
        low = max(low, match.start() - _FAR)
        high = min(high, match.end() + _FAR)
        before, after = text[low : match.start()], text[match.end() : high]
        if ahead and _ELSEWHERE.search(_AND.split(_clause(before))[-1] + match.group() + _NEXT.split(after[:30])[0]):
            continue
        claim = _state(before, match.group(), after)
        if _STRENGTH.index(claim) > _STRENGTH.index(best.claim):
            best = Claimed(claim, match.start(), match.end())
        if claim == "claimed":
            break
    return best


def _clause(before: str) -> str:
    breaks = list(_CLAUSE.finditer(before))
    return before[breaks[-1].start() :] if breaks else before


def _state(before: str, said: str, after: str) -> Claim:
    """Whether a mention asserts, denies or hedges, by the words of its clause before and after it."""
    clause = _clause(before)
    if _NEGATION.search(clause) or _NEGATION.search(said) or _AFTER_NEGATION.match(after):
        return "denied"
    if _HEDGE.search(_AND.split(clause)[-1][-60:]) or re.search(r"\b(?:possibly|might|may|could|likely)\b", said):
        return "hedged"
    return "claimed"
