"""Files that are written whole or not at all: the one place where a finished draft takes a file's name."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """A draft to write to, which takes the file's name when the block ends without an error.

    Readers see the old content or the new, never a part; a crash leaves the old one.

    Args:
        path: the file; its folder must exist.

    Yields:
        The draft's path, in the same folder.

    Raises:
        OSError: if the draft cannot take the file's name; then nothing has changed.
    """
    # Two processes may write the same file at the same time, so each has a draft with its own name.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield draft
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Writes all of a file's content at one go (see ``draft_of``).

    Args:
        path: the file; its folder must exist.
        data: all of its content.

    Raises:
        OSError: if it cannot be written; then nothing has changed.
    """
    with draft_of(path) as draft:
        draft.write_bytes(data)
