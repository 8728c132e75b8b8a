"""Mistakes in a user's own backend, as sentences that name its class, its file and what is wrong."""

from __future__ import annotations

import inspect
import math
import os
from dataclasses import replace
from functools import partial
from typing import get_args

from lightemma.backends.base import Backend, Completion, FinishReason, FurtherAnswer, several
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.thinking import without_thinking
from lightemma.errors import UserError
from lightemma.plugins import describe, error_line
from lightemma.redaction import remember
from lightemma.run_folder.records import Usage, UsageSource

_SOURCES, _ENDS = get_args(UsageSource), get_args(FinishReason)


def is_plugin(kind: type[Backend]) -> bool:
    """Whether a backend is not part of lightemma."""
    return kind.__module__.partition(".")[0] != "lightemma"


def checked_class(kind: type[Backend], place: str) -> type[Backend]:
    """Returns a backend class after checking it.

    Args:
        kind: the class.
        place: ``package.module:Class``, as the user named it.

    Raises:
        UserError: if its ``facts`` are not ``Facts``, or ``generate`` is missing.
    """
    if not isinstance(kind.facts, Facts):
        raise UserError(
            f"The backend '{place}' ({describe(kind)}) has facts of the type {type(kind.facts).__name__}; write "
            "`facts = Facts(...)`, from lightemma.backends.facts."
        )
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(kind.__abstractmethods__))
        raise UserError(
            f"The backend '{place}' ({describe(kind)}) does not define {missing}; see docs/adding-a-model.md."
        )
    return kind


def made(kind: type[Backend], config: ModelConfig) -> Backend:
    """The backend of a model.

    Raises:
        UserError: if it cannot be made.
    """
    # A plug-in reads its key itself; these are the variables that it may read it from.
    for variable in (config.api_key_env, kind.facts.key_variable):
        remember(os.environ.get(variable or "", "").strip())
    try:
        return kind(config)
    except UserError:
        raise
    except Exception as error:
        if not is_plugin(kind):
            raise
        raise UserError(
            f"The backend of model '{config.name}' ({describe(kind)}) cannot be made: {error_line(error)}."
        ) from error


def checked_answer(backend: Backend, answer: object) -> Completion:
    """Returns what ``generate`` returned after checking it.

    Thinking in its text is parted from it, unless the model's options say that it stays.

    Raises:
        TypeError: if it is not a ``Completion`` with a text, or its ``usage`` is no ``Usage``.
        CallError: ``reasoning_only`` if it is nothing but thinking.
    """
    if isinstance(answer, Completion) and isinstance(answer.text, str):
        usage: object = answer.usage
        if usage is None or isinstance(usage, Usage):
            strip = getattr(backend.options, "strip_thinking", True)
            if answer.more == ():
                return without_thinking(answer, strip=strip)
            whole = [replace(answer, more=()), *(_as_completion(one) for one in answer.more)]
            return several([partial(without_thinking, one, strip=strip) for one in whole])
        raise TypeError(
            f"generate() of {describe(backend.implementation)} returned a Completion whose usage is {_named(usage)}, "
            "not a Usage or None"
        )
    found = f"a Completion whose text is {_named(answer.text)}" if isinstance(answer, Completion) else _named(answer)
    raise TypeError(f"generate() of {describe(backend.implementation)} returned {found}, not a Completion with a text")


def _as_completion(one: object) -> Completion:
    """A further answer as an answer of its own; what is none is found when its fields are checked."""
    if not isinstance(one, FurtherAnswer) or not isinstance(one.text, str):
        raise TypeError(f"its Completion's more holds {_named(one)}, not FurtherAnswers with a text")
    return Completion(one.text, finish_reason=one.finish_reason, failure=one.failure, reasoning=one.reasoning)


def check_fields(backend: Backend, answer: Completion) -> None:
    """Makes sure that an answer's fields can be counted with and written down.

    Raises:
        TypeError: if one of them is not of its type; the message names the first.
    """
    wrong = _wrong_field(answer)
    if wrong:
        raise TypeError(f"generate() of {describe(backend.implementation)} returned a {wrong}")


def _wrong_field(answer: Completion) -> str | None:
    usage = answer.usage
    if usage is not None:
        for name in ("input", "cached_input", "output", "reasoning", "cache_write"):
            # Other kinds of whole numbers, such as numpy's, are written to no file.
            if type(getattr(usage, name)) is not int:
                return f"Usage whose {name} is {_named(getattr(usage, name))}, not an int"
        if usage.source not in _SOURCES:
            return f"Usage whose source is none of {', '.join(_SOURCES)}"
    if type(answer.text) is not str:
        return f"Completion whose text is {_named(answer.text)}, not a str"
    if wrong := _wrong_further(answer.more):
        return wrong
    for name, value in (("model", answer.model), ("failure", answer.failure)):
        if value is not None and type(value) is not str:
            return f"Completion whose {name} is {_named(value)}, not a str or None"
    if answer.finish_reason not in _ENDS:
        return f"Completion whose finish_reason is none of {', '.join(_ENDS)}"
    seconds = answer.latency_s
    if seconds is not None and not (type(seconds) in (int, float) and math.isfinite(seconds) and seconds >= 0):
        return f"Completion whose latency_s is {_named(seconds)}, not a number of seconds or None"
    return None


def _wrong_further(more: object) -> str | None:
    if not isinstance(more, tuple) or not all(isinstance(one, FurtherAnswer) for one in more):
        return "Completion whose more is not a tuple of FurtherAnswers"
    for one in more:
        for name, value in (("text", one.text), ("reasoning", one.reasoning)):
            if type(value) is not str:
                return f"FurtherAnswer whose {name} is {_named(value)}, not a str"
        if one.failure is not None and type(one.failure) is not str:
            return f"FurtherAnswer whose failure is {_named(one.failure)}, not a str or None"
        if one.finish_reason not in _ENDS:
            return f"FurtherAnswer whose finish_reason is none of {', '.join(_ENDS)}"
    return None


def _named(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
