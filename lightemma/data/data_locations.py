"""Where the data of a run is on this machine: noted next to the runs, never in them, since a run may move elsewhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from lightemma.data.base import DataInfo
from lightemma.data.sources import INDEX_FOLDER, absolute_spec
from lightemma.files import read_text, write_whole

FILE = "sources.json"

log = logging.getLogger(__name__)


def remember_source(results: Path, info: DataInfo, spec: str) -> None:
    """Notes what ``--data`` was for this data, so that a later report finds its pictures.

    Args:
        results: folder of runs.
        info: the source, as the runs' manifests name it.
        spec: as on the command line.
    """
    known = _read(results)
    spec = absolute_spec(spec)
    if known.get(_key(info.source, info.name, info.version)) == spec:
        return
    known[_key(info.source, info.name, info.version)] = spec
    path = results / INDEX_FOLDER / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, (json.dumps(known, indent=2, sort_keys=True) + "\n").encode())
    except OSError as error:  # a convenience; the run itself does not need it
        log.info("%s cannot be written (%s)", path, error.strerror)


def recall_source(results: Path, source: str, name: str, version: str) -> str | None:
    """What ``--data`` was for this data when a run under ``results`` was driven; None if it was not noted."""
    return _read(results).get(_key(source, name, version))


def _key(source: str, name: str, version: str) -> str:
    return f"{source}:{name}@{version}"


def _read(results: Path) -> dict[str, str]:
    try:
        known = json.loads(read_text(results / INDEX_FOLDER / FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: value for key, value in known.items() if isinstance(value, str)}
