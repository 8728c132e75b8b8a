"""The index kept on disk between runs: one uncompressed ``.npz`` file, believed only while the tables are unchanged."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from lightemma.data.nuscenes_index import KeyFrameIndex, TextColumn
from lightemma.data.nuscenes_tables import TABLES

logger = logging.getLogger(__name__)

# Counted up whenever the columns or their meaning change; files of another format are built anew.
FORMAT = 1


class IndexCache:
    """The file that keeps the index of one version folder as read by one reader.

    Args:
        cache_dir: where the files of all data sets lie; made when needed.
        root: the data root.
        version: the version folder's name.
        reader: which reader made the index, so that a check of one against the other is one.
    """

    def __init__(self, cache_dir: Path, root: Path, version: str, reader: str) -> None:
        place = root.resolve()
        name = "-".join([place.name, version, *([reader] if reader != "tables" else [])])
        short = hashlib.sha256(str(place).encode(errors="surrogateescape")).hexdigest()[:8]
        self.path = cache_dir / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}-{short}.npz"
        # Taken before the tables are read: tables that change meanwhile make the file stale, not wrong.
        self._key = np.frombuffer(_state_of(place / version).encode(), dtype=np.uint8)

    def load(self) -> KeyFrameIndex | None:
        """The index, or None where there is none that fits the tables as they are now."""
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                if not np.array_equal(stored["key"], self._key):
                    return None
                columns: dict[str, Any] = {}
                for field in fields(KeyFrameIndex):
                    if f"{field.name}.ends" in stored:
                        columns[field.name] = TextColumn(stored[f"{field.name}.data"], stored[f"{field.name}.ends"])
                    else:
                        columns[field.name] = stored[field.name]
        except FileNotFoundError:
            return None
        except Exception as error:  # a damaged archive raises many kinds, and each means the same: build it again
            logger.debug("The index %s cannot be read (%s); building it again.", self.path, error)
            return None
        return KeyFrameIndex(**columns)

    def save(self, index: KeyFrameIndex) -> None:
        """Writes the file whole or not at all; where the folder cannot be written, goes on without."""
        arrays: dict[str, Any] = {"key": self._key}
        for field in fields(index):
            column = getattr(index, field.name)
            if isinstance(column, TextColumn):
                arrays |= {f"{field.name}.data": column.data, f"{field.name}.ends": column.ends}
            else:
                arrays[field.name] = column
        scratch = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with scratch.open("xb") as file:
                    np.savez(file, **arrays)
                scratch.replace(self.path)
            finally:
                scratch.unlink(missing_ok=True)
        except OSError as error:
            logger.warning(
                "The index of the tables cannot be kept in %s (%s); the next run reads the tables again.",
                self.path.parent,
                error.strerror or error,
            )


def _state_of(folder: Path) -> str:
    """Format number, size and modification time of every table in use."""
    tables: dict[str, Any] = {}
    for table in TABLES:
        try:
            stat = (folder / f"{table}.json").stat()
            tables[table] = [stat.st_size, stat.st_mtime_ns]
        except OSError:
            tables[table] = None
    return json.dumps({"format": FORMAT, "tables": tables}, sort_keys=True)
