"""nuScenes tables as typed rows: small ones read whole, large ones in chunks.

``sample_data`` and ``ego_pose`` of v1.0-trainval are 1.3 GB and 0.6 GB of JSON of which a benchmark needs one row in
eighty. The scans look for the bytes that such a row must hold and parse nothing else. They may miss rows of an unusual
layout: the caller checks that no row is missing, and otherwise takes :func:`stream_rows` (any layout with flat rows, in
chunks) or, last, :func:`read_table` (any JSON, whole).

Values are taken as they are written, of any kind: only those of the rows in use are looked at (``nuscenes_index``), since
converted data sets have nulls, fractions and NaN where nothing needs them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from lightemma.data.loose_values import json_decoded
from lightemma.errors import UserError
from lightemma.files import open_regular, read_whole

FRONT_CHANNEL = "CAM_FRONT"
TABLES = ("scene", "sample", "sample_data", "ego_pose", "calibrated_sensor", "sensor")

# Small enough to stay in the processor's cache between reading and scanning.
CHUNK_SIZE = 1 << 20

_FILTER_BITS = 22
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads neighbouring keys


class SceneRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ``scene``."""

    token: str
    name: str
    nbr_samples: Any = None
    first_sample_token: Any = None
    last_sample_token: Any = None


class SampleRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ``sample``: a key frame of all sensors."""

    token: str
    scene_token: str | None
    timestamp: Any = None
    prev: Any = None
    next: Any = None


class SensorRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ``sensor``."""

    token: str
    channel: str | None


class CalibrationRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ``calibrated_sensor``: a sensor's place on the car (metres; quaternion w, x, y, z) and its intrinsic."""

    token: str
    sensor_token: str | None
    translation: Any
    rotation: Any
    camera_intrinsic: Any = None


class SampleDataRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ``sample_data``: one reading of one sensor, its time in microseconds, its size in pixels."""

    sample_token: str | None
    ego_pose_token: str | None
    calibrated_sensor_token: str | None
    timestamp: Any
    is_key_frame: Any
    filename: str | None
    width: Any = None
    height: Any = None
    token: str | None = None
    prev: Any = None
    next: Any = None


class EgoPoseRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ``ego_pose``: the car in the world (metres; quaternion w, x, y, z), its time in microseconds."""

    token: str
    translation: Any
    rotation: Any
    timestamp: Any = None


RowT = TypeVar("RowT", bound=msgspec.Struct)


def table_path(folder: Path, table: str) -> Path:
    """The file of a table, checked to be there.

    Raises:
        UserError: if it is missing or empty, or ends before the JSON does.
    """
    path = folder / f"{table}.json"
    if not path.is_file():
        needed = ", ".join(f"{name}.json" for name in TABLES)
        raise UserError(
            f"The table {path} is missing; unpack the nuScenes metadata again so that {folder.name} has {needed}."
        )
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 4096))
            tail = file.read().rstrip()
    except OSError as error:
        raise UserError(f"The table {path} cannot be read ({error.strerror}); check its permissions.") from error
    if not tail and size <= 4096:
        raise UserError(f"The table {path} is empty; unpack the nuScenes metadata again.")
    if not re.search(rb"[}\[]\s*\]\Z", tail):
        raise UserError(
            f"The table {path} is cut short (it does not end with a row and ']'); unpack the nuScenes metadata again."
        )
    return path


def read_table(path: Path, row: type[RowT]) -> list[RowT]:
    """All rows of a table of any layout, read whole.

    Raises:
        UserError: if the file cannot be read, is not JSON, or a row lacks a field or has one of the wrong kind.
    """
    try:
        return json_decoded(msgspec.json.Decoder(list[row]), read_whole(path))  # type: ignore[valid-type]
    except OSError as error:
        raise UserError(f"The table {path} cannot be read ({error.strerror}); check its permissions.") from error
    except msgspec.ValidationError as error:
        raise UserError(
            f"The table {path} does not hold nuScenes rows ({error}); unpack the nuScenes metadata again."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"The table {path} is not valid JSON ({error}); unpack the nuScenes metadata again.") from error


def stream_rows(path: Path, row: type[RowT], chunk_size: int = CHUNK_SIZE) -> Iterator[RowT]:
    """All rows of a table, parsed chunk by chunk in little memory.

    Chunks are cut behind a ``}``; this needs rows without nested objects and without ``}`` in a string.

    Args:
        path: the table.
        row: the kind of its rows.
        chunk_size: bytes read at a time.

    Raises:
        msgspec.DecodeError: if rows are not so, or the table is broken; :func:`read_table` says which.
    """
    decoder = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]
    opening = re.compile(rb"\s*\[")
    for buffer, stop in _row_blocks(path, chunk_size):
        begin = opening.match(buffer, 0, stop)
        if begin is None:
            raise msgspec.DecodeError("rows are not separated by commas")
        yield from json_decoded(decoder, b"[" + buffer[begin.end() : stop] + b"]")
        opening = re.compile(rb"\s*,")


def scan_front_rows(
    path: Path, chunk_size: int = CHUNK_SIZE, folder: str = f"{FRONT_CHANNEL}/"
) -> Iterator[SampleDataRow]:
    """Rows of ``sample_data`` whose picture is in ``samples/CAM_FRONT/``, in the file's order.

    Args:
        path: the table.
        chunk_size: bytes read at a time.
        folder: beginning of another path under ``samples/``; ``CAM_`` finds the pictures of all cameras.

    Raises:
        msgspec.DecodeError: if such a row cannot be separated from its neighbours or is broken.
    """
    decoder = msgspec.json.Decoder(list[SampleDataRow])
    needle = b""
    for buffer, stop in _row_blocks(path, chunk_size):
        if not needle:
            escaped = buffer.find(b"\\/", 0, stop) >= 0
            wanted = f"samples/{folder}"
            needle = (wanted.replace("/", "\\/") if escaped else wanted).encode()
        found, end = [], 0
        while (hit := buffer.find(needle, end, stop)) >= 0:
            start = buffer.rfind(b"{", end, hit)
            end = buffer.find(b"}", hit, stop) + 1
            found.append(buffer[start:end])
        if found:
            yield from json_decoded(decoder, b"[" + b",".join(found) + b"]")


def scan_poses(path: Path, wanted: Collection[str], chunk_size: int = CHUNK_SIZE) -> Iterator[EgoPoseRow]:
    """Rows of ``ego_pose`` with the wanted tokens, where every row begins with its token in one and the same way.

    The first eight bytes of each row's token are looked up in a bit table; the few that pass are compared in full.

    Args:
        path: the table.
        wanted: the tokens.
        chunk_size: bytes read at a time.

    Raises:
        msgspec.DecodeError: if such a row is broken.
    """
    tokens = {token.encode() for token in wanted}
    if not tokens or min(map(len, tokens)) < 8:
        return
    decoder = msgspec.json.Decoder(list[EgoPoseRow])
    keys = np.frombuffer(b"".join(token[:8] for token in tokens), dtype="<u8")
    likely = np.zeros(1 << _FILTER_BITS, dtype=np.bool_)
    likely[_hashed(keys)] = True
    lead = 0
    for buffer, stop in _row_blocks(path, chunk_size):
        if not lead:
            first = re.match(rb'\s*\[\s*(\{\s*"token"\s*:\s*")', memoryview(buffer)[:stop])
            if first is None:
                return
            lead = len(first[1])
        text = np.frombuffer(buffer, dtype=np.uint8)
        starts = np.flatnonzero(text[:stop] == ord("{")) + lead
        # Every eight neighbouring bytes as one number, without copying.
        words: npt.NDArray[np.uint64] = np.ndarray((len(text) - 7,), dtype="<u8", buffer=buffer, strides=(1,))
        passing = starts[likely[_hashed(words[np.minimum(starts, len(words) - 1)])]]
        found = []
        for start in passing.tolist():
            token_end = buffer.find(b'"', start, stop)
            if bytes(buffer[start:token_end]) in tokens:
                found.append(buffer[start - lead : buffer.find(b"}", token_end, stop) + 1])
        if found:
            yield from json_decoded(decoder, b"[" + b",".join(found) + b"]")


def _hashed(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    hashed: npt.NDArray[np.uint64] = (keys * _HASH_FACTOR) >> np.uint64(64 - _FILTER_BITS)
    return hashed


def _row_blocks(path: Path, chunk_size: int) -> Iterator[tuple[bytearray, int]]:
    """The file as whole rows: a buffer, used again for the next block, and where its last whole row ends."""
    buffer, filled = bytearray(2 * max(chunk_size, 8)), 0
    with path.open("rb", buffering=0) as file:
        while True:
            if len(buffer) - filled < chunk_size:  # a row longer than a chunk
                buffer = buffer + bytes(len(buffer))
            count = file.readinto(memoryview(buffer)[filled : filled + chunk_size])
            if not count:
                return
            stop = buffer.rfind(b"}", filled, filled + count) + 1
            filled += count
            if stop:
                yield buffer, stop
                buffer[: filled - stop] = buffer[stop:filled]
                filled -= stop
