"""Every answered call, kept for good: a call that was paid for is never paid for twice.

One SQLite file in write-ahead mode beside the runs. An answer is committed before the planner sees it, so that a killed
process loses at most the calls that were in progress. These are claimed in the same file, so that two processes that share it
do not ask the same: the second waits for the first one's answer.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from lightemma.backends.base import Completion
from lightemma.calls.cache_file import VERSION, is_busy, is_damaged, move_aside, open_file, salvage
from lightemma.calls.identity import Asked
from lightemma.errors import UserError
from lightemma.files import read_whole
from lightemma.run_folder.lock import Holder, this_process

FILE = "responses.sqlite"
#: Claims of processes on other machines, of which it is unknown whether they live, expire after so many seconds …
FOREIGN_CLAIM_S = 600.0
#: … unless they are renewed, which their holder does this often.
RENEW_S = 60.0
#: The process number of claims that a file keeps and no process.
NOTED = 0
#: No provider takes longer for calls that are written down in a file, seconds.
LONGEST_NOTED_S = 7 * 24 * 3600.0

__all__ = ["FILE", "VERSION", "CacheBusy", "ResponseCache"]

#: What is done where there is a claim already: IGNORE or REPLACE.
_CLAIM = "INSERT OR {} INTO claims (key, token, pid, host, born, started, beat) VALUES (?, ?, ?, ?, ?, ?, ?)"

#: The same where nobody has claimed the call and no answer to it came since it was looked for.
_CLAIM_UNANSWERED = f"""{_CLAIM.format("IGNORE").partition("VALUES")[0]} SELECT ?, ?, ?, ?, ?, ?, ?
    WHERE NOT EXISTS (SELECT 1 FROM answers WHERE key = ?) AND NOT EXISTS (SELECT 1 FROM answers WHERE shared = ?)
    AND NOT EXISTS (SELECT 1 FROM responses WHERE key = ?)"""

log = logging.getLogger(__name__)

_T = TypeVar("_T")


class CacheBusy(Exception):  # noqa: N818 -- passes by itself
    """Another program has locked the file for the moment."""


class ResponseCache:
    """Answers by what was asked of whom.

    A file that is damaged or another program's is moved aside, with what can be read of it copied into the new one.

    Args:
        path: the SQLite file; made if missing.
        clock: seconds since 1970, the same for all processes.

    Raises:
        UserError: if it cannot be written, or a newer program made it.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._token = secrets.token_hex(8)
        self._holder = this_process()
        self._claims: set[str] = set()
        self._renewed = clock()
        #: Whether the call before was new to the file.
        self._asks_new = False
        #: Answers that the file did not take yet: it was locked, or the disk was full.
        self._unsaved: dict[tuple[str, str], tuple[Asked, Completion]] = {}
        self._warned: set[str] = set()
        self._noted = NoteReader()
        self._database = open_file(path)
        _open_tokens.add(self._token)
        self._end_left_claims()

    # --- answers ------------------------------------------------------------------------------------------------------

    def get(self, asked: Asked) -> Completion | None:
        """The answer once given to this call, or None.

        Raises:
            CacheBusy: if another program holds the file.
            UserError: if it cannot be read.
        """
        if self._unsaved:
            waiting = self._unsaved.get((asked.key, asked.place))
            if waiting is not None:
                return waiting[1]
        found = self._tried(lambda: self._found(asked))
        if found is not None or asked.old_key is None:
            return found
        return self._tried(lambda: self._found_old(asked))

    def _found(self, asked: Asked) -> Completion | None:
        sql = "SELECT key, address, answer, digest FROM answers WHERE key = ?"
        rows = self._database.execute(sql, (asked.key,)).fetchall()
        # Servers that this model names as one may have answered alone; others may not.
        mine = [row for row in rows if set(row[1].split()) <= asked.addresses and bool(row[1]) == bool(asked.addresses)]
        if not mine and asked.shares:
            sql = "SELECT key, address, answer, digest FROM answers WHERE shared = ?"
            mine = self._database.execute(sql, (asked.shared,)).fetchall()
        for key, address, answer, digest in mine:
            completion = _decoded(answer) if digest == _sum(key, address, answer) else None
            if completion is not None:
                return completion
            self._say("flipped", f"An answer in '{self.path}' was changed on the disk; it is asked for again.")
            self._database.execute("DELETE FROM answers WHERE key = ? AND address = ?", (key, address))
        return None

    def _found_old(self, asked: Asked) -> Completion | None:
        sql = "SELECT answer FROM responses WHERE key = ? AND model = ?"
        row = self._database.execute(sql, (asked.old_key, asked.name)).fetchone()
        return None if row is None else _decoded(row[0])

    def put(self, asked: Asked, completion: Completion) -> None:
        """Keeps an answer; on return it outlives this process, unless the file is locked for longer than a moment.

        Raises:
            UserError: if the disk is full or the file was taken away. The answer is kept in memory, and written when the
                cache is closed if that has become possible.
        """
        self._unsaved[asked.key, asked.place] = (asked, completion)
        try:
            self._flush()
        except CacheBusy:
            self._say(
                "busy",
                f"The response cache '{self.path}' is locked by another program; answers are kept in memory until it is "
                "free.",
            )

    def _flush(self) -> None:
        for place, (asked, completion) in list(self._unsaved.items()):
            answer = msgspec.json.encode(completion)
            row = (asked.key, asked.place, asked.shared, asked.name, answer, _sum(asked.key, asked.place, answer))
            self._tried(lambda row=row, asked=asked: self._write(row, asked.claim))  # type: ignore[misc]
            self._claims.discard(asked.claim)
            del self._unsaved[place]

    def _write(self, row: tuple[object, ...], claim: str) -> None:
        """An answer, and with it the end of its claim: a call then takes the file twice instead of three times."""
        with _transaction(self._database):
            self._database.execute(
                "INSERT OR REPLACE INTO answers (key, address, shared, model, answer, digest) VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
            if claim in self._claims:
                self._database.execute("DELETE FROM claims WHERE key = ? AND token = ?", (claim, self._token))

    def put_old(self, old_key: str, name: str, completion: Completion) -> None:
        """Keeps the answer to a call of which only the key of version 0.1 is known.

        Raises:
            CacheBusy: if another program holds the file.
            UserError: if it cannot be written.
        """
        sql = "INSERT OR REPLACE INTO responses (key, model, answer) VALUES (?, ?, ?)"
        self._tried(lambda: self._database.execute(sql, (old_key, name, msgspec.json.encode(completion))))

    def holds_old_answers(self, name: str) -> bool:
        """Whether there are answers of version 0.1 to a model of this name."""
        with suppress(sqlite3.Error):
            sql = "SELECT 1 FROM responses WHERE model = ? LIMIT 1"
            return self._database.execute(sql, (name,)).fetchone() is not None
        return False

    def __len__(self) -> int:
        (count,) = self._database.execute(
            "SELECT (SELECT COUNT(*) FROM answers) + (SELECT COUNT(*) FROM responses)"
        ).fetchone()
        return int(count)

    # --- claims -------------------------------------------------------------------------------------------------------

    def kept_or_claimed(self, asked: Asked) -> Completion | Holder | None:
        """The answer once given to a call; without one, who is making the call; None if it is the caller's to make from now.

        Raises:
            CacheBusy: if another program holds the file.
            UserError: if it cannot be read.
        """
        # Claiming looks for answers, too: where calls turned out to be new, it comes first, and the look is left out.
        new = self._asks_new and not self._unsaved
        kept = None if new else self.get(asked)
        if kept is not None:
            self._asks_new = False
            return kept
        with suppress(CacheBusy, UserError):
            self._asks_new = self._tried(lambda: self._claimed_unanswered(asked))
            if self._asks_new:
                return None
            kept = self.get(asked) if new else None
            if kept is not None:
                return kept
            holder = self._tried(lambda: self._claimed(asked.claim))
            if holder is not None:
                return holder
        # Its holder may have kept the answer, and ended the claim, since the look before. Where no claim can be made, asked
        # twice is better than not at all.
        return self.get(asked)

    def _claimed_unanswered(self, asked: Asked) -> bool:
        """Claims a call in one step if nothing is known of it, as of almost all calls."""
        self._renew()
        shared = asked.shared if asked.shares else None
        row = (*self._row(asked.claim), asked.key, shared, asked.old_key)
        if self._database.execute(_CLAIM_UNANSWERED, row).rowcount != 1:
            return False
        self._claims.add(asked.claim)
        return True

    def claim(self, asked: Asked) -> Holder | None:
        """Claims a call that is about to be made.

        Returns:
            None if the call is this caller's to make; else who is making it. It should be asked for again then: its answer
            comes, or its claim ends.
        """
        try:
            return self._tried(lambda: self._claimed(asked.claim))
        except (CacheBusy, UserError):
            return None  # no claim can be made: asked twice is better than not at all

    def words(self, holder: Holder) -> str:
        """Who holds a claim, for people."""
        if holder.pid == NOTED:
            return f"a batch of the run '{Path(holder.host).parent}' (give its command again if it was stopped)"
        return holder.words

    def is_mine(self, holder: Holder) -> bool:
        """Whether a claim is held by this process."""
        return (holder.pid, holder.host, holder.born) == (self._holder.pid, self._holder.host, self._holder.born)

    def _claimed(self, claim: str) -> Holder | None:
        self._renew()
        row = self._row(claim)
        if self._database.execute(_CLAIM.format("IGNORE"), row).rowcount == 1:
            self._claims.add(claim)  # nobody had it
            return None
        with _transaction(self._database):
            found = self._database.execute(
                "SELECT pid, host, born, started, beat, token FROM claims WHERE key = ?", (claim,)
            ).fetchone()
            if found is not None:
                holder = Holder(found[0], found[1], found[3], found[2])
                if self._is_alive(holder, found[4], found[5]):
                    return holder
            self._database.execute(_CLAIM.format("REPLACE"), row)
        self._claims.add(claim)
        return None

    def _row(self, claim: str) -> tuple[object, ...]:
        mine = self._holder
        return claim, self._token, mine.pid, mine.host, mine.born, mine.started, self._clock()

    def _is_alive(self, holder: Holder, beat: float, token: str) -> bool:
        """Whether a claim still counts."""
        if holder.pid == NOTED:
            return self._clock() - beat < LONGEST_NOTED_S and self._noted.says(Path(holder.host), token)
        if self.is_mine(holder):
            return token in _open_tokens
        alive = holder.alive
        return self._clock() - beat < FOREIGN_CLAIM_S if alive is None else alive

    def release(self, asked: Asked, word: str | None = None) -> None:
        """Ends a claim; the call was answered, or failed.

        Args:
            asked: the call.
            word: what the claim was noted under, if it was.
        """
        if word is None and asked.claim not in self._claims:
            return
        self._claims.discard(asked.claim)
        with suppress(sqlite3.Error):
            sql = "DELETE FROM claims WHERE key = ? AND token IN (?, ?)"
            self._database.execute(sql, (asked.claim, self._token, word))

    def note(self, calls: Iterable[Asked], file: Path, word: str) -> None:
        """Lets this process's claims outlive it: they count as long as a file has a word in it, for some days at the most.

        Args:
            calls: that were claimed.
            file: where the calls are written down.
            word: that stands in it as long as they are being made.
        """
        mine = [asked.claim for asked in calls if asked.claim in self._claims]
        rows = [(NOTED, str(file.absolute()), word, self._clock(), claim, self._token) for claim in mine]
        sql = "UPDATE claims SET pid = ?, host = ?, born = '', token = ?, beat = ? WHERE key = ? AND token = ?"
        with suppress(sqlite3.Error), _transaction(self._database):
            self._database.executemany(sql, rows)
        self._claims.difference_update(mine)

    def _end_left_claims(self) -> None:
        """Ends the claims of those that have ended without doing so, such as by a kill."""
        with suppress(sqlite3.Error, CacheBusy, UserError):
            sql = "SELECT pid, host, born, token, MAX(beat) FROM claims GROUP BY pid, host, born, token"
            for pid, host, born, token, beat in self._database.execute(sql).fetchall():
                if not self._is_alive(Holder(pid, host, "", born), beat, token):
                    self._database.execute("DELETE FROM claims WHERE token = ?", (token,))

    def _renew(self) -> None:
        now = self._clock()
        if self._claims and now - self._renewed >= RENEW_S:
            self._renewed = now
            self._database.execute("UPDATE claims SET beat = ? WHERE token = ?", (now, self._token))

    # --- the file -----------------------------------------------------------------------------------------------------

    def _tried(self, work: Callable[[], _T]) -> _T:
        """Does something with the file, with a new one if it turns out to be damaged."""
        try:
            return work()
        except sqlite3.Error as error:
            if is_busy(error):
                raise CacheBusy from error
            if not is_damaged(error):
                raise self._unusable(error) from error
        self._database.close()
        aside = move_aside(self.path)
        self._database = open_file(self.path)
        salvage(aside, self._database, self.path)
        try:
            return work()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error) -> UserError:
        return UserError(
            f"An answer could not be kept in '{self.path}' ({error}); the run stops so that no further call is lost. Make "
            "room, and give the same command again."
        )

    def _say(self, what: str, sentence: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            log.warning("%s", sentence)

    def close(self) -> None:
        """Writes what is not written yet, ends all claims, and closes the file."""
        try:
            if self._unsaved:
                with suppress(sqlite3.Error):
                    self._database.execute("PRAGMA busy_timeout = 30000")
                self._flush()
        except (CacheBusy, UserError) as error:
            full = (
                "the disk is full, or the file was removed" if isinstance(error, UserError) else "the file stays locked"
            )
            log.error("%d answers could not be stored in '%s': %s.", len(self._unsaved), self.path, full)
        with suppress(sqlite3.Error):
            self._database.execute("DELETE FROM claims WHERE token = ?", (self._token,))
        _open_tokens.discard(self._token)
        with suppress(sqlite3.Error):
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


#: Caches that this process has open: claims of others with this process' number were left behind.
_open_tokens: set[str] = set()


class NoteReader:
    """Whether files have words in them; each is read again only when it has changed."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[tuple[int, int, int], bytes]] = {}

    def says(self, file: Path, word: str) -> bool:
        """Whether a word stands in a file; not if there is no such file."""
        try:
            state = file.stat()
            key = state.st_ino, state.st_mtime_ns, state.st_size
            if file not in self._read or self._read[file][0] != key:
                self._read[file] = key, read_whole(file)
        except OSError:
            return False
        return word.encode() in self._read[file][1]


class _transaction:  # noqa: N801 -- reads as a verb
    """Takes the file for writing while the block lasts: what it read is still true when it writes."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._database.execute("COMMIT")
        finally:
            if self._database.in_transaction:  # after an error, or where the disk was too full for what was written
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")


def _sum(key: str, address: str, answer: bytes) -> str:
    return hashlib.sha256(f"{key} {address} ".encode() + answer).hexdigest()[:16]


def _decoded(answer: bytes) -> Completion | None:
    try:
        return msgspec.json.decode(answer, type=Completion)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return None
