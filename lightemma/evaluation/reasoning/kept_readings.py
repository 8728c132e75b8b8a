"""Readings of a run's texts, kept beside it: reading the words of nine published runs takes most of a comparison's time.

The file is a cache and nothing else. Its readings are found by digests of the texts themselves, and only under the version of
the reader that made them, so that one that is old, foreign or broken is as good as none. No number depends on its being there.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping
from pathlib import Path

import msgspec

from lightemma.evaluation.reasoning.readings import (
    CLAIM_FIELDS,
    NOWHERE,
    Claim,
    IntentReading,
    Lateral,
    Longitudinal,
    Note,
    Place,
    SceneReading,
)
from lightemma.files import write_whole

log = logging.getLogger(__name__)

FILE = "readings.msgpack"
#: Fewer texts than these are read again as fast as their file is written.
FEWEST = 400
_LARGEST = 64 * 2**20
#: Raised by a file that is damaged, or was written by somebody else.
_DAMAGE = (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)


class _Intent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    longitudinal: Longitudinal
    lateral: Lateral
    stated_speed: float | None
    reasons: tuple[str, ...]
    notes: tuple[Note, ...]
    place: Place


class _Scene(msgspec.Struct, frozen=True, array_like=True, gc=False):
    claims: dict[str, Claim]
    places: dict[str, Place]


class _File(msgspec.Struct, frozen=True):
    version: str
    intents: dict[bytes, _Intent]
    scenes: dict[bytes, _Scene]


def digest(text: str) -> bytes:
    """What a text's readings are found by."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Kept:
    """The readings that were kept beside one run.

    Args:
        folder: of the run.
        version: of the reader; readings of another one are left out.
    """

    def __init__(self, folder: Path, version: str) -> None:
        self._path, self._version = folder / FILE, version
        self._file = self._read()

    def _read(self) -> _File:
        empty = _File(self._version, {}, {})
        try:
            if not self._path.is_file() or self._path.stat().st_size > _LARGEST:
                return empty
            found = msgspec.msgpack.decode(self._path.read_bytes(), type=_File)
        except _DAMAGE as error:
            log.debug("%s is passed over: %s", self._path, error)
            return empty
        return found if found.version == self._version else empty

    def intent(self, text: str) -> IntentReading | None:
        """The reading of a statement, if it was kept."""
        one = self._file.intents.get(digest(text))
        if one is None or not set(one.reasons) <= set(CLAIM_FIELDS) or not _is_within(one.place, text):
            return None
        if one.stated_speed is not None and not math.isfinite(one.stated_speed):
            return None
        return IntentReading(one.longitudinal, one.lateral, one.stated_speed, one.reasons, one.notes, one.place)

    def scene(self, text: str) -> SceneReading | None:
        """The reading of a description, if it was kept."""
        one = self._file.scenes.get(digest(text))
        if one is None or not set(one.claims) <= set(CLAIM_FIELDS) or set(one.places) != set(one.claims):
            return None
        return SceneReading(one.claims, one.places) if all(_is_within(at, text) for at in one.places.values()) else None

    def keep(self, intents: Mapping[str, IntentReading | None], scenes: Mapping[str, SceneReading | None]) -> None:
        """Writes the readings of all of a run's texts, where that saves time and the folder can be written to."""
        if len(intents) + len(scenes) < FEWEST:
            return
        content = _File(
            self._version,
            {
                digest(text): _Intent(
                    one.longitudinal, one.lateral, one.stated_speed, one.reasons, one.notes, one.place
                )
                for text, one in intents.items()
                if one is not None
            },
            {
                digest(text): _Scene(dict(one.claims), dict(one.places))
                for text, one in scenes.items()
                if one is not None
            },
        )
        if content == self._file:
            return
        try:
            write_whole(self._path, msgspec.msgpack.encode(content), private=True)
        except OSError as error:
            log.debug("%s is not written: %s", self._path, error)


def _is_within(place: Place, text: str) -> bool:
    return place == NOWHERE or 0 <= place[0] <= place[1] <= len(text)
