"""The file with the lines of a run's frames: plain while it is small, then packed as it grows, and again at its end."""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from contextlib import suppress
from io import FileIO
from pathlib import Path

from lightemma.errors import UserError
from lightemma.files import GROWING, draft_of, ends_whole, open_lines, private_file
from lightemma.run_folder.packed_prompts import SAMPLES, SamplesDamagedError

FRAMES = "frames.jsonl"
#: The same lines of a run that goes on, in gzip; each is on the disk before the next.
GROWING_FRAMES = f"{FRAMES}{GROWING}"
#: The same of a run that nothing will be added to.
PACKED_FRAMES = f"{FRAMES}.gz"
#: Fewer bytes of lines stay plain, in a run that has ended and in one that goes on. Some eleven calls: with fewer, manifest and
#: samples of prompts alone take half a kilobyte a call and more, and a file that any tool shows is worth more than the rest.
WORTH_PACKING = 12_000
_LEVEL = 6
_PIECE = 1 << 20


def frames_file(folder: Path) -> Path:
    """The file with a run's frames: the plain one if there is one, whatever is next to it.

    A program that ends while it makes one of the others from it leaves both, and this one has all lines; so has the growing
    one, beside a packed one.
    """
    plain, growing, packed = (folder / name for name in (FRAMES, GROWING_FRAMES, PACKED_FRAMES))
    if plain.exists():
        return plain
    return growing if growing.exists() else packed if packed.exists() else plain


def damaged_line(path: Path, number: int | None, error: Exception) -> UserError:
    """What to say of a line that cannot be read, and how it is mended.

    Args:
        path: the file of frames that has it.
        number: of the line, from 1, where it is known.
        error: why it cannot be read.
    """
    if isinstance(error, SamplesDamagedError):  # so are all lines that need them
        return UserError(f"'{path}' cannot be read: {error}; restore '{path.with_name(SAMPLES)}'.")
    where = f"Line {number} of" if number else "A line of"
    first = "" if path.name == FRAMES else f"unpack it there with `zcat {path.name} > {FRAMES}`, "
    return UserError(f"{where} '{path}' is damaged ({error}); {first}delete that line, and run again to fill the gap.")


def pack_frames(folder: Path) -> None:
    """Packs the frames of a run that nothing will be added to, if that is worth it; adding something unpacks them.

    Raises:
        UserError: if the packed file cannot be written.
    """
    source = frames_file(folder)
    try:
        if source.name == PACKED_FRAMES or not source.exists():
            return
        if source.name == FRAMES and source.stat().st_size < WORTH_PACKING:
            return
        if source.name == GROWING_FRAMES and ends_whole(source):
            source.replace(folder / PACKED_FRAMES)  # as it grew: a twentieth larger than packed at once
            return
        _pack(source, folder / PACKED_FRAMES)
        source.unlink()
    except OSError as error:
        raise UserError(
            f"'{folder / PACKED_FRAMES}' cannot be written ({error.strerror}); make room and give the same command again."
        ) from error


def _pack(source: Path, target: Path) -> None:
    with (
        draft_of(target, private=True) as draft,
        open_lines(source) as lines,
        gzip.GzipFile(draft, "wb", compresslevel=_LEVEL, mtime=0) as packed,
    ):
        shutil.copyfileobj(lines, packed, _PIECE)


def _unpack(folder: Path) -> None:
    """Makes the plain file of the others."""
    source = frames_file(folder)
    if source.name != FRAMES:
        with draft_of(folder / FRAMES, private=True) as draft, draft.open("wb") as target, open_lines(source) as lines:
            shutil.copyfileobj(lines, target, _PIECE)
    for name in (GROWING_FRAMES, PACKED_FRAMES):
        (folder / name).unlink(missing_ok=True)


class FrameAppender:
    """Adds lines to a run's frames; on return of ``append`` a line is with the operating system.

    What is there is made ready: a torn last line is cut off, packed lines are unpacked.

    Args:
        folder: the run's.
        packs: whether the lines are packed as they become many.

    Raises:
        OSError: if a file cannot be read or written.
    """

    def __init__(self, folder: Path, *, packs: bool = False) -> None:
        self._folder = folder
        self._packs = packs
        self._member: zlib._Compress | None = None
        self._torn: OSError | None = None
        self._file: FileIO
        growing = folder / GROWING_FRAMES
        if packs and frames_file(folder) == growing and ends_whole(growing):
            (folder / PACKED_FRAMES).unlink(missing_ok=True)
            self._grow_on(_new_member())
            return
        _unpack(folder)
        _mend(folder / FRAMES)
        private_file(folder / FRAMES)
        # Unbuffered: a line that did not fit on the disk must not come back when the file is closed.
        self._file = (folder / FRAMES).open("ab", buffering=0)

    def append(self, line: bytes) -> None:
        """Adds a line, with its end.

        Raises:
            OSError: if it cannot be written; what was written of it is cut off now, or when the run goes on.
        """
        if self._member is not None:
            self._write(self._member.compress(line) + self._member.flush(zlib.Z_SYNC_FLUSH))
            return
        self._write(line)
        if self._packs and self._file.tell() >= WORTH_PACKING:
            self._start_growing()

    def _write(self, data: bytes) -> None:
        left, before = memoryview(data), self._file.tell()
        if self._torn is not None:
            raise self._torn
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            if self._member is not None:
                self._torn = error  # a packed file cannot go on without what is missing
            with suppress(OSError):
                self._file.truncate(before)
            raise

    def _start_growing(self) -> None:
        plain, growing, member = self._folder / FRAMES, self._folder / GROWING_FRAMES, _new_member()
        try:
            with draft_of(growing, private=True) as draft, draft.open("wb") as target, open_lines(plain) as lines:
                while piece := lines.read(_PIECE):
                    target.write(member.compress(piece))
                # Not ended: what follows is packed by what these lines have in common with it.
                target.write(member.flush(zlib.Z_SYNC_FLUSH))
        except OSError:
            self._packs = False  # no room for both: all lines are where they are
            return
        self._file.close()
        try:
            plain.unlink()
        except OSError:  # where a file that somebody reads cannot be removed: it is the one that counts
            self._packs = False
            self._file = plain.open("ab", buffering=0)
            with suppress(OSError):
                growing.unlink(missing_ok=True)
            return
        self._grow_on(member)

    def _grow_on(self, member: zlib._Compress) -> None:
        self._file = (self._folder / GROWING_FRAMES).open("ab", buffering=0)
        self._member = member

    def close(self) -> None:
        """Ends the file.

        Raises:
            OSError: if its end cannot be written; all lines are there.
        """
        try:
            if self._member is not None and self._torn is None:
                self._write(self._member.flush())
        finally:
            self._file.close()


def _new_member() -> zlib._Compress:
    """A part of a file in gzip."""
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16, 9)


def _mend(path: Path) -> None:
    """Cuts a torn last line off, so that the next line does not continue it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return
        keep = 0
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                keep = start + newline + 1
                break
            end = start
        file.truncate(keep)
