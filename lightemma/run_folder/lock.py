"""One process per run: a lock in the run's folder that says who holds it, and ends with its process."""

from __future__ import annotations

import errno
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from lightemma.errors import UserError
from lightemma.process_identity import birth_of, is_alive, this_host
from lightemma.run_folder.manifest import now

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FILE = ".lock"
#: What a lock that another process holds fails with.
_HELD = frozenset({errno.EACCES, errno.EAGAIN})

log = logging.getLogger(__name__)

#: Folders locked by this process: locks of the system do not keep one process from locking twice.
_mine: set[Path] = set()
_guard = threading.Lock()


class Holder(msgspec.Struct, frozen=True):
    """A process.

    Attributes:
        pid: its number.
        host: its machine, and the space in which its number counts.
        started: when it took what it holds, ISO 8601.
        born: when the system started it, so that another process with the same number is not taken for it.
    """

    pid: int
    host: str
    started: str = ""
    born: str = ""

    @property
    def words(self) -> str:
        """For people."""
        since = f", since {self.started}" if self.started else ""
        return f"process {self.pid} on {self.host.partition(' ')[0]}{since}"

    @property
    def alive(self) -> bool | None:
        """Whether the process still exists; None if it is on another machine, where that is unknown."""
        return is_alive(self.pid, self.born) if self.host == this_host() else None


def this_process() -> Holder:
    """The process that asks."""
    return Holder(os.getpid(), this_host(), now(), birth_of(os.getpid()))


class RunLock:
    """Keeps a run to one process while the context lasts.

    The lock is the system's, so that it ends with the process, however that ends. Where the folder's file system has no
    locks this is said, and the process that the file names is looked for instead.

    Args:
        folder: of the run; made if missing.

    Raises:
        UserError: if another process drives the run, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE
        self._key = folder.resolve()
        with _guard:
            if self._key in _mine:
                raise self._held(this_process())
            _mine.add(self._key)
        try:
            self._file = self._taken()
        except BaseException:
            self._forget()
            raise

    def _taken(self) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            while True:
                file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
                try:
                    self._lock(file)
                    if self._is_there(file):
                        break
                except BaseException:
                    os.close(file)
                    raise
                os.close(file)  # its holder ended and took the file away meanwhile
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
            os.write(file, msgspec.json.encode(this_process()))
        except OSError as error:
            raise UserError(
                f"The run folder '{self._folder}' cannot be written ({error.strerror}); give another place with `results`.",
                "results",
            ) from error
        return file

    def _lock(self, file: int) -> None:
        before = _read(file)
        try:
            if fcntl is None:
                raise OSError(errno.ENOSYS, "this system has none")
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                raise self._held(before) from None
            if before is not None and before.pid != os.getpid() and before.alive:
                raise self._held(before) from None
            log.warning(
                "Locks do not work in '%s' (%s): make sure that no other command drives this run at the same time.",
                self._folder,
                error.strerror,
            )
        if before is not None and before.alive is not True:
            log.info("the lock of %s, which has ended, is taken over", before.words)

    def _is_there(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False

    def _held(self, holder: Holder | None) -> UserError:
        return UserError(
            f"The run '{self._folder}' is being driven by {holder.words if holder else 'another process'}; wait until it has "
            "ended, end it, or give this run its own name with `name`.",
            "name",
        )

    def _forget(self) -> None:
        with _guard:
            _mine.discard(self._key)

    def close(self) -> None:
        """Gives the run free."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        with suppress(OSError):
            os.close(self._file)
        with suppress(OSError):
            self._folder.rmdir()  # only if nothing was written
        self._forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _read(file: int) -> Holder | None:
    try:
        os.lseek(file, 0, os.SEEK_SET)
        return msgspec.json.decode(os.read(file, 4096), type=Holder)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
