"""The message when a user's own source of frames fails: its class, its file and what went wrong, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lightemma.errors import UserError
from lightemma.plugins import describe, error_line

_PACKAGE = __name__.partition(".")[0]


def is_built_in(source: type) -> bool:
    """Whether a source's class is lightemma's own."""
    return source.__module__.partition(".")[0] == _PACKAGE


@contextmanager
def failures_of(source: type, what: str) -> Iterator[None]:
    """Turns what a user's source raises into one sentence. Exceptions of lightemma's own sources pass unchanged.

    Args:
        source: the class.
        what: the method or property that is called.

    Raises:
        UserError: if the source raises; its own ``UserError`` passes unchanged.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if is_built_in(source):
            raise
        raise UserError(
            f"In {describe(source)} `{what}` failed with {error_line(error)}; correct the class."
        ) from error
