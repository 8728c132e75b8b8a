"""The kinds of sources that ``--data`` names: one table, from which help and messages are made. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
    from lightemma.plugins import offered

    own = {kind.name: kind for kind in SOURCES}
    found = offered(GROUP, {name: kind.place for name, kind in own.items()})
    others = {
        name: SourceKind(name, point.place, name, f"of the package {point.package}")
        for name, point in found.items()
        if name not in own
    }
    return own | others


def data_forms(kinds: Iterable[SourceKind] = SOURCES) -> str:
    """How ``--data`` may be written, as a clause: ``nuscenes:ROOT@VERSION, … or module:Class[:PLACE]``."""
    return f"{', '.join(kind.form for kind in kinds)} or {OWN_FORM}"


def data_help(what: str = "Where the frames come from") -> str:
    """The help text of ``--data``; looks at no installed package, since every ``--help`` needs it.

    Args:
        what: what the option is for.
    """
    return f"{what}: {data_forms()}, or the name of an installed source."
