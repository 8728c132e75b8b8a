"""Keys are known here once they are read, and starred wherever text leaves the program: records, cache, log and terminal."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

STARS = "***"

#: A shorter key is a word such as ``EMPTY`` or ``none``: starring it everywhere would spoil answers.
_SHORTEST = 8
#: Characters that may stand between two characters of a key that was torn apart: JSON's signs, blanks, line ends.
_BETWEEN = r"(?:\\[nrt]|[\s\"',+\[\]]){0,8}"
#: A run of base64 this long is a picture, not a word.
_LONG_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{200,}={0,2}")
_LONG_BYTES = re.compile(r"""b(?:'(?:\\.|[^'\\]){100,}'?|"(?:\\.|[^"\\]){100,}"?)""", re.DOTALL)

#: Longer texts are starred anew each time, so that few bytes are kept.
_LONGEST_KEPT = 20_000

_secrets: dict[str, _Secret] = {}


@dataclass(frozen=True, eq=False)
class _Secret:
    """One key, ready to be found.

    Attributes:
        parts: pieces of the key and of its base64, hex and URL forms; each is long enough to be no accident.
        torn: the key with signs between its characters.
        runs: the only places of a text in which a part can stand; None if that may be anywhere.
    """

    parts: tuple[str, ...]
    torn: re.Pattern[str]
    runs: re.Pattern[str] | None

    def is_in(self, text: str) -> bool:
        """Whether any of the parts stands in a text."""
        # Most words are shorter than any part.
        where = text if self.runs is None else " ".join(self.runs.findall(text))
        return where != "" and any(part in where for part in self.parts)


def remember(secret: str | None) -> None:
    """Stars a key from now on; None and keys too short to be told from a word are left.

    Args:
        secret: the key.
    """
    if secret and len(secret) >= _SHORTEST and secret not in _secrets:
        parts = tuple(_parts(secret))
        blank = any(any(map(str.isspace, part)) for part in parts)
        runs = None if blank else re.compile(rf"\S{{{min(map(len, parts))},}}")
        _secrets[secret] = _Secret(parts, re.compile(_torn(secret)), runs)


def remember_environment(environment: Mapping[str, str]) -> None:
    """Stars all keys of an environment: the values of variables whose names end in ``_API_KEY``."""
    for name, value in environment.items():
        if name.upper().endswith("_API_KEY"):
            remember(value.strip())


def starred(text: str) -> str:
    """``text`` with stars in place of every known key: plain, in base64, hex or URL form, in pieces, or torn apart by signs."""
    if not _secrets:
        return text
    # An answer is starred whenever one of its forms is made, several times in all.
    return (_starred if len(text) <= _LONGEST_KEPT else _starred.__wrapped__)(text, tuple(_secrets.values()))


@lru_cache(maxsize=128, typed=True)
def _starred(text: str, secrets: tuple[_Secret, ...]) -> str:
    for secret in secrets:
        text = secret.torn.sub(STARS, text)
        if secret.is_in(text):
            text = _without(text, secret.parts)
    return text


def without_pictures(text: str) -> str:
    """``text`` with the length in place of long base64 and of long byte strings: for tracebacks and logs."""
    text = _LONG_BYTES.sub(lambda found: f"b'<{len(found.group())} characters>'", text)
    return _LONG_BASE64.sub(lambda found: f"<{len(found.group())} characters of base64>", text)


def _without(text: str, parts: tuple[str, ...]) -> str:
    """Stars everything that any of the parts covers; parts that overlap are one piece."""
    covered: list[tuple[int, int]] = []
    for part in parts:
        place = text.find(part)
        while place >= 0:
            covered.append((place, place + len(part)))
            place = text.find(part, place + 1)
    pieces: list[str] = []
    end = 0
    for start, stop in sorted(covered):
        if start > end or not pieces:
            pieces += [text[end:start], STARS]
        end = max(end, stop)
    return "".join([*pieces, text[end:]])


def _parts(secret: str) -> list[str]:
    length = 12 if len(secret) >= 24 else _SHORTEST if len(secret) >= 16 else len(secret)
    forms = [secret, quote(secret, safe=""), secret.encode().hex(), secret.encode().hex().upper()]
    for before in range(3):
        # Base64 reads three bytes at a time, so the same key looks different by its place; the ends mix with the neighbours.
        coded = base64.b64encode(b"\0" * before + secret.encode()).decode().rstrip("=")
        inner = coded[(0, 2, 3)[before] : len(coded) - ((before + len(secret)) % 3 != 0)]
        forms += [inner, inner.replace("+", "-").replace("/", "_")]
    found: dict[str, None] = {}
    for number, form in enumerate(dict.fromkeys(forms)):
        size = length if number == 0 else max(length, 12)
        found[form] = None
        for at in range(max(1, len(form) - size + 1)):
            piece = form[at : at + size]
            # A piece of digits alone may be a number in an answer.
            if any(character.isalpha() for character in piece):
                found[piece] = None
    return list(found)


def _torn(secret: str) -> str:
    characters = []
    for character in secret:
        code = ord(character)
        characters.append(rf"(?:{re.escape(character)}|\\u00{code:02x}|\\u00{code:02X}|&\#{code};|%{code:02X})")
    return _BETWEEN.join(characters)
