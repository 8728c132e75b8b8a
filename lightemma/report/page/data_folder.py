"""The folder next to a page: scripts that the page loads when it needs what they hold; works from a disk, without a server."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from lightemma.files import clear_drafts, write_whole
from lightemma.report.page.escape import page_json

#: How files of scenes, of texts and of episodes begin; only such files are removed when a report is written over an older one.
CALL = b"lightemmaScene("
SEARCH_CALL = b"lightemmaSearch("
EPISODE_CALL = b"lightemmaEpisode("
CALLS = (CALL, SEARCH_CALL, EPISODE_CALL)


def plain_name(name: str) -> str:
    """A name that comes from the data, which may be anything, as part of a file's name; may be empty."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")[:40]


def write_data_file(folder: Path, stem: str, call: bytes, arguments: Sequence[Any]) -> str:
    """Writes a script that hands its arguments to the page.

    Args:
        folder: next to the page; made if it is not there.
        stem: the file's name without its ending, of plain signs.
        call: one of ``CALLS``.
        arguments: what is handed over; escaped so that nothing in it can end the call.

    Returns:
        The file's name.

    Raises:
        OSError: if it cannot be written.
    """
    name = f"{stem}.js"
    folder.mkdir(exist_ok=True)
    write_whole(folder / name, call + b",".join(page_json(one) for one in arguments) + b");\n")
    return name


def clear_data(folder: Path, keep: Collection[str]) -> None:
    """Removes the files of an older report under the same name, and nothing else.

    Args:
        folder: next to the page.
        keep: names of the present report's files.
    """
    if not folder.is_dir():
        return
    clear_drafts(folder)
    longest = max(map(len, CALLS))
    for path in folder.glob("*.js"):
        if path.name in keep:
            continue
        with path.open("rb") as file:
            ours = file.read(longest).startswith(CALLS)
        if ours:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
