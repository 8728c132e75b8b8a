"""The one error a user is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right: one sentence that says what is wrong and what to do.

    The command line prints the sentence and ends with exit status 2; a traceback appears only with ``--debug``.

    Args:
        sentence: for a reader of any interface: parameters stand in it by their own names, in backticks.
        *parameters: those names. The command line writes its options in their place (``cli/options.py``).
    """

    def __init__(self, sentence: str, *parameters: str) -> None:
        super().__init__(sentence)
        self.parameters = parameters


def near_names(wanted: str, known: Iterable[str], count: int = 3) -> str:
    """A clause such as ``'did you mean a, b?'`` for names close to ``wanted``, or what there is, or nothing.

    Args:
        wanted: the name that was not found.
        known: the names that exist.
        count: how many to offer at the most.
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(wanted, names, n=count, cutoff=0.5)
    if close:
        return f"did you mean {', '.join(close)}?"
    if not names:
        return "there are none."
    shown = ", ".join(names[:count])
    return f"there are {shown}{' …' if len(names) > count else ''}."
