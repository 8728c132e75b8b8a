"""The key frames of the cameras beside the front one, read from ``sample_data`` only when a planner asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import msgspec

from lightemma.data.loose_values import is_true
from lightemma.data.nuscenes_tables import (
    FRONT_CHANNEL,
    SampleDataRow,
    read_table,
    scan_front_rows,
    stream_rows,
    table_path,
)


def other_cameras(folder: Path) -> dict[str, dict[str, str]]:
    """Pictures of the other cameras.

    Args:
        folder: the version folder.

    Returns:
        Sample token -> channel, such as ``CAM_BACK`` -> picture, relative to the data root.

    Raises:
        UserError: if the table is missing or broken.
    """
    path = table_path(folder, "sample_data")
    try:
        return _by_sample(scan_front_rows(path, folder="CAM_"))
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        return _by_sample(stream_rows(path, SampleDataRow))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _by_sample(read_table(path, SampleDataRow))


def _by_sample(rows: Iterable[SampleDataRow]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.filename is None or row.sample_token is None or not is_true(row.is_key_frame):
            continue
        parts = PurePosixPath(row.filename).parts
        if len(parts) == 3 and parts[0] == "samples" and parts[1].startswith("CAM_") and parts[1] != FRONT_CHANNEL:
            found.setdefault(row.sample_token, {})[parts[1]] = row.filename
    return found
