"""The scene files of a LightEMMA output, in a folder or a .zip, which stays packed."""

from __future__ import annotations

import errno
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from lightemma.errors import UserError
from lightemma.files import read_whole

#: Most bytes of one scene's file, unpacked, and most entries of an archive: a hundred times what the published ones have.
MAX_ENTRY_BYTES = 200_000_000
MAX_ENTRIES = 100_000


def open_zip(path: Path) -> tuple[list[str], Callable[[str], bytes]]:
    """The names of a .zip's entries, and what reads one of them.

    Raises:
        UserError: if it is broken, or has more entries than any output of LightEMMA.
    """
    try:
        archive = zipfile.ZipFile(path)
    # Damage shows in many ways: names that are no UTF-8, versions and places that cannot be.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error) as error:
        raise UserError(
            f"'{path}' is not a whole .zip archive ({error}); it may be cut off, fetch it again."
        ) from error
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}).") from error
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        archive.close()
        raise UserError(f"'{path}' has {len(entries):,} entries; no LightEMMA output has more than {MAX_ENTRIES:,}.")
    return [entry.filename for entry in entries], lambda name: _entry(archive, name)


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """The bytes of an entry.

    Raises:
        OSError: if it unpacks to more than a scene can have.
    """
    with archive.open(name) as file:
        # Bounded by what comes out, whatever the archive says of itself.
        data = file.read(MAX_ENTRY_BYTES + 1)
    if len(data) > MAX_ENTRY_BYTES:
        raise OSError(errno.EFBIG, f"it unpacks to more than {MAX_ENTRY_BYTES // 1_000_000} MB")
    return data


def open_folder(path: Path) -> tuple[list[str], Callable[[str], bytes]]:
    """The names of a folder's .json files, and what reads one of them.

    Raises:
        UserError: if there is no such folder.
    """
    if not path.is_dir():
        raise UserError(f"There is no archive '{path}'; give a LightEMMA output folder or .zip.")
    names = [file.relative_to(path).as_posix() for file in sorted(path.rglob("*.json"))]
    return names, lambda name: read_whole(path / name, MAX_ENTRY_BYTES)


def scene_entries(path: Path, names: list[str]) -> dict[str, str]:
    """Scene name -> file, of the one folder that holds scene files.

    Raises:
        UserError: if there are none, several such folders, or two files of one scene.
    """
    files = [PurePosixPath(name) for name in names if name.endswith(".json") and "__MACOSX" not in name]
    if any(file.parent.name == "output" for file in files):
        files = [file for file in files if file.parent.name == "output"]
    if not files:
        raise UserError(
            f"'{path}' holds no scene .json files; give the folder or .zip that LightEMMA's predict.py wrote."
        )
    folders = sorted({str(file.parent) for file in files})
    if len(folders) > 1:
        raise UserError(
            f"'{path}' holds several outputs ({', '.join(folders[:4])}); give one of these folders at a time."
        )
    twice = next((name for name, count in Counter(file.stem for file in files).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"'{path}' holds two files for the scene '{twice}'; remove one of the two, or fetch it again.")
    return {file.stem: str(file) for file in sorted(files)}
