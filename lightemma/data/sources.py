"""``--data`` to a frame source."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from lightemma.data.base import FrameSource
from lightemma.errors import UserError, near_names
from lightemma.protocol import LIGHTEMMA, Protocol

KINDS = ("nuscenes", "published", "demo")

#: Under the results folder: what can be made again at any time.
INDEX_FOLDER = ".index"


def open_source(
    spec: str, results: Path, protocol: Protocol = LIGHTEMMA, reader: Literal["tables", "devkit"] = "tables"
) -> FrameSource:
    """The source behind ``nuscenes:ROOT@VERSION``, ``published:ARCHIVE`` or ``demo``.

    Args:
        spec: as on the command line.
        results: folder beside whose runs the table index is kept.
        protocol: how scenes are cut into frames.
        reader: for nuScenes tables, our own reader or nuscenes-devkit's.

    Raises:
        UserError: if there is no such source.
    """
    kind, _, place = spec.partition(":")
    if kind == "demo" and not place:
        from lightemma.data.embedded_demo import open_embedded_demo

        return open_embedded_demo(protocol)
    if kind == "nuscenes" and place:
        from lightemma.data.nuscenes import NuScenesSource, parse_spec

        root, version = parse_spec(place)
        return NuScenesSource(root, version, reader=reader, cache_dir=results / INDEX_FOLDER, protocol=protocol)
    if kind == "published" and place:
        from lightemma.data.published import PublishedSource

        return PublishedSource(Path(place).expanduser())
    if kind in KINDS:
        raise UserError(
            f"The data source '{spec}' is incomplete; write nuscenes:ROOT@VERSION, published:ARCHIVE or demo."
        )
    raise UserError(f"There is no data source '{kind}'; {near_names(kind, KINDS)}")
