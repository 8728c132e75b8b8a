"""Which reader is meant: the rules, one of an installed package, or one by its dotted name."""

from __future__ import annotations

from collections.abc import Callable

from lightemma.errors import UserError
from lightemma.evaluation.reasoning.reader import Reader
from lightemma.plugins import describe, error_line, find_class

ENTRY_POINTS = "lightemma.readers"
RULES = "rules"
#: lightemma's own readers.
READERS = {RULES: "lightemma.evaluation.reasoning.rules:RuleReader"}


def find_reader(name: str = RULES) -> Reader:
    """The reader behind a name.

    Args:
        name: ``rules``, the name that an installed package offers, or ``package.module:Class``.

    Raises:
        UserError: if there is none, or it cannot be made.
    """
    reader_class = find_class(name, ENTRY_POINTS, READERS, Reader, "reader")
    try:
        return reader_class()
    except Exception as error:
        raise UserError(f"The {describe(reader_class)} cannot be made ({error_line(error)}).") from error


def speed_reader() -> Callable[[str], str]:
    """What reads from a statement whether it speeds up, keeps its speed, slows down or stands, by the rules."""
    reader = find_reader()

    def speed_word(text: str) -> str:
        reading = reader.read_intent(text)
        return "unclear" if reading is None else reading.longitudinal

    return speed_word
