"""What a run was: everything that decides its numbers, in one file beside them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

#: Raised when the meaning of a field changes; a newer file is refused by an older program.
FORMAT = 1

#: Touch the numbers of every run.
_PACKAGES = ("lightemma", "numpy", "pillow")


class DataEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """Which frames: the source, and a digest over the chosen frames' tokens in order."""

    source: str
    name: str
    version: str
    scenes: int
    frames: int
    frame_set: str
    stride: int = 1
    limit: int | None = None


class ModelEntry(msgspec.Struct, frozen=True):
    """Which model, how it was asked, and what it costs per million tokens if its YAML says so."""

    name: str
    provider: str
    model: str
    revision: str | None = None
    answered_as: str | None = None
    parameters: dict[str, Any] = {}
    price: dict[str, float | None] | None = None


class PlannerEntry(msgspec.Struct, frozen=True):
    """Which planner, with its settings."""

    name: str
    settings: dict[str, Any] = {}


class PromptsEntry(msgspec.Struct, frozen=True):
    """Which wording, by name and digest, and the form of answer it asks for."""

    name: str
    sha256: str
    answer: str = "list"


class Manifest(msgspec.Struct, frozen=True):
    """manifest.json of one run."""

    run: str
    protocol: dict[str, Any]
    data: DataEntry
    planner: PlannerEntry
    parser: str
    model: ModelEntry | None = None
    prompts: PromptsEntry | None = None
    images: dict[str, Any] | None = None
    price_table: str | None = None
    gpu_seconds: float | None = None
    imported: dict[str, Any] | None = None
    packages: dict[str, str] = {}
    python: str = ""
    git_revision: str | None = None
    started: str = ""
    ended: str | None = None
    format: int = FORMAT

    def differences(self, other: Manifest) -> list[str]:
        """What keeps ``other`` from being the same run gone on with: one clause per differing setting."""
        pairs: list[tuple[str, Any, Any]] = [
            ("protocol", self.protocol, other.protocol),
            ("data", (self.data.source, self.data.name, self.data.version), _data(other)),
            ("frames", self.data.frame_set, other.data.frame_set),
            ("planner", self.planner, other.planner),
            ("parser", self.parser, other.parser),
            ("prompts", self.prompts and self.prompts.sha256, other.prompts and other.prompts.sha256),
            ("pictures", self.images, other.images),
            ("model", _asked(self.model), _asked(other.model)),
        ]
        return [what for what, mine, theirs in pairs if mine != theirs]


def _data(manifest: Manifest) -> tuple[str, str, str]:
    return manifest.data.source, manifest.data.name, manifest.data.version


def _asked(model: ModelEntry | None) -> Any:
    return model and (model.name, model.provider, model.model, model.revision, model.parameters)


def frame_set_digest(tokens: Iterable[str]) -> str:
    """Digest of a set of sample tokens, whatever their order."""
    return hashlib.sha256("\n".join(sorted(tokens)).encode()).hexdigest()[:16]


def package_versions(names: Iterable[str] = ()) -> dict[str, str]:
    """Versions of the distributions that touch the numbers, as far as they are installed.

    Args:
        names: those that this run uses beyond what every run does: of its models, planner, source, world and executor.
    """
    found = {}
    for name in dict.fromkeys((*_PACKAGES, *names)):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def distributions_of(module: str) -> tuple[str, ...]:
    """The installed distributions that a module of a plugin comes in; none for a file of the user's, and for our own.

    Args:
        module: its full name.
    """
    top = module.partition(".")[0]
    if top in ("lightemma", "__main__", "builtins"):
        return ()
    # Reads the metadata of all that is installed, about 0.3 s: only for modules that are not ours.
    return tuple(dict.fromkeys(importlib.metadata.packages_distributions().get(top, ())))


def python_version() -> str:
    """The interpreter's version."""
    return platform.python_version()


def git_revision() -> str | None:
    """The commit this package runs from, with ``+changes`` if files differ from it; None outside a checkout."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None
    try:
        revision = _git(here, "rev-parse", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return revision + ("+changes" if changed else "")


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def now() -> str:
    """The present moment, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
