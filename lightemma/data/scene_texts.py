"""The tables' texts about each scene: where it was recorded, and a description of what happens."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lightemma.data.loose_values import text
from lightemma.data.nuscenes_tables import read_table, table_path


class _SceneRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ``scene``."""

    name: str
    log_token: str | None = ""
    description: str | None = ""


class _LogRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ``log``."""

    token: str
    location: str | None = ""


def read_scene_texts(root: Path, version: str) -> dict[str, tuple[str, str]]:
    """Location and description of every scene by its name; empty strings where the tables do not say.

    Args:
        root: the data root.
        version: the version folder's name.

    Raises:
        UserError: if ``scene.json`` is missing or broken, or ``log.json`` is broken.
    """
    folder = root / version
    logs: dict[str, str] = {}
    if (folder / "log.json").is_file():
        logs = {row.token: text(row.location) for row in read_table(folder / "log.json", _LogRow)}
    scenes = read_table(table_path(folder, "scene"), _SceneRow)
    return {row.name: (logs.get(text(row.log_token), ""), text(row.description)) for row in scenes}
