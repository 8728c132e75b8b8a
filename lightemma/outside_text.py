"""Text that others wrote (answers of models, names of runs and files, texts of plugins), made harmless before it is shown."""

from __future__ import annotations

import re
from functools import cache

#: Control characters but for tab and newline, and those that are invisible or turn the direction of writing. The two joiners
#: (U+200C, U+200D) are left: Persian, Hindi and emoji need them.
_SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def cleaned(text: str) -> str:
    r"""``text`` without anything that a terminal obeys or hides.

    Newlines and tabs stay. Every other control character, every invisible one and every one that changes the direction of
    writing becomes visible as an escape such as ``\u001b``, which is also how JSON writes it.
    """
    return _SUSPECT.sub(_visible, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """``text`` cleaned and in one line: a run of white space with a newline or tab in it becomes one blank."""
    return re.sub(r"[ ]*[\n\t][\s]*", " ", cleaned(text)).strip("\n\t")


def is_text(text: str) -> bool:
    """Whether ``text`` can be written in UTF-8; JSON's escapes can name halves of characters, which cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _visible(found: re.Match[str]) -> str:
    return _escape(found.group())


@cache
def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
