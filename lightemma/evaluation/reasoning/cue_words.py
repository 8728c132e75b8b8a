"""The words that are cues, as patterns over lower-case text; docs/reasoning.md says what each does."""

from __future__ import annotations

_USERS = (
    r"(?:vehicles?|cars?|trucks?|bus(?:es)?|vans?|suvs?|sedans?|motorcycl\w+|cyclists?|pedestrians?|traffic|drivers?|"
    r"bicycl\w+|scooters?|taxis?)"
)
_BASE = (
    r"(?:accelerate|decelerate|maintain|keep|continue|follow|stay|remain|stop|slow|brake|reduce|turn|proceed|drive|"
    r"steer|"
    r"hold|wait|increase|decrease|adjust|come|allow|ensure|be|make|prepare|yield|begin|start|resume)\b"
)
#: Signs that any cue of ``SIGNS`` begins with, as inside a class.
BEGINS = r".!?;,()\u2014:\n"
END = r"[.!?;](?=\s|$)|\n+"
COMMA = (
    r",(?P<comma_new> (?=(?:the|it|its|this|these|there|so|which|that|while|given|as|maintain|keep|ensur|follow|"
    r"continu|"
    r"adjust|mak|remain|stay|prepar|allow|hold|prioriti|focus)\w*\b(?! or\b)))?|\u2014|[()]|:(?=\s)"
)
#: The same for cues that are signs.
SIGNS: dict[str, str] = {"end": END, "comma": COMMA}
#: Cue -> pattern of words, in the order in which they are tried at one place. Lower-case text.
CUES: dict[str, str] = {
    # Unpunctuated answers: what can only begin a sentence.
    "opening": (
        r"(?<=\s)(?:given (?:that|the|this|these)|considering|taking (?:this |these |all )?into account|"
        r"taking into consideration|based on (?:this|these|the (?:current|scene|visual|observ|inter))\b)"
    ),
    "future": (
        r"\b(?:next|upcoming|coming|following) (?:3|three|few|couple)\b(?: of)?(?:[ -]seconds?)?|"
        r"\b(?:moving|going|looking) (?:forward|ahead)\b|\btherefore\b|\bthus\b|\bhence\b|\bconsequently\b"
    ),
    "trailing": (
        r"\b(?:as|if|when|where|whenever) (?:it (?:is|becomes) )?(?:needed|necessary|required|appropriate|needs? be)\b|"
        r"\bonly (?:if|when|once|after)\b|\bin case\b|\bif\b|\bshould (?:any|there|a|an|the (?:lead|vehicle|car|light|"
        r"traffic|pedestrian|truck|bus|situation|road|cyclist|distance)\w*) "
        r"(?!ego)|\bdepending on\b|\bassuming\b|\bprovided (?:that)?"
    ),
    "condition": r"\b(?:unless|until|once|whenever|as soon as|in the event)\b|\bwhen(?! needed| necessary)\b",
    "later": r"\b(?:then|before|after which|afterwards?|after|subsequently|eventually)\b",
    "prepared": (
        r"\b(?:be(?:ing)?|stay(?:ing)?|remain(?:ing)?) (?:\w+ly )?(?:prepared|ready|alert|"
        r"poised)\b(?: (?:and ready )?(?:to|for))?|"
        r"\bready to\b|\bprepar(?:e|es|ed|ing) (?:for|to)\b|\bpreparation (?:for|to)\b|\breadiness to\b|\banticipat\w+"
    ),
    "negation": (
        r"\b(?:not|no|without|neither|nor|never|avoid(?:s|ing)?|rather than|instead of|refrain(?:ing)? from|"
        r"cannot|lack of|absence of|(?:(?:decreas|reduc|limit|minimi[sz])\w*|moderat(?:e|ing)(?= (?:its|the|"
        r"any)))(?= (?:its |the |any |current )*acceleration)|"
        r"ceas(?:e|ing)|(?:stop|transition\w* from|from)(?= (?:accelerat|decelerat|brak|slow)))\b|\w+n't\b"
    ),
    "limit": (
        r"\b(?:should|must) (?:(?P<limit_not>not be|be (?:\w+ly )?(?:avoided|minimi[sz]ed|minimal|limited))|"
        r"be (?:kept )?(?:\w+ )?(?:minimal|moderate|gentle|gradual|cautious|low|restrained)|remain (?:minimal|low))\b"
    ),
    "advice": (
        r"\b(?:should|must|shall|ought to|"
        r"(?<!a )(?<!the )(?<!no )(?<!not )(?<!any )(?<!immediate )(?<!further )needs? to|has to|"
        r"(?<!not )have to|"
        r"will(?! turn)|is to|(?<!that )(?<!which )would(?! (?:require|necessitat|need|warrant|suggest|call|"
        r"indicat|cause|justif|demand))|recommend\w*|advis(?:e|ed|able)|"
        r"intends? to|plans? to|is best|is safe to|is appropriate to|is prudent to|is advisable to|is necessary to|"
        r"i suggest)\b"
    ),
    "weak": (
        r"\b(?:(?:ego|vehicle|it|car)(?P<weak_ego> )(?:\w+ly )?(?:may|might|could|can)|may|might|could|can|possibly|"
        r"perhaps|"
        r"potentially|optionally|consider)\b(?! be (?:inferred|seen|observed|deduced|concluded|determined))"
    ),
    "reason": (
        r"\b(?:because|since|due to|owing to|in response to|as (?=(?:the|there|this|that|these|it|no|other|traffic|"
        r"pedestrians|vehicles|cars|its|both|a|an|any|all|\w+ing)\b)|given(?! the ego)|indicat\w+|suggest\w*|"
        r"reflect\w+|"
        r"as indicated|as evidenced|evidenced)\b"
    ),
    "past": (
        r"\b(?:was|were|had|has been|have been|has (?=\w+ed\b)|previous(?:ly)?|initially|earlier|past|over the last|"
        r"in the last|recently|started|began|has (?:consistently|gradually|generally|steadily|slightly|recently|"
        r"remained|"
        r"maintained))\b"
    ),
    "other": (
        rf"(?<!ego )(?<!the )(?<!this )(?<!my )(?<!our )\b{_USERS}\b(?: (?!and\b|or\b|should\b|must\b|to\b|while\b|"
        rf"which\b|the\b|by\b|ego\b|with\b|if\b|it\b)"
        r"[\w-]+){0,3}? (?=(?:(?:signal|indicat)\w+ to |)(?:slow|brak|decelerat|accelerat|stop|stationary|turn|mov|"
        r"chang|maintain)\w*\b)"
        rf"|(?<!ego )\b(?:the|that|a|any) {_USERS} (?:ahead|in front|behind|that|which|is|are|has|have|begins?|starts?|"
        rf"slows?|brakes?|"
        r"stops?|moves?|comes?|turns?)\b"
    ),
    "restart": (
        r"\bbut\b|\bhowever\b|\binstead\b(?! of)|\bso\b(?= (?:the|it|a)\b)|\bwhile (?=\w+ing\b)|"
        rf"\band(?: (?:also|then|instead|simply|just|continue to|to))? (?={_BASE})"
    ),
    "comma_and": r"\band (?=(?:the|it|its|there)\b)",
    "praise": (
        r"\b(?:is|are|would be|be|seems?|remains?|appears|\w+'s)(?P<praise_not> not|"
        r"n't)?(?: \w+ly)?(?: the)?(?: most)? "
        r"(?:recommended|appropriate|advisable|advised|prudent|best|ideal|optimal|suitable|warranted|safest|reasonable|"
        r"necessary|needed|required|justified|sufficient|acceptable|(?P<praise_un>unnecessary|unwarranted|inadvisable|"
        r"unsafe))\b"
    ),
}  # fmt: skip
