"""Says how far long work is. Whoever wants to show it listens; nobody does unless a command asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Step:
    """How far a piece of work is.

    Attributes:
        what: is being done, such as ``reading``.
        done: how many are done.
        total: how many there are; None if that is unknown.
        unit: what is counted, in the plural.
    """

    what: str
    done: int
    total: int | None
    unit: str


#: Is given every step.
Listener = Callable[[Step], None]

_listener: ContextVar[Listener | None] = ContextVar("listener of steps", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Gives a listener every step of the work in this context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def counted(items: Iterable[_T], what: str, unit: str, total: int | None = None) -> Iterator[_T]:
    """The items, one by one; a listener is told before the first and after each.

    Args:
        items: the work.
        what: is done with them.
        unit: what they are, in the plural.
        total: how many; their length if None, where they have one.
    """
    listener = _listener.get()
    if listener is None:
        yield from items
        return
    total = len(items) if total is None and isinstance(items, Sized) else total
    listener(Step(what, 0, total, unit))
    for done, item in enumerate(items, start=1):
        yield item
        listener(Step(what, done, total, unit))
