"""Notes about running servers, so that the next start finds and ends a server whose harness was killed."""

from __future__ import annotations

import json
import logging
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from lightemma.files import read_text, write_whole
from lightemma.serving.processes import Identity, boot_id, end, is_alive

log = logging.getLogger(__name__)

#: Folder of the notes, next to the runs; one file per server.
FOLDER = ".servers"


@dataclass(frozen=True, slots=True)
class Note:
    """A server that was started.

    Attributes:
        token: a text in the environment of all of its processes.
        host: the machine it runs on; folders of runs may be shared.
        server: its first process, the leader of the process session of all others.
        owner: the harness that started it.
        command: as started, for people who read the note.
        log: where it writes.
        grace_s: seconds between asking it to end and killing it.
    """

    token: str
    host: str
    server: Identity
    owner: Identity
    command: list[str]
    log: str
    grace_s: float


def write_note(folder: Path, note: Note) -> Path:
    """Writes a note about a server.

    Args:
        folder: of the notes; made if missing.
        note: about the server.

    Returns:
        The file, to be removed when the server has ended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{note.token}.json"
    write_whole(path, (json.dumps(asdict(note), indent=1) + "\n").encode(), private=True)
    return path


def read_notes(folder: Path) -> dict[Path, Note]:
    """All notes in a folder; other files are ignored."""
    notes = {}
    for path in sorted(folder.glob("*.json")):
        try:
            values = json.loads(read_text(path))
            server, owner = Identity(**values.pop("server")), Identity(**values.pop("owner"))
            notes[path] = Note(server=server, owner=owner, **values)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    return notes


def end_stale(folder: Path) -> list[Note]:
    """Ends the servers whose harness no longer runs, and removes their notes.

    Servers of harnesses that still run, and those of other machines, are not touched.

    Returns:
        The notes of those that were still running.
    """
    ended = []
    for path, note in read_notes(folder).items():
        if note.host != platform.node() or is_alive(note.owner):
            continue
        # After a restart of the machine the numbers belong to other processes, and the server has ended anyway.
        if note.server.boot == boot_id() and end(note.server.pid, note.token, note.grace_s):
            log.warning(
                "ended the server of a run that was killed (process %d, %s)",
                note.server.pid,
                " ".join(note.command[:6]),
            )
            ended.append(note)
        path.unlink(missing_ok=True)
    return ended
