"""The words that decide how a mention counts: past or advice, negated, on a condition, hedged, of somebody else.

One pass over a text: cues and mentions are handled in the order in which they stand, so that each mention takes the state that
the cues before it have left. docs/reasoning.md prints the rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lightemma.evaluation.reasoning.scan import Start, matches

Tense = Literal["advice", "past", "reason", "none"]

#: Longest text that is read; a runaway answer says nothing new after that.
LONGEST_TEXT = 20_000
#: Characters between a mention and what judges it: "slowing down at this point would be appropriate".
_NEAR = 110
#: Between a mention and the condition behind it: "slow down by about 0.2 m/s per second if the car ahead brakes".
_TRAILING = 80
#: "Slow down so that it can stop if somebody steps out": the condition is of the purpose, the advice is firm.
_PURPOSE = re.compile(
    r"\b(?:to (?:ensure|enhance|increase|improve|allow|provide|give|be able|leave)|so (?:that|as)|in order)\b"
)
#: "The turn to the left is probably due to the road".
_TELLS = re.compile(r" ?(?:(?:is|was) (?:\w+ly )?)?")
_SO = ("therefore", "thus", "hence", "consequently")
#: A verb in the past needs no cue.
_TOLD = re.compile(r"^(?:ac|de)celerated|^(?:slowed|braked|stopped)\b")
#: And between a mention and what limits it: "any acceleration at all should be avoided".
_CLOSE = 25
#: What stands between the members of a list: "accelerating, braking or turning is not needed".
_LISTED = re.compile(r"[ ,]*(?:(?:or|and|nor)[ ]?)?(?:any |further )?")


#: What was found, and its name.
Cue = tuple[re.Match[str], str]


class Mention(NamedTuple):
    """One place of a text that names something.

    Attributes:
        what: which thing, such as ``decelerate``.
        start: first character.
        end: one past the last character.
        sentence: first and one past the last character of its sentence.
        tense: ``advice`` about the next seconds, ``past`` history told, ``reason`` why, ``none`` where no cue says.
        negated: said not to be.
        conditional: only if, when or once something happens.
        hedged: may, might, possibly.
        prepared: only to be ready for.
        later: after something else that comes first.
    """

    what: str
    start: int
    end: int
    sentence: tuple[int, int]
    tense: Tense = "none"
    negated: bool = False
    conditional: bool = False
    hedged: bool = False
    prepared: bool = False
    later: bool = False

    @property
    def advised(self) -> bool:
        """Whether it is what should be done."""
        return self.tense == "advice" and not self.negated

    @property
    def firm(self) -> bool:
        """Advice without if and but."""
        weak = self.negated or self.conditional or self.hedged or self.prepared or self.later
        return self.tense == "advice" and not weak


def find_cues(text: str, starts: Sequence[Start]) -> list[Cue]:
    """The cues of a text, in order; they serve every kind of mention.

    Args:
        text: lower-case, see :func:`plain`.
        starts: where the patterns of ``CUES`` and ``SIGNS`` can begin.
    """
    return list(matches(text, starts))


def find_mentions(text: str, starts: Sequence[Start], cues: Sequence[Cue]) -> list[Mention]:
    """What a text names, in order, with the state that the cues around give.

    Args:
        text: lower-case, see :func:`plain`.
        starts: where the patterns of this kind of mention can begin.
        cues: of the text, see :func:`find_cues`.
    """
    found = list(matches(text, starts))
    return _States().walk(text, cues, found) if found else []


@dataclass(slots=True)
class _States:
    tense: Tense = "none"
    advised: bool = False  # advice was met somewhere before
    advising: bool = False  # and in this sentence
    negated: bool = False
    conditional: bool = False
    leading: bool = False  # the condition opened its sentence and governs all of it
    hedged: bool = False
    prepared: bool = False
    later: bool = False
    other: bool = False
    before_reason: Tense = "none"
    reasons: int = 0  # mentions of the sentence before its last reason

    def walk(self, text: str, cues: Sequence[Cue], found: Sequence[Cue]) -> list[Mention]:
        """The mentions of a text, once their sentence is over; a cue inside a mention is part of it."""
        done: list[Mention] = []
        start, mentions = 0, list[Mention]()
        left, waiting, free = len(found), iter((*found, None)), 0
        mention = next(waiting)
        for cue, name in (*cues, (None, "")):
            at = len(text) if cue is None else cue.start()
            while mention is not None and (cue is None or mention[0].start() <= at):
                if not self.other:
                    mentions.append(self._mention(mention[1], mention[0]))
                free, left = mention[0].end(), left - 1
                mention = next(waiting)
            if cue is None or at < free:
                continue
            if name == "end" or (name == "opening" and not self.advising):
                end = cue.end() if name == "end" else at
                done += self._finish(mentions, (start, end))
                if not left:
                    return done
                start, mentions = end, []
                if name == "opening":
                    self.tense = "reason"
            else:
                _HANDLERS[name](self, cue, mentions)
        return [*done, *self._finish(mentions, (start, len(text)))]

    def _mention(self, what: str, match: re.Match[str]) -> Mention:
        told = not self.advising and _TOLD.search(match.group()) is not None  # "it slightly decelerated"
        tense: Tense = "past" if told else self.tense
        return Mention(
            what, match.start(), match.end(), (0, 0), tense, self.negated, self.conditional, self.hedged,
            self.prepared, self.later,
        )  # fmt: skip

    def _finish(self, mentions: list[Mention], sentence: tuple[int, int]) -> list[Mention]:
        """A sentence's mentions; what follows is another one."""
        # A sentence after advice, without a cue of its own, goes on advising.
        self.tense = "advice" if self.advised else "none"
        self.negated = self.conditional = self.leading = self.hedged = self.prepared = self.later = self.other = False
        self.advising = False
        return [mention._replace(sentence=sentence) for mention in mentions]

    def _clear(self) -> None:
        self.negated = self.hedged = self.prepared = self.other = False
        if not self.leading:
            self.conditional = False

    def _on_future(self, match: re.Match[str], mentions: list[Mention]) -> None:
        self.advised = True
        # "Its previous intent was therefore to accelerate" is history still.
        told = self.tense == "past" and match.group() in _SO
        if self.tense != "reason" and not told:
            self.tense = "advice"

    def _on_advice(self, match: re.Match[str], mentions: list[Mention]) -> None:
        self._clear()
        self.later, self.advising = False, True
        self.tense, self.advised = "advice", True

    def _on_limit(self, match: re.Match[str], mentions: list[Mention]) -> None:
        """``Acceleration should be avoided`` denies it, ``should be moderate`` does not advise it."""
        denied = match["limit_not"] is not None
        if mentions and match.start() - mentions[-1].end <= _CLOSE:
            mentions[-1] = mentions[-1]._replace(tense="advice", negated=denied or mentions[-1].negated, hedged=True)
        self._on_advice(match, mentions)

    def _on_weak(self, match: re.Match[str], mentions: list[Mention]) -> None:
        if self.tense == "reason" and match["weak_ego"] is None:
            return
        self.negated = self.prepared = False
        self.tense, self.hedged, self.advised = "advice", True, True

    def _on_past(self, match: re.Match[str], mentions: list[Mention]) -> None:
        self.tense, self.negated = "past", False

    def _on_reason(self, match: re.Match[str], mentions: list[Mention]) -> None:
        said = match.group()
        told = said.startswith(("suggest", "indicat", "due to")) and not self.advising and bool(mentions)
        apart = match.string[mentions[-1].end : match.start()] if told else ""
        if told and mentions[-1].tense == "advice" and _TELLS.fullmatch(apart):
            # "The rightward curvature suggests ..." tells what is, though no cue says so.
            mentions[-1] = mentions[-1]._replace(tense="reason")
        if self.tense != "reason":
            self.before_reason = self.tense
        self.reasons = len(mentions)
        self.tense = "reason"
        self.hedged = self.prepared = False

    def _on_negation(self, match: re.Match[str], mentions: list[Mention]) -> None:
        self.negated = True

    def _on_restart(self, match: re.Match[str], mentions: list[Mention]) -> None:
        self.negated = self.prepared = self.hedged = self.other = False
        if match.group().startswith(("but", "however", "instead", "so")):
            self.later = self.conditional = self.leading = False
        if self.tense == "reason" and self.before_reason == "advice":
            self.tense = "advice"

    def _on_comma(self, match: re.Match[str], mentions: list[Mention]) -> None:
        self.other = self.prepared = False
        if self.conditional and not self.leading:
            self.conditional = False
        # "no obstacle ahead, keeping ..." ends what is denied; "no need to accelerate, brake or turn" does not.
        if match.group() in _NEW_STATEMENT:
            self.negated = False
        if self.tense == "reason" and self.before_reason == "advice" and self.reasons == len(mentions):
            self.tense = "advice"

    def _on_other(self, match: re.Match[str], mentions: list[Mention]) -> None:
        self.other = True

    def _on_later(self, match: re.Match[str], mentions: list[Mention]) -> None:
        self.later = any(mention.tense == "advice" for mention in mentions)

    def _on_prepared(self, match: re.Match[str], mentions: list[Mention]) -> None:
        self.prepared, self.negated = True, False

    def _on_condition(self, match: re.Match[str], mentions: list[Mention]) -> None:
        self.conditional = True
        self.leading = self.tense != "reason" and not any(mention.tense == "advice" for mention in mentions)
        if self.leading and self.tense == "advice" and not match.group().startswith(("once", "when")):
            self.leading = False

    def _on_trailing(self, match: re.Match[str], mentions: list[Mention]) -> None:
        """``X if Y``: X is on a condition, and so is what follows in Y."""
        last = mentions[-1] if mentions else None
        if last is not None and last.tense == "advice":
            apart = match.string[last.end : match.start()]
            if len(apart) < _TRAILING and "," not in apart.removesuffix(", ") and not _PURPOSE.search(apart):
                mentions[-1] = last._replace(conditional=True)
            self.conditional = True
        else:
            self.conditional, self.leading = True, self.tense != "reason"

    def _on_praise(self, match: re.Match[str], mentions: list[Mention]) -> None:
        """``Slowing down is advisable``: what was named before is the advice."""
        denied = match["praise_not"] is not None or match["praise_un"] is not None
        text, last = match.string, match.start()
        for place in range(len(mentions) - 1, -1, -1):
            mention = mentions[place]
            apart = text[mention.end : last]
            listed = last == match.start() or _LISTED.fullmatch(apart)
            if not listed or len(apart) > _NEAR or mention.tense == "past":
                break
            if denied or mention.tense in ("none", "reason"):
                mentions[place] = mention._replace(tense="advice", negated=denied or mention.negated)
            if not denied:
                break
            last = mention.start
        self.advised = True
        if not denied and self.tense != "past":
            self._clear()
            self.tense = "advice"  # "it is safest to slow down"


#: A bracket, a comma with the space before what begins a statement, and an "and" before one.
_NEW_STATEMENT = ("(", ", ", "and ")
_HANDLERS: dict[str, Callable[[_States, re.Match[str], list[Mention]], None]] = {
    "future": _States._on_future, "trailing": _States._on_trailing, "condition": _States._on_condition,
    "later": _States._on_later, "prepared": _States._on_prepared, "negation": _States._on_negation,
    "limit": _States._on_limit, "advice": _States._on_advice, "weak": _States._on_weak, "reason": _States._on_reason,
    "opening": _States._on_reason, "past": _States._on_past, "other": _States._on_other, "restart": _States._on_restart,
    "comma": _States._on_comma, "comma_and": _States._on_comma, "praise": _States._on_praise,
}  # fmt: skip


def plain(text: str) -> str:
    """Lower-case text with simple quotes, dashes and spaces, of the same length: places in it are places in the text."""
    lower = text[:LONGEST_TEXT].replace("*", " ")
    if lower.isascii():
        return lower.lower()
    lower = lower.translate(_SIMPLE)
    found = lower.lower()
    return (
        found
        if len(found) == len(lower)
        else "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in lower)
    )


_SIMPLE = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u00a0": " ", "\u202f": " ", "\u2212": "-", "\u2013": "-", "\u2011": "-"}
)
