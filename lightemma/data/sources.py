"""Opens the frame source that ``--data`` names."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from lightemma.data.base import DataInfo, FrameSource, SourceSettings
from lightemma.data.source_faults import failures_of
from lightemma.data.source_kinds import data_forms, source_kinds
from lightemma.errors import UserError, near_names
from lightemma.plugins import describe, load_class
from lightemma.protocol import LIGHTEMMA, Protocol

#: Folder inside the results folder for what can be made again at any time.
INDEX_FOLDER = ".index"


def open_source(
    spec: str, results: Path, protocol: Protocol = LIGHTEMMA, reader: Literal["tables", "devkit"] = "tables"
) -> FrameSource:
    """The source behind a ``--data``.

    Args:
        spec: as on the command line: a name of ``source_kinds`` with what it needs, or ``module:Class[:PLACE]``.
        results: folder of runs, in which the table index is kept, too.
        protocol: how scenes are cut into frames.
        reader: for nuScenes tables, our own reader or nuscenes-devkit's.

    Raises:
        UserError: if there is no such source, or the source fails.
    """
    kinds = source_kinds()
    name, _, place = spec.partition(":")
    if name in kinds:
        if kinds[name].needs_place and not place:
            raise UserError(f"The data source '{spec}' is incomplete; write {kinds[name].form}.")
        source = load_class(kinds[name].place, FrameSource, "data source")
    else:
        class_name, _, rest = place.partition(":")
        if "." not in name and not _is_module(name):
            module = " nor a module of this name on PYTHONPATH" if class_name.isidentifier() else ""
            raise UserError(
                f"There is no data source '{name}'{module}; {near_names(name, kinds)} Write {data_forms(kinds.values())}."
            )
        if not class_name.isidentifier():
            raise UserError(f"There is no data source '{spec}'; write {data_forms(kinds.values())}.")
        source, place = load_class(f"{name}:{class_name}", FrameSource, "data source"), rest
    return _opened(source, place, SourceSettings(protocol, results / INDEX_FOLDER, reader))


def absolute_spec(spec: str) -> str:
    """A ``--data`` that means the same from any working folder: a path in it becomes absolute."""
    kinds = source_kinds()
    name, colon, place = spec.partition(":")
    if name in kinds and kinds[name].needs_place:
        return f"{name}:{Path(place).expanduser().absolute()}"
    begin, rest = f"{name}{colon}", place
    if name not in kinds:
        class_name, second, rest = place.partition(":")
        begin = f"{name}:{class_name}{second}"
    path = Path(rest).expanduser()
    return f"{begin}{path.absolute()}" if rest and path.exists() else spec


def _opened(source: type[FrameSource], place: str, settings: SourceSettings) -> FrameSource:
    missing = getattr(source, "__abstractmethods__", None)
    if missing:
        raise UserError(
            f"In {describe(source)} something is missing that a source must have: {', '.join(sorted(missing))}."
        )
    with failures_of(source, "open"):
        opened = source.open(place, settings)
    if not isinstance(opened, FrameSource):
        raise UserError(
            f"In {describe(source)} `open` gave {type(opened).__name__} instead of a FrameSource; correct the class."
        )
    with failures_of(source, "info"):
        info = opened.info
    if not isinstance(info, DataInfo):
        raise UserError(
            f"In {describe(source)} `info` gave {type(info).__name__} instead of DataInfo; correct the class."
        )
    with failures_of(source, "scene_names"):
        names = list(opened.scene_names)
    if len(set(names)) < len(names) or not all(isinstance(name, str) and name for name in names):
        raise UserError(
            f"In {describe(source)} `scene_names` gave names that are empty, no text or there twice; correct the class."
        )
    return opened


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
