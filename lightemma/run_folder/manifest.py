"""The manifest of a run: everything that decides its numbers, in one file next to its frames."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

import msgspec
from msgspec import UNSET, UnsetType

from lightemma.run_folder.inputs import InputsEntry
from lightemma.run_folder.probe_entry import ProbeEntry
from lightemma.run_folder.records import MAIN

#: Raised when the meaning of a field changes; a newer file is refused by an older program. 2: ``calls`` and ``models``.
#: 3: packed prompts, packed frames.
FORMAT = 3

#: ``DataEntry.source`` of closed-loop runs: their frames are the decisions, and ``frame_set`` is over their episodes.
CLOSED_LOOP = "closed-loop"
#: What :meth:`Manifest.differences` calls other frames.
FRAME_SET = "frames"

#: Packages that can change the numbers of every run.
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
    """Which model, how it was asked, whose answers it learnt from, and what a million tokens costs if its YAML says so."""

    name: str
    provider: str
    model: str
    revision: str | None = None
    answered_as: str | None = None
    parameters: dict[str, Any] = {}
    price: dict[str, float | None] | None = None
    taught_by: tuple[str, ...] = ()


class PlannerEntry(msgspec.Struct, frozen=True):
    """Which planner, with its settings."""

    name: str
    settings: dict[str, Any] = {}


class PromptsEntry(msgspec.Struct, frozen=True):
    """Which wording, by name and digest, and the form of answer it asks for."""

    name: str
    sha256: str
    answer: str = "list"


class LookEntry(msgspec.Struct, frozen=True):
    """One look at a run that stops once it is decided.

    Attributes:
        scenes: that were complete, the first in the run's order.
        mean: difference to the reference, metres of l2_avg.
        low: lower end of its repeated confidence interval; None where the look was too early to decide anything.
        high: upper end.
        level: of the look's two-sided test; 0 for a look that was too early.
    """

    scenes: int
    mean: float | None
    low: float | None
    high: float | None
    level: float


class StoppingEntry(msgspec.Struct, frozen=True):
    """How a run that stops once it is decided was looked at.

    Attributes:
        margin_m: metres of l2_avg that count as no difference.
        reference: what the run is compared with.
        convention: L2 convention of the difference.
        order_seed: of the random order of scenes.
        planned_scenes: how many the whole run has.
        looks: so far.
        decided: ``better``, ``worse`` or ``equal``; None if nothing was.
    """

    margin_m: float
    reference: str
    convention: str
    order_seed: int
    planned_scenes: int
    looks: tuple[LookEntry, ...] = ()
    decided: str | None = None


class ConcurrencyEntry(msgspec.Struct, frozen=True):
    """How many calls at a time a model's provider was allowed while a session drove a run: what its latencies depend on.

    Attributes:
        began: when the session began with the run.
        role: of the model. Models of one provider share the number.
        fixed: the number that the command or the model's file set; None where it was found during the run.
        levels: pairs of seconds after ``began`` and the number from then on; changes below 10 % are left out.
    """

    began: str
    role: str
    fixed: int | None = None
    levels: tuple[tuple[float, int], ...] = ()


class MemoryEntry(msgspec.Struct, frozen=True):
    """Memory of the process that ran the models itself, the harness in it.

    Attributes:
        process_bytes: in the memory at the most while the run was driven, what earlier runs left there in it.
        gpu_bytes: of GPUs at the most, as torch counts its own tensors; None without.
    """

    process_bytes: int | None = None
    gpu_bytes: int | None = None

    def with_more(self, other: MemoryEntry | None) -> MemoryEntry:
        """The larger ones of two sessions."""
        if other is None:
            return self
        pairs = [(self.process_bytes, other.process_bytes), (self.gpu_bytes, other.gpu_bytes)]
        return MemoryEntry(*(max((one for one in pair if one is not None), default=None) for pair in pairs))


class Manifest(msgspec.Struct, frozen=True):
    """manifest.json of one run.

    Attributes:
        run: its name.
        protocol: how plans became trajectories.
        data: which frames.
        planner: which one planned.
        parser: how answers were read.
        models: role -> model, in the planner's order; empty for a planner without one.
        prompts: the wording, for planners that ask a model.
        images: how pictures were sent, or None where none were.
        inputs: what the planner was told of each frame; None in files of 0.1, see ``known_inputs``.
        price_table: where the prices come from.
        gpu_seconds: of this machine's GPUs.
        memory: of a run whose models ran in the process that drove it; None for all others.
        calls: recorded calls, once the run has been driven; None in files of 0.1.
        cached_calls: of these, answered from the response cache: asked by another run, or by an earlier session of this one.
        concurrency: of each session and model that was asked, the newest 50 of them.
        imported: where an imported run comes from.
        stopping: how it was looked at, if it stops once it is decided.
        probe: what was changed on the way to the planner, and of which run; None for a run of untouched frames.
        packages: versions of the packages that can change the numbers.
        python: the interpreter's version.
        git_revision: of this program.
        started: the first session's start.
        ended: None until the run is complete.
        format: of the folder's files.
        old_model: the only model in files of 0.1; always unset once read.
    """

    run: str
    protocol: dict[str, Any]
    data: DataEntry
    planner: PlannerEntry
    parser: str
    models: dict[str, ModelEntry] = {}
    prompts: PromptsEntry | None = None
    images: dict[str, Any] | None = None
    inputs: InputsEntry | None = None
    price_table: str | None = None
    gpu_seconds: float | None = None
    memory: MemoryEntry | None = None
    calls: int | None = None
    cached_calls: int | None = None
    concurrency: tuple[ConcurrencyEntry, ...] = ()
    imported: dict[str, Any] | None = None
    stopping: StoppingEntry | None = None
    probe: ProbeEntry | None = None
    packages: dict[str, str] = {}
    python: str = ""
    git_revision: str | None = None
    started: str = ""
    ended: str | None = None
    format: int = FORMAT
    old_model: ModelEntry | UnsetType | None = msgspec.field(default=UNSET, name="model")

    def __post_init__(self) -> None:
        """Reads a manifest of 0.1."""
        if self.old_model is not UNSET:
            if self.old_model is not None:
                msgspec.structs.force_setattr(self, "models", {MAIN: self.old_model})
            msgspec.structs.force_setattr(self, "old_model", UNSET)

    @property
    def model(self) -> ModelEntry | None:
        """The main model: the one called so, or else the first; None for a planner without a model."""
        return self.models.get(MAIN) or next(iter(self.models.values()), None)

    @property
    def model_name(self) -> str:
        """Names of all models, joined by ``+``; an empty string without one."""
        return "+".join(entry.name for entry in self.models.values())

    @property
    def known_inputs(self) -> InputsEntry:
        """The inputs; those of a file of 0.1 follow from its planner."""
        if self.inputs is not None:
            return self.inputs
        sees = bool(self.models) or self.images is not None
        frames = self.planner.settings.get("frames", 1)
        pictures = (frames if isinstance(frames, int) else 1) if sees else 0
        return InputsEntry(pictures=pictures, cameras="front" if pictures else "")

    def answered_by(self, names: Mapping[str, str | None]) -> Self:
        """The manifest with the models named as their providers named those that answered.

        Args:
            names: role -> name; None where nothing was answered now, which keeps what is known.
        """
        models = {
            role: msgspec.structs.replace(entry, answered_as=names.get(role) or entry.answered_as)
            for role, entry in self.models.items()
        }
        return msgspec.structs.replace(self, models=models)

    def differences(self, other: Manifest) -> list[str]:
        """What keeps ``other`` from resuming this run: one name per setting that differs."""
        pairs: list[tuple[str, Any, Any]] = [
            ("protocol", self.protocol, other.protocol),
            ("data", (self.data.source, self.data.name, self.data.version), _data(other)),
            (FRAME_SET, self.data.frame_set, other.data.frame_set),
            ("planner", self.planner, other.planner),
            ("parser", self.parser, other.parser),
            ("prompts", self.prompts and self.prompts.sha256, other.prompts and other.prompts.sha256),
            ("pictures", self.images, other.images),
            ("inputs", self.known_inputs.told, other.known_inputs.told),
            ("model", _asked(self.models), _asked(other.models)),
            ("probe", self.probe, other.probe),
        ]
        return [what for what, mine, theirs in pairs if mine != theirs]


def _data(manifest: Manifest) -> tuple[str, str, str]:
    return manifest.data.source, manifest.data.name, manifest.data.version


def _asked(models: Mapping[str, ModelEntry]) -> Any:
    return {
        role: (model.name, model.provider, model.model, model.revision, model.parameters)
        for role, model in models.items()
    }


def frame_set_digest(tokens: Iterable[str]) -> str:
    """Digest of a set of sample tokens; their order does not count."""
    return hashlib.sha256("\n".join(sorted(tokens)).encode()).hexdigest()[:16]


def package_versions(names: Iterable[str] = ()) -> dict[str, str]:
    """Versions of the distributions that can change the numbers, as far as they are installed.

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
    return tuple(dict.fromkeys(_distributions_by_module(tuple(sys.path)).get(top, ())))


@cache
def _distributions_by_module(_path: tuple[str, ...]) -> Mapping[str, list[str]]:
    """Reads the metadata of all that is installed, about 0.3 s; once for every state of ``sys.path``."""
    return importlib.metadata.packages_distributions()


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


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()


def now() -> str:
    """The present moment, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
