"""The error whose message is written for the user."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can correct: one sentence that says what is wrong and what to do.

    The command line prints the sentence and ends with exit status 2; a traceback appears only with ``--debug``.

    Args:
        sentence: the same for every interface: parameters are written by their own names, in backticks.
        *parameters: those names. The command line replaces them by its options (``cli/options.py``).
    """

    def __init__(self, sentence: str, *parameters: str) -> None:
        super().__init__(sentence)
        self.parameters = parameters


def near_names(wanted: str, known: Iterable[str], count: int = 3) -> str:
    """A clause such as ``'did you mean a, b?'`` for names close to ``wanted``, or for all names, or for none.

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
