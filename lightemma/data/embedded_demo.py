"""The embedded demo data: drives of the simulated city that come with the package, read in place.

They serve to show and test the whole program without a download; a score on them says nothing about driving on real roads.
How they are made: docs/simulated-data.md.
"""

from __future__ import annotations

from pathlib import Path

from lightemma.data.base import SourceSettings
from lightemma.data.nuscenes import NuScenesSource
from lightemma.errors import UserError
from lightemma.protocol import LIGHTEMMA, Protocol

VERSION = "v1.0-demo"
"""Name of the tables' folder, as nuScenes calls a version."""


def embedded_root() -> Path:
    """The folder of the embedded data set, which is part of the package and never written to.

    Raises:
        UserError: if the package came without it.
    """
    root = Path(__file__).with_name("demo_drives")
    if not (root / VERSION / "scene.json").is_file():
        raise UserError(
            f"The demo drives are missing from {root}; install lightemma again, or build them with "
            "python scripts/build_demo_data.py."
        )
    return root


def open_embedded_demo(protocol: Protocol = LIGHTEMMA) -> NuScenesSource:
    """The embedded drives as a source.

    Args:
        protocol: how scenes are cut.

    Raises:
        UserError: if the package came without them.
    """
    return NuScenesSource(embedded_root(), VERSION, cache_dir=None, protocol=protocol)


class DemoSource(NuScenesSource):
    """The embedded drives, as ``--data demo`` opens them."""

    @classmethod
    def open(cls, place: str, settings: SourceSettings) -> NuScenesSource:
        """The source behind ``demo``.

        Raises:
            UserError: if a place is given, or the package came without the drives.
        """
        if place:
            raise UserError(f"The data source 'demo:{place}' is wrong: the demo drives have no place; write demo.")
        return open_embedded_demo(settings.protocol)
