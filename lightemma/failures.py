"""Kinds of failure of a call and what follows from each: one table for the harness, the backends and the servers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

CallKind = Literal[
    "timeout", "rate_limited", "overloaded", "server_error", "connection", "invalid_response", "reasoning_only",
    "refused", "content_filter", "bad_request", "auth", "no_credit", "model_not_found", "not_recorded",
    "planner_error", "backend_error", "picture",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class FailureKind:
    """What follows from one kind of failure.

    Attributes:
        sentence: its meaning, for people; without a capital and a full stop.
        ends_run: for kinds that every further call would meet as well, so that the run stops: the message of the run, a
            template with ``provider``, ``name``, ``model``, ``message`` (the provider's own) and ``key`` (where it is read).
        retried: the same call may succeed a moment later, so it is tried again (at another server if there are several).
        outage: a provider that is down, or cannot be reached, fails in this way; the calls wait for it.
        slows_down: the provider says "too many calls", so fewer are made concurrently.
        server_suspect: the server may be broken, so a server that the harness started is checked.
        process_suspect: the process that holds the model may be broken; after several in a row it is replaced.
        may_be_charged: the provider may have computed an answer and charged it, although none arrived.
    """

    sentence: str
    ends_run: str = ""
    retried: bool = False
    outage: bool = False
    slows_down: bool = False
    server_suspect: bool = False
    process_suspect: bool = False
    may_be_charged: bool = False

    @property
    def fatal(self) -> bool:
        """Whether every further call would fail as well."""
        return bool(self.ends_run)


FAILURES: dict[CallKind, FailureKind] = {
    "timeout": FailureKind("no whole answer came in time", retried=True, server_suspect=True, may_be_charged=True),
    "rate_limited": FailureKind("the provider allows fewer calls", retried=True, slows_down=True),
    "overloaded": FailureKind(
        "the provider is overloaded", retried=True, outage=True, slows_down=True, server_suspect=True
    ),
    "server_error": FailureKind(
        "the server failed while answering", retried=True, outage=True, server_suspect=True, process_suspect=True
    ),
    "connection": FailureKind(
        "the connection could not be made, or broke",
        retried=True,
        outage=True,
        server_suspect=True,
        process_suspect=True,
    ),
    "invalid_response": FailureKind(
        "the server sent something that is not an answer", retried=True, server_suspect=True
    ),
    "reasoning_only": FailureKind("the answer was empty while there was reasoning", may_be_charged=True),
    "refused": FailureKind("the model declined to answer"),
    "content_filter": FailureKind("the provider's filter stopped the request or the answer"),
    "bad_request": FailureKind("the provider does not accept the request"),
    "auth": FailureKind(
        "the provider refused the key", "{provider} refused the key for model '{name}' ({message}); check {key}."
    ),
    "no_credit": FailureKind(
        "the account has no credit left",
        "{provider} says the account of model '{name}' has no credit left ({message}); top it up.",
    ),
    "model_not_found": FailureKind(
        "the provider knows no such model",
        "{provider} knows no model '{model}' ({message}); check `model` in '{name}'.",
    ),
    "not_recorded": FailureKind("the recording holds no answer for this call"),
    "planner_error": FailureKind("the planner raised an exception"),
    "backend_error": FailureKind("the model's backend raised an exception", may_be_charged=True),
    "picture": FailureKind("the frame's picture cannot be read"),
}

#: Every kind, in the order of the table.
CALL_KINDS: tuple[CallKind, ...] = get_args(CallKind)

_UNKNOWN = FailureKind("the call failed")


def failure_kind(kind: str | None) -> FailureKind:
    """What follows from a failure.

    Args:
        kind: a ``CallKind``; recordings may hold kinds of other programs, which have no consequences.
    """
    return FAILURES.get(kind, _UNKNOWN)  # type: ignore[call-overload, no-any-return]
