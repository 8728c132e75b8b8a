"""One way to write what has many: typographic signs, digits of every script, LaTeX, Markdown, and the units asked for.

Nothing here reads numbers. The text that comes out has ASCII digits, signs and brackets; a unit that agrees with the task
(m/s, 1/m) is one mark behind its number, so that its own digit and slash are not taken for the answer's.
"""

from __future__ import annotations

import re
import unicodedata

#: Marks for the units that agree: metres per second, and one per metre.
SPEED_UNIT, CURVATURE_UNIT = "\ue000", "\ue001"

#: What is a word rather than a name: two letters, or one that is not Latin.
WORD_RE = re.compile(r"[^\W\d_]{2}|[^\W\d_a-zA-Z]")

_MINUS = "\u00ad\u02d7\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u2796\ufe58\ufe63\uff0d"
_SAME = {
    **dict.fromkeys(_MINUS, "-"),
    **dict.fromkeys("\u2795\ufe62\uff0b", "+"),
    **dict.fromkeys("\u066b\u2024\ufe52\uff0e", "."),
    **dict.fromkeys("\u060c\u3001\ufe50\ufe51\uff0c\uff64", ","),
    **dict.fromkeys("\u061b\ufe54\uff1b", ";"),
    **dict.fromkeys("\ufe55\uff1a\ufe13\u2236", ":"),
    **dict.fromkeys("\u207d\u208d\u27e8\u2329\u3008\u2768\u2985\ufe59\uff08\uff5f", "("),
    **dict.fromkeys("\u207e\u208e\u27e9\u232a\u3009\u2769\u2986\ufe5a\uff09\uff60", ")"),
    **dict.fromkeys("\u3010\u3014\u3016\u3018\u301a\u2772\u27e6\uff3b", "["),
    **dict.fromkeys("\u3011\u3015\u3017\u3019\u301b\u2773\u27e7\uff3d", "]"),
    **dict.fromkeys("\u2774\ufe5b\uff5b", "{"),
    **dict.fromkeys("\u2775\ufe5c\uff5d", "}"),
    **dict.fromkeys("\u2223\u2502\u2503\u2551\uff5c\u250a\u250b\u2506\u2507", "|"),
    **dict.fromkeys("\u2715\u2716\u2a09\u2a2f", "\u00d7"),
    **dict.fromkeys("\u22c5\u2219\u30fb\uff65", "\u00b7"),
    **dict.fromkeys("\u2044\u2215\uff0f", "/"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\uff02", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\uff07", "'"),
    **dict.fromkeys("\u2026", "..."),
    **dict.fromkeys("\u2028\u2029\x85", "\n"),
    **dict.fromkeys("\x0b\x1c\x1d\x1e\x1f", " "),
    **dict.fromkeys((SPEED_UNIT, CURVATURE_UNIT, "\ufe0f", "\u20e3"), ""),
}


class _Signs(dict[int, str]):
    """Character code to what is read for it, filled as characters come up; it grows with the alphabet at most."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _sign(chr(code))
        return found


def _sign(character: str) -> str:
    if character in _SAME:
        return _SAME[character]
    if character.isascii():
        return character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if "\uff01" <= character <= "\uff5e":  # full-width ASCII
        return chr(ord(character) - 0xFEE0)
    category = unicodedata.category(character)
    if category == "Zs" or "\u2500" <= character <= "\u257f":  # spaces, and what draws tables
        return " "
    if category == "Cf":  # marks of direction, joiners
        return ""
    if character.isdigit() and (0x2460 <= ord(character) <= 0x249B or 0x24F5 <= ord(character) <= 0x2792):
        return f"{unicodedata.digit(character)}. "  # a circled number counts a line
    return character


_SIGNS = _Signs()
_UP = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b", "0123456789+-")
_DOWN = str.maketrans("\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089", "0123456789")
_RAISED_RE = re.compile("[\u2070\u00b9\u00b2\u00b3\u2074-\u207b]+")
_LOWERED_RE = re.compile(r"(?<=[^\W\d_])[\u2080-\u2089]+")
#: A number in signs that no literal has: another script's digits, a typographic minus before digits, a full-width point.
_ODD_NUMBER_RE = re.compile(
    rf"[{_MINUS}\uff0b\ufe62](?=\s*\.?\d)|(?=[^\x00-\x7f])\d|(?<=\d)[\u066b\u2024\ufe52\uff0e](?=\d)"
)

_LATEX_RE = re.compile(
    r"\\(?:begin|end)\{[^{}\n]{1,30}\}(?:\{[^{}\n]{0,30}\})?"
    r"|\\(?:left|right|[bB]ig+[lr]?|displaystyle|quad|qquad|hline|boxed|text|mathrm|mathbf|mathit|textbf|mbox|operatorname)(?![A-Za-z])"
    r"|\\[,;:! ]|\\\\|\\[\[\](){}%_&#$|`*]|\\n(?![A-Za-z])|\\t(?![A-Za-z])|\\(?:cdot|times|kappa|frac)(?![A-Za-z])"
)
_LATEX_SIGNS = {
    "\\cdot": "\u00b7",
    "\\times": "\u00d7",
    "\\kappa": "\u03ba",
    "\\hline": "\n",
    "\\\\": "\n",
    "\\n": "\n",
}
_MATHS_RE = re.compile(
    r"\$[^$]*\$|\\(?:begin|left|right|text|mathrm|mathbf|boxed|times|cdot|kappa|frac|quad)(?![A-Za-z])"
)
_FRACTION_RE = re.compile(r"\\frac\s*\{([^{}\n]{0,30})\}\s*\{([^{}\n]{0,30})\}")
_BRACED_RE = re.compile(r"\{([^{}\"':,\n]{0,40})\}")
#: The language behind a code fence: a word on its own, or a known one glued to a bracket. "```4.5" begins with a number.
FENCE_LANGUAGE = (
    r"(?:[A-Za-z][\w+-]*(?=\s)|(?:json|python|py|text|plaintext|txt|csv|markdown|yaml|xml|latex|tex)(?=[\[({]))"
)
_FENCE_RE = re.compile(rf"```{FENCE_LANGUAGE}?")
_BOLD_RE = re.compile(r"(?<![*\d])\*\*(?=[^\s*])([^*\n]{1,300}?)\*\*(?!\*)|(?<!\w)__([^_\n]{1,300}?)__(?!\w)")
_ROW_TAG_RE = re.compile(r"</?\s*(?:tr|br|li|ol|ul|p|div|table|thead|tbody)\b[^<>\n]{0,80}>", re.IGNORECASE)
_CELL_TAG_RE = re.compile(r"</?\s*t[dh]\b[^<>\n]{0,80}>", re.IGNORECASE)
_CLOSING_TAG_RE = re.compile(r"</[A-Za-z][\w-]{0,30}\s?>")
_TAG_RE = re.compile(r"<\s?([A-Za-z][\w-]{0,30})\b([^<>\n]{0,80}?)/?>")

_METRE = r"(?:m|met(?:er|re)s?|\u043c|\u043c\u0435\u0442\u0440\w{0,2}|\u7c73)"
_SECOND = r"(?:s|sec(?:ond)?s?|\u0441|\u0441\u0435\u043a\w{0,5}|\u79d2)"
_POWER = r"\s?\^?\s?(?:-1|\{-1\}|\(-1\))"
_SPEED_UNITS = (
    rf"{_METRE}\s?(?:/|per\s|\u0432\s)\s?(?:a\s)?{_SECOND}",
    rf"m[\s\u00b7]?s{_POWER}",
    r"mps|\u7c73\u6bcf\u79d2|\u0645/\u062b",
)
_CURVATURE_UNITS = (
    rf"(?<![\d.])1\s?/\s?{_METRE}",
    rf"(?:rad(?:ians?)?\s?(?:/|per\s)|per\s)\s?{_METRE}",
    rf"(?:rad[\s\u00b7]?)?m{_POWER}",
    rf"(?<=\d)\s?/\s?{_METRE}",
)
_AGREES_RE = re.compile(
    rf"(?<![A-Za-z\u0400-\u04ff])(?:(?P<speed>{'|'.join(_SPEED_UNITS)})|(?P<curvature>{'|'.join(_CURVATURE_UNITS)}))"
    r"(?!\.?\d|[A-Za-z\u0400-\u04ff^\u00b7/])",
    re.IGNORECASE,
)
_TIMES_TEN_RE = re.compile(
    r"(?<![\w.])(\d+(?:\.\d*)?|\.\d+)\s?[\u00d7x*\u00b7]\s?10\s?(?:\^|\*\*)\s?(?:\{\s?([-+]?\d{1,3})\s?\}|\(\s?([-+]?\d{1,3})\s?\)|([-+]?\d{1,3}))(?![\d.])"
)
#: Nothing but numbers, brackets and commas: needs none of this.
_BARE_RE = re.compile(r"[\d\s,;.+\-()\[\]]*", re.ASCII)


def is_bare(text: str) -> bool:
    """Whether the text is nothing but plain numbers, brackets and commas."""
    return _BARE_RE.fullmatch(text) is not None


def has_odd_numbers(text: str) -> bool:
    """Whether numbers are written with signs or digits that no Python literal has."""
    return not text.isascii() and _ODD_NUMBER_RE.search(text) is not None


def normalised(text: str) -> str:
    """The text in plain signs, its Markdown and LaTeX undone and agreeing units as marks."""
    if not text.isascii():
        text = _RAISED_RE.sub(lambda run: "^" + run.group().translate(_UP), text)
        text = _LOWERED_RE.sub(lambda run: run.group().translate(_DOWN), text)
        text = text.translate(_SIGNS)
    if "\\" in text or "$" in text:
        text = _without_latex(text)
    if "`" in text:
        text = _FENCE_RE.sub("\n", text).replace("`", " ")
    if "**" in text or "__" in text:
        text = _BOLD_RE.sub(lambda m: m[1] or m[2], text)
    if "<" in text:
        text = _CELL_TAG_RE.sub(" | ", _ROW_TAG_RE.sub("\n", text))
        text = _TAG_RE.sub(r" \1 \2 ", _CLOSING_TAG_RE.sub(" ; ", text))
    if "10" in text:
        text = _TIMES_TEN_RE.sub(lambda m: f"{m[1]}e{m[2] or m[3] or m[4]}", text)
    return _AGREES_RE.sub(lambda m: SPEED_UNIT if m["speed"] else CURVATURE_UNIT, text)


def _without_latex(text: str) -> str:
    if "\\n" in text and "\n" not in text.strip():
        text = text.replace("\\n", "\n")  # escaped twice
    mathematical = _MATHS_RE.search(text) is not None
    if mathematical:
        text = _FRACTION_RE.sub(r"\1/\2", text)
    text = _LATEX_RE.sub(_undone, text)
    if not mathematical:
        return text
    text = text.replace("$", " ").replace("~", " ").replace("&", "|")
    # Braces that group a few letters, as in m^{-1} or v_{1}; a dictionary's have quotes, colons or commas.
    return re.sub(r"(?<=[^\W\d_])_(?=\w)", "", _BRACED_RE.sub(r"\1", text))


def _undone(match: re.Match[str]) -> str:
    command = match.group()
    if command in _LATEX_SIGNS:
        return _LATEX_SIGNS[command]
    if len(command) == 2 and command[1] in "[](){}%_#$|`*":
        return command[1]
    return "\n" if command.startswith(("\\begin", "\\end")) else " "
