"""Where a run is inside a results folder: ``results/<data>/<run>``, or ``results/<run>`` where an older version put it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lightemma.errors import UserError
from lightemma.run_folder.manifest import CLOSED_LOOP, DataEntry
from lightemma.run_folder.store import MANIFEST, is_run, read_manifest

#: Versions of nuScenes that say by themselves which data they are.
_OFFICIAL = ("v1.0-mini", "v1.0-trainval", "v1.0-test")
_LONGEST = 80


def data_folder(source: str, name: str, version: str = "") -> str:
    """The name of the folder in which the runs over some data are.

    >>> data_folder("nuscenes", "nuscenes", "v1.0-mini"), data_folder("nuscenes", "demo_drives", "v1.0-demo")
    ('nuscenes-v1.0-mini', 'demo')

    Args:
        source: kind of the data, as manifests name it.
        name: what the data calls itself.
        version: of the data; the rules of the loop, of a world.
    """
    if source == CLOSED_LOOP:  # the name of every run says by which rules it was driven
        parts = [name.removeprefix("made-up ")]
    elif source == "published":  # each archive has its own name, and all are over the same frames
        parts = [source]
    elif source == "nuscenes" and version == "v1.0-demo":
        parts = ["demo"]
    elif source == "nuscenes":
        parts = [source if version in _OFFICIAL else name, version]
    else:
        parts = [source, name, version]
    slug = re.sub(r"[^\w.+-]+", "-", "-".join(filter(None, parts))).strip(".-")[:_LONGEST]
    return slug or "data"


def folder_of(entry: DataEntry) -> str:
    """The name of the folder for the runs over the data of a manifest; see :func:`data_folder`."""
    return data_folder(entry.source, entry.name, entry.version)


def run_place(results: Path, data: str, run: str) -> Path:
    """The folder of a run.

    Args:
        results: folder of results.
        data: name of its data's folder, see :func:`data_folder`; an empty string for runs that are directly in ``results``.
        run: name of the run.

    Returns:
        ``results/<data>/<run>``; ``results/<run>`` if an older version made the run there, over the same data.
    """
    flat = results / run
    if not data:
        return flat
    place = results / data / run
    if is_run(flat) and not is_run(place) and folder_of(read_manifest(flat).data) == data:
        return flat
    return place


def find_run(path: Path) -> Path | None:
    """The run that a path means: the folder itself, or the only run of that name over any data of its results folder.

    Raises:
        UserError: if there are several.
    """
    if is_run(path):
        return path
    if path.is_dir() or not path.name or not path.parent.is_dir():
        return None
    found = [place / path.name for place in _folders(path.parent) if is_run(place / path.name)]
    if len(found) > 1:
        names = ", ".join(map(str, found))
        raise UserError(f"There are {len(found)} runs '{path.name}' under '{path.parent}' ({names}); name one of them.")
    return found[0] if found else None


def runs_under(folder: Path) -> list[Path]:
    """The runs in a folder of results: directly inside, and inside its folders of data; sorted by path."""
    inside = list(_folders(folder))
    below = [child for place in inside if not is_run(place) for child in _folders(place)]
    return sorted(place for place in (*inside, *below) if is_run(place))


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """Run folders among ``paths``: a run itself, or the runs of a folder of results; plain files are ignored.

    ``results/<run>`` also finds the run at ``results/<data>/<run>``, if there is only one of that name.

    Raises:
        UserError: if a path does not exist or holds no run.
    """
    found: list[Path] = []
    for path in paths:
        run = find_run(path)
        if run is not None:
            found.append(run)
        elif path.is_dir():
            inside = runs_under(path)
            if not inside:
                raise UserError(f"'{path}' is no run and holds none; a run is a folder with a {MANIFEST} in it.")
            found.extend(inside)
        elif not path.exists():
            raise UserError(f"There is no run '{path}'; make one with `lightemma run` or `lightemma import`.")
    if not found:
        raise UserError("No run was given; name one or more folders under results/.")
    return list(dict.fromkeys(folder.resolve() for folder in found))


def only_run(path: Path) -> Path:
    """The run that a path means, for a command that takes a single one; see :func:`find_runs`.

    Raises:
        UserError: if the path does not exist, holds no run, or holds several.
    """
    if path.is_file():
        raise UserError(f"'{path}' is a file; name the folder of a run.")
    found = find_runs([path])
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found[:3])
        raise UserError(
            f"'{path}' holds {len(found)} runs ({names}{' …' if len(found) > 3 else ''}); name one of them."
        )
    return found[0]


def _folders(folder: Path) -> Iterator[Path]:
    try:
        return iter([child for child in folder.iterdir() if not child.name.startswith(".") and child.is_dir()])
    except OSError:  # a folder of others, which is no results
        return iter(())
