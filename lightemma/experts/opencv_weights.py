"""Whether OpenCV is here, and where an installed package keeps a network's files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

INSTALL_OPENCV = "OpenCV is not installed; pip install 'lightemma[experts]'"


def without_opencv() -> str:
    """Why OpenCV cannot be used, as a clause with the cure; empty if it can."""
    return INSTALL_OPENCV if find_spec("cv2") is None else ""


def weights_folder(package: str, folder: str, *files: str) -> Path | None:
    """The folder of an installed package that has all of some files; the package itself is not imported.

    Args:
        package: its name for imports.
        folder: within it.
        files: that must be there.
    """
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    found = Path(places[0]) / folder if places else None
    return found if found is not None and all((found / name).is_file() for name in files) else None
