"""Files that are written whole or not at all."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that readers see the old content or the new, never a part: a crash leaves the old one.

    Args:
        path: the file; its folder must exist.
        data: all of its content.

    Raises:
        OSError: if it cannot be written; then nothing has changed.
    """
    # Two processes may write the same file at once, so each has a draft with its own name.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
