"""Where the data of a run is on this machine: noted next to the runs, never in them, since a run may move elsewhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from lightemma.data.base import DataInfo
from lightemma.data.sources import INDEX_FOLDER, absolute_spec
from lightemma.files import clear_drafts, read_text, write_whole

FILE = "sources.json"

log = logging.getLogger(__name__)


def remember_source(results: Path, info: DataInfo, spec: str, frame_set: str = "") -> None:
    """Notes what ``--data`` was for this data, so that a later report finds its pictures.

    Args:
        results: folder of runs.
        info: the source, as the runs' manifests name it.
        spec: as on the command line.
        frame_set: digest of the frames that were driven: it tells data apart that call themselves the same.
    """
    known = _read(results)
    spec = absolute_spec(spec)
    clear_drafts(results / INDEX_FOLDER)
    keys = _keys(info.source, info.name, info.version, frame_set)
    if all(known.get(key) == spec for key in keys):
        return
    known |= dict.fromkeys(keys, spec)
    path = results / INDEX_FOLDER / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, (json.dumps(known, indent=2, sort_keys=True) + "\n").encode())
    except OSError as error:  # a convenience; the run itself does not need it
        log.info("%s cannot be written (%s)", path, error.strerror)


def recall_source(results: Path, source: str, name: str, version: str, frame_set: str = "") -> str | None:
    """What ``--data`` was for this data when a run under ``results`` was driven; None if it was not noted.

    Args:
        results: folder of runs: of all, or of those over this data.
        source: with ``name`` and ``version``, what the data calls itself.
        name: see ``source``.
        version: see ``source``.
        frame_set: digest of the run's frames; where none was noted for these, what the data calls itself decides.
    """
    known = _read(notes_folder(results))
    return next((known[key] for key in _keys(source, name, version, frame_set) if key in known), None)


def notes_folder(results: Path) -> Path:
    """The folder that has the notes about data for a folder of runs: itself, or the one above where the runs lie by data."""
    above = results.resolve().parent
    return above if not (results / INDEX_FOLDER).is_dir() and (above / INDEX_FOLDER).is_dir() else results


def _keys(source: str, name: str, version: str, frame_set: str) -> list[str]:
    """The most special one first."""
    key = f"{source}:{name}@{version}"
    return [f"{key}#{frame_set[:16]}", key] if frame_set else [key]


def _read(results: Path) -> dict[str, str]:
    try:
        known = json.loads(read_text(results / INDEX_FOLDER / FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: value for key, value in known.items() if isinstance(value, str)}
