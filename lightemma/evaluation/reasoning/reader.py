"""What reads a text: the rules, a plug-in of the user's own, or the stored judgments of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from lightemma.errors import UserError
from lightemma.evaluation.reasoning.readings import (
    CLAIM_FIELDS,
    CLAIMS,
    LATERAL,
    LONGITUDINAL,
    NOTES,
    IntentReading,
    SceneReading,
)
from lightemma.plugins import describe, error_line

R = TypeVar("R", IntentReading, SceneReading)


class Reader(ABC):
    """Turns a text into a reading. Readers are pure: the same text gives the same reading.

    A reader of your own is a subclass in a module on the PYTHONPATH, named by ``--reader module:Class`` or offered by the
    entry points ``lightemma.readers``.

    Attributes:
        name: small letters, digits and hyphens; printed beside the numbers.
        version: where it is not None, readings are kept beside each run for the next time, and must change with everything that
            the readings depend on.
    """

    name: str
    version: str | None = None

    @abstractmethod
    def read_intent(self, text: str) -> IntentReading | None:
        """What a statement of the stage ``intent`` says should be done; None where this reader has no reading of it."""

    @abstractmethod
    def read_scene(self, text: str) -> SceneReading | None:
        """What a description of the stage ``scene`` claims; None where this reader has no reading of it."""


def checked_intent(reader: Reader, text: str) -> IntentReading | None:
    """The reading of a statement by a reader that may be anybody's.

    Raises:
        UserError: if the reader fails, or gives something else than a reading.
    """
    found = _asked(reader, reader.read_intent, text, IntentReading)
    if found is None:
        return None
    speed = found.stated_speed
    if found.longitudinal not in LONGITUDINAL:
        raise _wrong(reader, f"longitudinal is {found.longitudinal!r}; it is one of {', '.join(LONGITUDINAL)}")
    if found.lateral not in LATERAL:
        raise _wrong(reader, f"lateral is {found.lateral!r}; it is one of {', '.join(LATERAL)}")
    if speed is not None and (isinstance(speed, bool) or not isinstance(speed, int | float)):
        raise _wrong(reader, f"stated_speed is {speed!r}; it is a number of m/s, or None")
    if not set(found.notes) <= set(NOTES) or not set(found.reasons) <= set(CLAIM_FIELDS):
        raise _wrong(reader, f"notes are of {', '.join(NOTES)}, and reasons of {', '.join(CLAIM_FIELDS)}")
    if not _is_place(found.place):
        raise _wrong(reader, f"place is {found.place!r}; it is a pair of whole numbers")
    return found


def checked_scene(reader: Reader, text: str) -> SceneReading | None:
    """The reading of a description by a reader that may be anybody's.

    Raises:
        UserError: if the reader fails, or gives something else than a reading.
    """
    found = _asked(reader, reader.read_scene, text, SceneReading)
    if found is None:
        return None
    if not set(found.claims) <= set(CLAIM_FIELDS) or not set(found.claims.values()) <= set(CLAIMS):
        raise _wrong(reader, f"claims give each of {', '.join(CLAIM_FIELDS)} one of {', '.join(CLAIMS)}")
    if not all(_is_place(place) for place in found.places.values()):
        raise _wrong(reader, "places are pairs of whole numbers")
    return found


def _asked(reader: Reader, read: Callable[[str], R | None], text: str, kind: type[R]) -> R | None:
    try:
        found = read(text)
    except Exception as error:
        raise _wrong(reader, f"it failed ({error_line(error)})") from error
    if found is not None and not isinstance(found, kind):
        raise _wrong(reader, f"it gives a {type(found).__name__} where it gives a {kind.__name__} or None")
    return found


def _is_place(place: object) -> bool:
    return isinstance(place, tuple) and len(place) == 2 and all(type(at) is int for at in place)


def _wrong(reader: Reader, why: str) -> UserError:
    return UserError(f"The reader '{getattr(reader, 'name', '?')}' ({describe(type(reader))}) cannot be used: {why}.")
