"""A durable cache of answers: no call is paid for twice.

One SQLite file in write-ahead mode, next to the runs. An answer is committed before the planner sees it, so that a killed
process loses at most the calls that were in progress.
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from lightemma.backends.base import Completion, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.errors import UserError

FILE = "responses.sqlite"
#: In the file's user_version. A newer one is refused, since its format is unknown here.
VERSION = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, answer BLOB NOT NULL, saved TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID
"""


class ResponseCache:
    """Answers by the digest of the request.

    Args:
        path: the SQLite file; made if missing.

    Raises:
        UserError: if it cannot be written, is not such a file, or was made by a newer program.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._database = sqlite3.connect(path, isolation_level=None, timeout=30.0)
            self._database.execute("PRAGMA journal_mode = WAL")
            # Safe against the process being killed at any moment; a power cut may cost the last answers.
            self._database.execute("PRAGMA synchronous = NORMAL")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise UserError(
                    f"'{path}' was made by a newer lightemma (format {version}, this one knows {VERSION}); install that "
                    "one, or give another folder as `results`.",
                    "results",
                )
            self._database.execute(_TABLES)
            if version < VERSION:
                self._database.execute(f"PRAGMA user_version = {VERSION}")
        except sqlite3.Error as error:
            raise UserError(
                f"The response cache '{path}' cannot be used ({error}); make it writable, move it away, or give another "
                "folder as `results`.",
                "results",
            ) from error

    def get(self, key: str) -> Completion | None:
        """The stored answer to this call, or None."""
        row = self._database.execute("SELECT answer FROM responses WHERE key = ?", (key,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Completion)

    def put(self, key: str, model: str, completion: Completion) -> None:
        """Stores an answer; once this returns, the answer survives the end of the process.

        Raises:
            UserError: if the disk is full or the file was removed.
        """
        try:
            self._database.execute(
                "INSERT OR REPLACE INTO responses (key, model, answer) VALUES (?, ?, ?)",
                (key, model, msgspec.json.encode(completion)),
            )
        except sqlite3.Error as error:
            raise UserError(
                f"An answer could not be stored in '{self.path}' ({error}); the run stops so that no further call is lost. "
                "Make room, and give the same command again."
            ) from error

    def __len__(self) -> int:
        (count,) = self._database.execute("SELECT COUNT(*) FROM responses").fetchone()
        return int(count)

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def call_key(config: ModelConfig, options: dict[str, Any], request: Request) -> str:
    """Digest of everything that can change an answer: the model, its settings, and all texts and pictures.

    Neither the key nor the address of the server is part of it: the same weights behind another port give the same answers.
    """
    digested: dict[str, Any] = {
        "version": VERSION,
        "provider": config.provider,
        "model": config.model,
        "revision": config.revision,
        "max_output_tokens": config.max_output_tokens,
        "temperature": config.temperature,
        "seed": config.seed,
        "options": options,
        "schema": request.response_schema,
        "messages": [[message.role, [_part(part) for part in message.parts]] for message in request.messages],
    }
    if request.response_regex is not None:  # absent otherwise, so that answers of versions without this field are found
        digested["regex"] = request.response_regex
    return hashlib.sha256(msgspec.json.encode(digested, order="deterministic")).hexdigest()


def _part(part: TextPart | PicturePart) -> list[str | None]:
    if isinstance(part, TextPart):
        return ["text", part.text]
    return ["picture", part.picture.sha256 if part.picture else None]
