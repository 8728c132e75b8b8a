"""How a run grows: the same command over more frames adds those that are missing, and over fewer keeps all that are there."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from lightemma.run_folder.manifest import CLOSED_LOOP, DataEntry, frame_set_digest


def grown(
    existing: DataEntry, wanted: DataEntry, recorded: Collection[str], names: Collection[str]
) -> DataEntry | None:
    """What a run covers once a command over other frames of the same data resumes it.

    Args:
        existing: what it covers by its manifest.
        wanted: what the command covers.
        recorded: sample tokens, or names of episodes, that the run has.
        names: those of ``wanted``.

    Returns:
        ``wanted`` if it contains all that the run has. If the run has all of ``wanted`` and more, what it has. None if each
        has something that the other lacks: then it is another run.
    """
    have, want = set(recorded), set(names)
    if have <= want:
        return wanted
    if not want <= have:
        return None
    digest = frame_set_digest(have)
    if digest == existing.frame_set:
        return existing
    # A run over even more frames that was interrupted: as far as it came, it is whole.
    counted = {"scenes": len(have)} if existing.source == CLOSED_LOOP else {"frames": len(have)}
    return msgspec.structs.replace(existing, frame_set=digest, limit=None, **counted)
