"""The kinds of sources that ``--data`` names: one table, from which help and messages are made. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points

#: Packages elsewhere register sources of their own under this group: ``name = "module:Class"``.
GROUP = "lightemma.sources"


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One kind of source.

    Attributes:
        name: what ``--data`` begins with.
        place: ``module:Class`` of the source.
        form: how ``--data`` is written, such as ``nuscenes:ROOT@VERSION``.
        description: one line about it.
    """

    name: str
    place: str
    form: str
    description: str

    @property
    def needs_place(self) -> bool:
        """Whether something must follow the name."""
        return ":" in self.form


SOURCES = (
    SourceKind(
        "nuscenes",
        "lightemma.data.nuscenes:NuScenesSource",
        "nuscenes:ROOT@VERSION",
        "nuScenes, or drives in its tables",
    ),
    SourceKind(
        "argoverse2", "lightemma.data.argoverse2:Argoverse2Source", "argoverse2:ROOT", "Argoverse 2 sensor logs"
    ),
    SourceKind("folder", "lightemma.data.folder:FolderSource", "folder:DIR", "a folder with poses.csv and pictures"),
    SourceKind(
        "published",
        "lightemma.data.published:PublishedSource",
        "published:ARCHIVE",
        "the frames of a published LightEMMA run",
    ),
    SourceKind(
        "demo", "lightemma.data.embedded_demo:DemoSource", "demo", "simulated drives that come with the package"
    ),
)

#: How a class of the user's own is named.
OWN_FORM = "module:Class[:PLACE]"


def source_kinds() -> dict[str, SourceKind]:
    """All kinds by name: those of this package, then those that installed packages register."""
    kinds = {kind.name: kind for kind in SOURCES}
    for entry in entry_points(group=GROUP):
        kinds.setdefault(entry.name, SourceKind(entry.name, entry.value, entry.name, f"of {entry.value}"))
    return kinds


def data_forms() -> str:
    """How ``--data`` may be written, as a clause: ``nuscenes:ROOT@VERSION, … or module:Class[:PLACE]``."""
    return f"{', '.join(kind.form for kind in source_kinds().values())} or {OWN_FORM}"


def data_help() -> str:
    """The help text of ``--data``."""
    return f"Where the frames come from: {data_forms()}."
