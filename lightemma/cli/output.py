"""The only way from a command to the terminal: text of others is made harmless, keys are starred."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING

from lightemma.outside_text import cleaned, one_line
from lightemma.redaction import starred, without_pictures

if TYPE_CHECKING:
    from rich.console import Console

#: Longest line of a log or traceback.
_LONGEST_LINE = 4_000


def echo(text: object = "", *, err: bool = False) -> None:
    """Prints text, which may have several lines.

    Args:
        text: what to print.
        err: to standard error instead of standard output.
    """
    import typer

    typer.echo(safe(str(text)), err=err)


def safe(text: str) -> str:
    """Text as it may be shown; see ``outside_text.cleaned`` and ``redaction.starred``."""
    return cleaned(starred(text))


def cell(text: str) -> str:
    """Text for a cell, a title or a sentence that ``rich`` prints: harmless, in one line, without markup."""
    from rich.markup import escape

    return escape(plain(text))


def plain(text: str) -> str:
    """Text of others in one harmless line."""
    return one_line(starred(text))


def console() -> Console:
    """A ``rich`` console; all text that it is given goes through ``cell`` first."""
    from rich.console import Console

    return Console(soft_wrap=True, highlight=False)


def print_error(sentence: str) -> None:
    """Prints an error's sentence to standard error; help texts keep their lines."""
    print(encodable(safe(sentence)), file=sys.stderr)


def write_live(text: str) -> None:
    """Writes to standard error as it is, without a new line: for what is written over. Its words went through ``plain``."""
    sys.stderr.write(encodable(text))
    sys.stderr.flush()


def encodable(text: str) -> str:
    """Text that standard error can write, whatever its encoding."""
    return text.encode(sys.stderr.encoding or "utf-8", "backslashreplace").decode(sys.stderr.encoding or "utf-8")


def print_traceback(error: BaseException) -> None:
    """Prints where an error comes from, for ``--debug``: without pictures and keys."""
    print(encodable(harmless("".join(traceback.format_exception(error)).rstrip("\n"))), file=sys.stderr)


def harmless(text: str) -> str:
    """A traceback or a log's lines without keys, pictures and what a terminal obeys; lines of bounded length."""
    lines = safe(without_pictures(text)).split("\n")
    return "\n".join(line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} …" for line in lines)


class SafeFormatter(logging.Formatter):
    """Log lines: one line for a message, without keys and pictures."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's name
        """The line without a traceback."""
        return one_line(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """The whole entry."""
        return harmless(super().format(record))
