"""Mistakes in a backend of the user's own, as sentences that name its class, its file and what is wrong."""

from __future__ import annotations

import inspect
import traceback
from pathlib import Path

from lightemma.backends.base import Backend, Completion
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.errors import UserError

_LONGEST = 300


def is_plugin(kind: type[Backend]) -> bool:
    """Whether a backend is not one of ours."""
    return kind.__module__.partition(".")[0] != "lightemma"


def checked_class(kind: type[Backend], place: str) -> type[Backend]:
    """A backend class whose facts are facts.

    Args:
        kind: the class.
        place: how it was named.

    Raises:
        UserError: if they are something else, or ``generate`` is missing.
    """
    if not isinstance(kind.facts, Facts):
        raise UserError(
            f"The backend '{place}' ({_described(kind)}) has facts of the type {type(kind.facts).__name__}; write "
            "`facts = Facts(...)`, from lightemma.backends.facts."
        )
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(kind.__abstractmethods__))
        raise UserError(
            f"The backend '{place}' ({_described(kind)}) does not define {missing}; see docs/adding-a-model.md."
        )
    return kind


def made(kind: type[Backend], config: ModelConfig) -> Backend:
    """The backend of a model.

    Raises:
        UserError: if it cannot be made.
    """
    try:
        return kind(config)
    except UserError:
        raise
    except Exception as error:
        if not is_plugin(kind):
            raise
        raise UserError(
            f"The backend of model '{config.name}' ({_described(kind)}) cannot be made: {fault_line(error)}."
        ) from error


def checked_answer(backend: Backend, answer: object) -> Completion:
    """What ``generate`` returned.

    Raises:
        TypeError: if it is no ``Completion`` with a text.
    """
    if isinstance(answer, Completion) and isinstance(answer.text, str):
        return answer
    found = f"a Completion whose text is {_named(answer.text)}" if isinstance(answer, Completion) else _named(answer)
    raise TypeError(
        f"generate() of {_described(backend.implementation)} returned {found}, not a Completion with a text"
    )


def fault_line(error: BaseException) -> str:
    """An error in one line, with the place in the user's code that it came from: ``KeyError: 'x' (my_model.py, line 12)``."""
    message = " ".join(str(error).split())[:_LONGEST]
    here = Path(__file__).resolve().parents[1]
    theirs = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not Path(frame.filename).is_relative_to(here) and "site-packages" not in frame.filename
    ]
    place = f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}{f': {message}' if message else ''}{place}"


def _described(kind: type) -> str:
    try:
        place = inspect.getfile(kind)
    except (TypeError, OSError):  # made in an interpreter
        place = kind.__module__
    return f"class '{kind.__qualname__}' in {place}"


def _named(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
