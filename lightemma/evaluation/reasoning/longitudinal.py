"""What a statement says about speed: accelerate, keep, decelerate, stay stopped, or nothing clear."""

from __future__ import annotations

from collections.abc import Sequence

from lightemma.evaluation.reasoning.cues import Mention
from lightemma.evaluation.reasoning.readings import Longitudinal

_ADJECTIVES = (
    r"(?:(?!for\b|to\b|by\b|as\b|with\b|from\b|while\b|until\b|of\b|if\b|distance\b|any\b|ego\b|should\b|must\b|it\b|"
    r"vehicle\b|possibly\b|potentially\b|\w*celerat|and the\b|reduc|increas|decreas|turn)[\w,/'-]+ ){0,5}?"
)
_SPEED = r"(?:speeds?|velocity|pace)\b"
_ZERO = r"(?:0(?:\.0+)?|zero)\b"

#: What -> pattern over lower-case text; tried in this order at every place.
PATTERNS: dict[str, str] = {
    "stay-stopped": (
        r"\b(?:remain\w*|stay\w*|keep\w*|be|being|held|hold|continu\w+ to (?:be|remain|stay)|continu\w+) "
        r"(?:\w+ly |at a |in (?:its|a|the) |its |a |the |current |complete )*"
        r"(?:stopped|stationary|still\b|stop\b|rest\b|halted|halt\b|motionless|immobile|at rest|in place|standstill|parked)"
        r"|\b(?:maintain\w*|keep\w*|hold\w*|continu\w+) (?:with )?(?:its |the |a |this |in |current |complete |full |fully )*"
        r"(?:stationary|stopped|stop\b|standstill|halt|position\b(?! (?:in|within|on|inside|near|relative|behind the lane))|"
        r"rest\b|idle)"
        rf"|\b(?:continu\w+ (?:to )?)?(?:maintain\w*|keep\w*|stay\w*|remain\w*|hold\w*) {_ADJECTIVES}(?:{_ZERO} (?:m/s|meters|speed|velocity|km/h)|"
        rf"{_SPEED}[^.;]{{0,12}}?(?:of|at|to|\(|is) ?(?:approximately |about )?{_ZERO}(?! ?\.?[1-9]))"
        r"|\bwait(?:ing)? (?:for|until|at|behind)\b|\b(?:not|never) (?:to )?(?:move|proceed|start|enter)\b|\bstationary state\b"
        r"|\bspeed of 0(?:\.0+)? m/s"
    ),
    "keep": (
        rf"\b(?:maintain\w*|keep\w*|hold\w*|retain\w*|sustain\w*|preserv\w+|stay\w*|remain\w*|continu\w+|driv\w+|"
        rf"proceed\w*|travel\w*|mov\w+|cruis\w+|go\w*|adopt\w*|at) {_ADJECTIVES}"
        rf"(?:current|same|constant|steady|consistent|stable|moderate|present|existing|cautious|safe|"
        rf"appropriate|its|this|a|the|uniform|similar|low|slow|controlled|reasonable) (?:[\w,/-]+ ){{0,4}}?{_SPEED}"
        rf"|\b(?:maintain\w*|keep\w*|hold\w*) (?:or (?:slightly )?(?:reduc|decreas|increas|adjust)\w+ )?{_SPEED}"
        rf"|\b(?:maintain\w*|keep\w*|hold\w*) {_ADJECTIVES}{_SPEED}"
        r"|\b(?:maintain\w*|keep\w*|hold\w*)(?= or (?:slightly |gently |gradually |moderately |slowly |further )*"
        r"(?:reduc|decreas|lower|increas|decelerat|accelerat|slow))"
        r"|\b(?:maintain\w*|keep\w*|continu\w+ (?:at|with)) (?:at )?(?:around |about |approximately |roughly |near )?"
        r"\d+(?:\.\d+)? ?(?:m/s|meters per second)(?!\^|/|2)"
        rf"|\bspeed (?:maintenance|constant|steady|unchanged)|\b(?:constant|steady|unchanged|same) {_SPEED}"
        rf"|\b(?:no|without(?: any)?) (?:significant |major |immediate |further |drastic |need (?:for|to) )?(?:any )?(?:change|adjustment|alter)s? "
        rf"(?:in|to|its|the)? ?(?:its |the |current )*{_SPEED}"
        r"|\bzero acceleration|\bacceleration of (?:0|zero)\b(?!\.[0-9]*[1-9])|\bneither accelerat\w+ nor decelerat\w+"
        r"|\bmaintain\w* (?:its |the )?current (?:driving )?(?:behaviou?r|state|motion|momentum|driving|velocity)\b(?! of (?:acc|dec))"
    ),
    "accelerate": (
        r"\b(?:accelerat\w+|speed(?:ing)? up|pick(?:ing)? up (?:its |some )?(?:speed|pace)|gain(?:ing)? (?:some )?speed|"
        rf"(?:increas|rais|build)\w*(?: up)? {_ADJECTIVES}{_SPEED}|speed (?:increase|up)\b|go faster|start moving|"
        rf"(?:begin|start)\w* (?:to move|moving)|resum\w+ (?:its )?(?:motion|movement|moving|driving))"
    ),
    "decelerate": (
        r"\b(?:decelerat\w+|deaccelerat\w+|(?:slow(?:s|ing)?)(?: (?:down|further|slightly|gently|gradually|its|to|in|as|for|and|enough|"
        r"approach|considerably|significantly|moderately|even)\b|(?=[,.;])|(?= $))|(?:(?<=to )|(?<=should )|(?<=must )|(?<=gradually )|(?<=gently )|(?<=slightly )|(?<=further ))slow\b(?! speed| pace|-|ly)|"
        r"brak(?:e|es|ing)\b(?! light)|(?:apply|applying) (?:the )?brak\w+|"
        rf"(?:reduc|lower|decreas|drop|eas|moderat)\w*(?: (?:off|back))?(?: on)? {_ADJECTIVES}{_SPEED}|speed reduction|reduction in (?:its )?speed|"
        r"(?:com(?:e|es|ing)|roll\w*|glid\w*|bring\w*(?: \w+){0,3}|slow\w*) to (?:a |an )?(?:\w+ ){0,3}?(?:stop|halt|standstill|rest)|"
        r"(?:(?<=to )|(?<=should )|(?<=must )|(?<=ly )|(?<=and )|(?<=then ))stop\b(?! sign| line| light| bar| at(?:op)? sign| accelerat| decelerat| brak|ped)|"
        r"stopping\b(?! distance| at(?! the)| sign)|halt(?:ing)?\b|"
        r"(?:reduced|lower|slower|decreased) (?:\w+ )?speed|coast\w*)"
    ),
}  # fmt: skip

#: A verb that keeps a change going: "maintain its acceleration".
KINDS = ("accelerate", "keep", "decelerate", "stay-stopped")


def choose(mentions: Sequence[Mention]) -> Mention | None:
    """The mention that the statement is taken by: the first piece of firm advice; without one, the first weaker one.

    Weaker are, in this order: advice for later, advice to be prepared, hedged advice, advice on a condition, and what is
    said of the present without any cue. Where only changes are denied, and both of them, the speed is kept.
    """
    said = [mention for mention in mentions if mention.what in KINDS]
    for test in _ORDER:
        found = next((mention for mention in said if test(mention)), None)
        if found is not None and found.what == "keep":
            # "maintain its speed, remaining stopped": the second says what the first means.
            return next((other for other in said if other.what == "stay-stopped" and other.firm), found)
        if found is not None:
            return found
    denied = [
        mention
        for mention in said
        if mention.negated and mention.tense == "advice" or mention.negated and mention.tense != "past"
    ]
    if {"accelerate", "decelerate"} <= {mention.what for mention in denied}:
        first = denied[0]
        return Mention("keep", first.start, denied[-1].end, first.sentence, "advice")
    return None


_ORDER = (
    lambda mention: mention.firm,
    lambda mention: _advice(mention) and mention.hedged and not (mention.conditional or mention.prepared),
    lambda mention: _advice(mention) and mention.prepared and not mention.conditional,
    lambda mention: _advice(mention) and mention.conditional,
    lambda mention: _advice(mention),
    lambda mention: mention.tense == "none" and not mention.negated,
    lambda mention: mention.tense == "reason" and mention.what == "keep" and not mention.negated,
)


def _advice(mention: Mention) -> bool:
    return mention.tense == "advice" and not mention.negated


def label(mention: Mention | None) -> Longitudinal:
    """The value that a mention stands for."""
    found: Longitudinal = "unclear" if mention is None else mention.what  # type: ignore[assignment]
    return found
