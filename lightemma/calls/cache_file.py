"""The response cache's file: opened, and moved aside where it is damaged or another program's."""

from __future__ import annotations

import glob
import hashlib
import logging
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from lightemma.errors import UserError
from lightemma.files import new_draft, private_file

#: In the file's user_version. A newer one is refused: what it means is not known here. 2: the address is part of what an
#: answer is filed under. Answers of version 1 are in the table ``responses``.
VERSION = 2
#: A version beyond this is no version, but damage or another program's.
_ANY_VERSION = 1000
#: Files up to this size are checked whole when they are opened, bytes.
_CHECKED = 512 * 2**20
_BUSY_S = 2.0
#: End of the name of a mark next to a file that was moved aside, until what can be read of it has been copied.
_UNREAD = ".unread"

log = logging.getLogger(__name__)

_TABLES = (
    """CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, answer BLOB NOT NULL, saved TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS answers (
    key TEXT NOT NULL, address TEXT NOT NULL, shared TEXT NOT NULL, model TEXT NOT NULL, answer BLOB NOT NULL,
    digest TEXT NOT NULL, saved TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (key, address)
) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS shared_answers ON answers (shared)",
    """CREATE TABLE IF NOT EXISTS claims (
    key TEXT PRIMARY KEY, token TEXT NOT NULL, pid INTEGER NOT NULL, host TEXT NOT NULL, born TEXT NOT NULL,
    started TEXT NOT NULL, beat REAL NOT NULL
) WITHOUT ROWID""",
)
_COLUMNS = {
    "responses": {"key", "model", "answer", "saved"},
    "answers": {"key", "address", "shared", "model", "answer", "digest", "saved"},
    "claims": {"key", "token", "pid", "host", "born", "started", "beat"},
}


class _Damaged(Exception):  # noqa: N818 -- never leaves this file
    """The file is no cache."""


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another program holds the file for the moment."""
    return isinstance(error, sqlite3.OperationalError) and any(word in str(error) for word in ("locked", "busy"))


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether the file's content is the cause."""
    words = ("not a database", "malformed", "unsupported file format", "no such table", "no such column", "corrupt")
    return any(word in str(error) for word in words)


def open_file(path: Path) -> sqlite3.Connection:
    """A connection to the file, with its tables.

    Args:
        path: made if missing; moved aside if it is no cache.

    Raises:
        UserError: if it cannot be written, or a newer program made it.
    """
    try:
        database = _opened(path)
    except _Damaged:
        pass
    else:
        for mark in path.parent.glob(f"{glob.escape(path.name)}.damaged-*{_UNREAD}"):
            salvage(mark.with_name(mark.name.removesuffix(_UNREAD)), database, path)  # a kill came between
        return database
    aside = move_aside(path)
    try:
        database = _opened(path)
    except _Damaged as error:
        raise _unusable(path, error) from error
    salvage(aside, database, path)
    return database


def _opened(path: Path) -> sqlite3.Connection:
    database: sqlite3.Connection | None = None
    try:
        # Prompts and answers are its owner's; SQLite gives its other files the same mode.
        private_file(path)
        database = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S)
        try:
            database.text_factory = _text
            _prepare(path, database)
        except sqlite3.OperationalError as error:
            if "locking protocol" not in str(error):
                raise
            database.close()
            log.warning(
                "Locks do not work for '%s' (%s): make sure that no two commands use this folder at the same time.",
                path,
                error,
            )
            place = f"file:{quote(str(path.absolute()))}?nolock=1"
            database = sqlite3.connect(place, uri=True, isolation_level=None)
            _prepare(path, database, journal="DELETE")
        return database
    except (OSError, sqlite3.Error) as error:
        if database is not None:
            database.close()
        if isinstance(error, sqlite3.Error) and is_damaged(error) and path.is_file():
            raise _Damaged(str(error)) from error
        raise _unusable(path, error) from error
    except BaseException:
        if database is not None:
            database.close()
        raise


def _prepare(path: Path, database: sqlite3.Connection, journal: str = "WAL") -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    _check_ours(path, version, tables, database)
    if path.stat().st_size <= _CHECKED:
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise _Damaged(found)
    database.execute(f"PRAGMA journal_mode = {journal}")
    # Safe against the process being killed at any moment; a power cut may cost the last answers.
    database.execute("PRAGMA synchronous = NORMAL")
    if version < VERSION or not set(_COLUMNS) <= tables:
        for table in _TABLES:
            database.execute(table)
        database.execute(f"PRAGMA user_version = {VERSION}")


def _check_ours(path: Path, version: int, tables: set[str], database: sqlite3.Connection) -> None:
    if VERSION < version < _ANY_VERSION and (not tables or tables & set(_COLUMNS)):
        raise UserError(
            f"'{path}' was made by a newer lightemma (format {version}, this one knows {VERSION}); install that one, or give "
            "another folder as `results`.",
            "results",
        )
    if version > VERSION or version < 0 or (tables and not tables & set(_COLUMNS)):
        raise _Damaged("another program's file")
    for name in tables & set(_COLUMNS):
        columns = {row[1] for row in database.execute(f"PRAGMA table_info({name})")}
        if not columns >= _COLUMNS[name]:
            raise _Damaged("another program's file")


def _unusable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"The response cache '{path}' cannot be used ({error}); make it writable, close what holds it, move it away, or give "
        "another folder as `results`.",
        "results",
    )


def move_aside(path: Path) -> Path:
    """Gives a file that is no cache another name, and says so.

    Returns:
        Its new name.

    Raises:
        UserError: if it cannot be renamed.
    """
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        private_file(aside.with_name(aside.name + _UNREAD))
        # The file itself last: should this process be killed meanwhile, the next one finds it damaged again.
        for end in ("-wal", "-shm", "-journal", ""):
            with suppress(FileNotFoundError):
                path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
    except OSError as error:
        raise _unusable(path, error) from error
    log.warning(
        "'%s' is damaged, or another program's; it was moved to '%s', and a new cache is used from here on.",
        path,
        aside.name,
    )
    return aside


def salvage(aside: Path, database: sqlite3.Connection, path: Path) -> None:
    """Copies the answers that a damaged file still gives whole."""
    saved, copy = 0, new_draft(aside)
    try:
        _whole_copy(aside, copy)
        damaged = sqlite3.connect(copy, isolation_level=None, timeout=_BUSY_S)
        damaged.text_factory = _text
        try:
            for order in ("ASC", "DESC"):  # from both ends up to the damage
                saved += _copy_answers(damaged, database, order)
                saved += _copy_old(damaged, database, order)
        finally:
            damaged.close()
    except (sqlite3.Error, OSError) as error:
        log.debug("nothing of '%s' could be read (%s)", aside, error)
    finally:
        for end in ("", "-wal", "-shm"):
            with suppress(OSError):
                copy.with_name(copy.name + end).unlink(missing_ok=True)
    with suppress(OSError):
        aside.with_name(aside.name + _UNREAD).unlink(missing_ok=True)
    if saved:
        log.warning("%d answers of '%s' could still be read; they are in '%s' again.", saved, aside.name, path.name)


def _whole_copy(aside: Path, copy: Path) -> None:
    """A copy with as many bytes as the file's head says: of a file that was cut SQLite reads nothing at all."""
    shutil.copyfile(aside, copy)
    with suppress(OSError):
        shutil.copyfile(aside.with_name(aside.name + "-wal"), copy.with_name(copy.name + "-wal"))
    with copy.open("r+b") as file:
        head = file.read(100)
        page = int.from_bytes(head[16:18], "big")
        size = (65536 if page == 1 else page) * int.from_bytes(head[28:32], "big")
        if copy.stat().st_size < size <= 2 * copy.stat().st_size + 2**20:
            file.truncate(size)


def _text(data: bytes) -> str:
    """Text from the file, whose bytes may be damaged."""
    return data.decode("utf-8", errors="replace")


def _copy_answers(damaged: sqlite3.Connection, database: sqlite3.Connection, order: str) -> int:
    saved = 0
    with suppress(sqlite3.Error, TypeError, AttributeError):
        for row in damaged.execute(
            f"SELECT key, address, shared, model, answer, digest FROM answers ORDER BY key {order}"
        ):
            words = f"{row[0]} {row[1]} ".encode()
            if hashlib.sha256(words + row[4]).hexdigest()[:16] == row[5]:
                sql = "INSERT OR IGNORE INTO answers (key, address, shared, model, answer, digest) VALUES (?, ?, ?, ?, ?, ?)"
                saved += database.execute(sql, row).rowcount
    return saved


def _copy_old(damaged: sqlite3.Connection, database: sqlite3.Connection, order: str) -> int:
    saved = 0
    with suppress(sqlite3.Error, TypeError):
        for row in damaged.execute(f"SELECT key, model, answer FROM responses ORDER BY key {order}"):
            sql = "INSERT OR IGNORE INTO responses (key, model, answer) VALUES (?, ?, ?)"
            saved += database.execute(sql, row).rowcount
    return saved
