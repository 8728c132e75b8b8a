"""Files that are written whole or not at all, files that are read within bounds, and files that others need not see.

The one place where a finished draft takes a file's name.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import re
import secrets
import stat
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from lightemma.process_identity import birth_of, is_alive, this_host

#: Most bytes that are read whole from a file, unless a caller knows better: no result is larger.
LARGEST = 4_000_000_000
#: Most bytes of one line of a results file: an answer is bounded well below.
LONGEST_LINE = 256_000_000
#: Bytes that lines are cut from at a time.
_PIECE = 1 << 20
#: Seconds after which a draft of another machine, of whose processes nothing is known here, counts as given up.
_GIVEN_UP_S = 24 * 3600.0
#: A draft's name says which process writes it: number, birth, machine. SQLite puts files next to a draft of its own.
_DRAFT = re.compile(r"\..*\.(\d+)-(\d*)-([0-9a-f]{8})-[0-9a-f]{8}\.part(-wal|-shm|-journal)?")
#: Bytes of a file's name that its draft's name repeats, since names cannot be of any length.
_LONGEST_NAME = 150
#: Folders in which this process has looked for drafts that were left behind.
_cleared: set[tuple[int, str]] = set()


def open_regular(path: Path) -> BinaryIO:
    """Opens a file for reading, never a pipe, a device or a socket, which may have no end.

    Raises:
        OSError: if it cannot be opened, or is no file.
    """
    # Without waiting for a writer, where it is a pipe.
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        mode = os.fstat(number).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is a pipe, device or socket, not a file", str(path))
        return os.fdopen(number, "rb")
    except BaseException:
        with suppress(OSError):
            os.close(number)
        raise


def read_whole(path: Path, most: int = LARGEST) -> bytes:
    """All bytes of a file.

    Args:
        path: the file.
        most: bytes that it may have.

    Raises:
        OSError: if it cannot be read, is no file, or has more.
    """
    with open_regular(path) as file:
        # By its length first, so that no memory is taken for a file that is refused.
        size = os.fstat(file.fileno()).st_size
        if size <= most and len(data := file.read(size + 1)) <= most:
            return data
    raise OSError(errno.EFBIG, f"it has more than {_megabytes(most)}", str(path))


#: What is raised where a packed file is damaged, or ends too early.
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
#: How the name of a packed file ends that is still being written: it has no end yet, which is no damage.
GROWING = ".growing.gz"


@contextmanager
def open_lines(path: Path) -> Iterator[BinaryIO]:
    """A results file to be read, unpacked where its name ends in .gz.

    Raises:
        OSError: if it cannot be opened or read, is no file, or is damaged where it is packed.
    """
    with open_regular(path) as file:
        if path.suffix != ".gz":
            yield file
            return
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast("BinaryIO", _Growing(unpacked) if path.name.endswith(GROWING) else unpacked)
        except _DAMAGE as error:
            raise OSError(errno.EIO, f"it is damaged: {error}", str(path)) from error


class _Growing:
    """What a packed file holds that is still being written, or whose writer was killed: up to where it ends."""

    def __init__(self, unpacked: gzip.GzipFile) -> None:
        self._unpacked = unpacked

    def readline(self, size: int = -1) -> bytes:
        try:
            return self._unpacked.readline(size)
        except _DAMAGE as error:
            if _is_end(error):
                return b""
            raise

    def read(self, size: int) -> bytes:
        try:
            return self._unpacked.read1(size)
        except _DAMAGE as error:
            if _is_end(error):
                return b""
            raise


def _is_end(error: Exception) -> bool:
    """Whether a packed file ends before its end. Of one byte of a new part, Python says that it is no gzip file."""
    return isinstance(error, EOFError) or str(error).endswith("(b'\\x1f')")


def ends_whole(path: Path) -> bool:
    """Whether a packed file has its end, so that another part can follow.

    Raises:
        OSError: if it cannot be read, or is damaged.
    """
    with open_regular(path) as file, gzip.GzipFile(fileobj=file) as unpacked:
        try:
            while unpacked.read1(1 << 20):
                pass
        except _DAMAGE as error:
            if _is_end(error):
                return False
            raise OSError(errno.EIO, f"it is damaged: {error}", str(path)) from error
    return True


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file, one at a time, with their line ends; a last line without one was not written to its end.

    Raises:
        OSError: if it cannot be read, is no file, or has a line beyond ``LONGEST_LINE``.
    """
    with open_lines(path) as file:
        begun: list[bytes] = []  # of the line that no piece has ended yet
        length = 0
        while piece := file.read(_PIECE):
            first, *others = piece.split(b"\n")
            begun.append(first)
            length += len(first)
            if length >= LONGEST_LINE:
                raise OSError(errno.EFBIG, f"it has a line of more than {_megabytes(LONGEST_LINE)}", str(path))
            if others:
                yield b"".join(begun) + b"\n"
                last = others.pop()
                for line in others:
                    yield line + b"\n"
                begun, length = [last], len(last)
        if length:
            yield b"".join(begun)


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hex.

    Raises:
        OSError: if it cannot be read, or is no file.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def read_text(path: Path, most: int = 10_000_000, encoding: str = "utf-8") -> str:
    """The text of a file, with newlines as Python has them.

    Raises:
        OSError: as for ``read_whole``.
        UnicodeDecodeError: if it is no such text.
    """
    return read_whole(path, most).decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def unpacked(data: bytes, most: int) -> bytes:
    """What gzip data holds.

    Args:
        data: compressed.
        most: bytes that it may become.

    Raises:
        OSError: if it becomes more, or is no such data.
        EOFError: if it is torn.
        zlib.error: if it is damaged.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        whole = file.read(most + 1)
    if len(whole) > most:
        raise OSError(errno.EFBIG, f"it unpacks to more than {_megabytes(most)}")
    return whole


def private_folder(path: Path) -> None:
    """Makes a folder that only its owner can look into, where it is missing; folders above it are made as usual.

    Raises:
        OSError: if it cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)


def private_file(path: Path) -> None:
    """Makes an empty file that only its owner can read, where it is missing; one that is there keeps its mode.

    Raises:
        OSError: if it cannot be made.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:g} MB"


def new_draft(path: Path) -> Path:
    """The name of a new draft of a file, in the same folder; see ``draft_of``.

    Two processes may write the same file at the same time, so each has a draft with its own name. What processes that have
    ended left behind in the folder is removed.
    """
    clear_drafts(path.parent)
    name = path.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    pid = os.getpid()
    return path.with_name(f".{name}.{pid}-{birth_of(pid)}-{_machine()}-{secrets.token_hex(4)}.part")


def clear_drafts(folder: Path) -> None:
    """Removes the drafts in a folder whose processes have ended, such as by a kill; the first time that this process asks."""
    place = os.getpid(), str(folder.absolute())
    if place in _cleared:
        return
    _cleared.add(place)
    with suppress(OSError):
        for path in folder.iterdir():
            found = _DRAFT.fullmatch(path.name)
            if found is not None:
                with suppress(OSError):
                    if _is_left(path, int(found[1]), found[2], found[3]):
                        path.unlink()


def _is_left(draft: Path, pid: int, born: str, machine: str) -> bool:
    if machine == _machine():
        return not is_alive(pid, born)
    return time.time() - draft.stat().st_mtime > _GIVEN_UP_S


def _machine() -> str:
    return hashlib.sha256(this_host().encode(errors="replace")).hexdigest()[:8]


@contextmanager
def draft_of(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A draft to write to, which takes the file's name when the block ends without an error.

    Readers see the old content or the new, never a part; a crash leaves the old one.

    Args:
        path: the file; its folder must exist.
        private: whether only the owner can read it; else a file that is there keeps its mode. The draft of a private one
            is there already, and empty.

    Yields:
        The draft's path, in the same folder.

    Raises:
        OSError: if the draft cannot take the file's name; then nothing has changed.
    """
    draft = new_draft(path)
    try:
        if private:
            private_file(draft)
        yield draft
        if not private:
            with suppress(OSError):
                draft.chmod(stat.S_IMODE(path.stat().st_mode))  # a file that is there keeps its mode
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, *, private: bool = False) -> None:
    """Writes all of a file's content at one go (see ``draft_of``).

    Args:
        path: the file; its folder must exist.
        data: all of its content.
        private: whether only the owner can read it.

    Raises:
        OSError: if it cannot be written; then nothing has changed.
    """
    with draft_of(path, private=private) as draft:
        draft.write_bytes(data)
