"""Keeps what was read from tables on disk: an ``.npz`` file, used only while the tables are unchanged."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from lightemma.data.nuscenes_index import KeyFrameIndex, TextColumn
from lightemma.data.nuscenes_tables import TABLES
from lightemma.files import draft_of, read_whole

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Raised whenever the columns or their meaning change; files of another format are built again.
FORMAT = 2
#: Most bytes of a table that are looked at each time to see whether it has changed: some 10 ms.
_LOOKED_AT = 8_000_000


class ColumnsCache(Generic[T]):
    """The file that keeps the columns made from some tables of one version folder.

    Args:
        kind: dataclass of the columns: arrays, and ``TextColumn`` for text.
        cache_dir: folder of the cache files of all data sets; made when needed.
        root: the data root.
        version: the version folder's name.
        tables: names of the tables the columns are made from.
        columns_format: raised whenever the columns or their meaning change; files of another format are built again.
        suffix: end of the file's name where the same data has several files; may be empty.
    """

    def __init__(
        self,
        kind: type[T],
        cache_dir: Path,
        root: Path,
        version: str,
        *,
        tables: Sequence[str],
        columns_format: int,
        suffix: str = "",
    ) -> None:
        place = root.resolve()
        name = "-".join([place.name, version, *([suffix] if suffix else [])])
        short = hashlib.sha256(str(place).encode(errors="surrogateescape")).hexdigest()[:8]
        self.path = cache_dir / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}-{short}.npz"
        self._kind = kind
        # Taken before the tables are read: tables that change meanwhile make the file stale, not wrong.
        self._key = np.frombuffer(_state_of(place / version, tables, columns_format).encode(), dtype=np.uint8)

    def load(self) -> T | None:
        """The columns, or None where there is no file that fits the tables as they are now."""
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                if not np.array_equal(stored["key"], self._key):
                    return None
                columns: dict[str, Any] = {}
                for field in fields(self._kind):  # type: ignore[arg-type]
                    if f"{field.name}.ends" in stored:
                        columns[field.name] = TextColumn(stored[f"{field.name}.data"], stored[f"{field.name}.ends"])
                    else:
                        columns[field.name] = stored[field.name]
        except FileNotFoundError:
            return None
        except Exception as error:  # a damaged archive raises many kinds, and each means the same: build it again
            logger.debug("%s cannot be read (%s); reading the tables again.", self.path, error)
            return None
        return self._kind(**columns)

    def save(self, columns: T) -> None:
        """Writes the file whole or not at all; warns if the folder cannot be written."""
        arrays: dict[str, Any] = {"key": self._key}
        for field in fields(columns):  # type: ignore[arg-type]
            column = getattr(columns, field.name)
            if isinstance(column, TextColumn):
                arrays |= {f"{field.name}.data": column.data, f"{field.name}.ends": column.ends}
            else:
                arrays[field.name] = column
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with draft_of(self.path) as draft, draft.open("xb") as file:
                np.savez(file, **arrays)
        except OSError as error:
            logger.warning(
                "What was read from the tables cannot be kept in %s (%s); the next run reads them again.",
                self.path.parent,
                error.strerror or error,
            )


def _state_of(folder: Path, names: Sequence[str], columns_format: int) -> str:
    """Format number, and what shows a change of every table in use: size, the times of its last changes, and its content.

    Size and modification time alone do not: both can be set to what they were. The time of the last change of the file's entry
    (``ctime``) can not, but for Windows, where it is another time. The content of a large table is not looked at, which would
    take as long as reading it.
    """
    tables: dict[str, Any] = {}
    for table in names:
        path = folder / f"{table}.json"
        try:
            stat = path.stat()
            data = read_whole(path, _LOOKED_AT) if stat.st_size <= _LOOKED_AT else b""
        except OSError:
            tables[table] = None
            continue
        tables[table] = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, hashlib.sha256(data).hexdigest()]
    return json.dumps({"format": columns_format, "tables": tables}, sort_keys=True)


def index_cache(cache_dir: Path, root: Path, version: str, reader: str) -> ColumnsCache[KeyFrameIndex]:
    """The file of the key-frame index that one reader read; each reader has its own, so that they can be compared."""
    return ColumnsCache(
        KeyFrameIndex,
        cache_dir,
        root,
        version,
        tables=TABLES,
        columns_format=FORMAT,
        suffix="" if reader == "tables" else reader,
    )
