"""The option ``--against`` of scripts that compare two versions."""

from __future__ import annotations

import argparse
from pathlib import Path


def checkout(text: str) -> Path:
    """A folder with another version of lightemma.

    A folder without one would leave the present version to be imported, which would then be compared with itself.

    Raises:
        argparse.ArgumentTypeError: if there is none.
    """
    folder = Path(text).expanduser().resolve()
    if not (folder / "lightemma/__init__.py").is_file():
        raise argparse.ArgumentTypeError(f"'{text}' is no checkout of lightemma: it has no lightemma/__init__.py")
    return folder
