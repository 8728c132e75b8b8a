"""Which runs of a folder can be compared with each other: the groups of ``compare``, ``report``, ``plot`` and ``runs``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import msgspec

from lightemma.closed_loop.records import EPISODES
from lightemma.errors import UserError
from lightemma.run_folder.manifest import CLOSED_LOOP, Manifest
from lightemma.run_folder.places import find_run, find_runs, folder_of
from lightemma.run_folder.store import read_lines, read_manifest


@dataclass(frozen=True)
class StoredRun:
    """A run on disk, before its frames are read.

    Attributes:
        folder: where it is.
        manifest: what it is.
    """

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """The run's name."""
        return self.manifest.run

    @property
    def closed(self) -> bool:
        """Whether it was driven in a world."""
        return self.manifest.data.source == CLOSED_LOOP

    @cached_property
    def tokens(self) -> frozenset[str]:
        """Sample tokens of the frames that it has."""
        return frozenset(one.sample_token for one in read_lines(self.folder, _Token))

    @cached_property
    def finished(self) -> bool:
        """Whether it can be compared: it has all of its frames or was decided early; a finished episode, in a world."""
        if self.closed:
            episodes = self.folder / EPISODES
            return episodes.is_file() and episodes.stat().st_size > 0
        stopping = self.manifest.stopping
        # A session that was killed after its last frame left a whole run without its end.
        decided = stopping is not None and stopping.decided is not None
        return bool(self.manifest.ended) or decided or len(self.tokens) >= max(self.manifest.data.frames, 1)

    @property
    def reached(self) -> str:
        """How far it came, as a phrase."""
        if self.closed:
            return "no finished episode"
        return f"{len(self.tokens):,} of {self.manifest.data.frames:,} frames"


class _Token(msgspec.Struct, frozen=True, gc=False):
    sample_token: str


@dataclass(frozen=True)
class Group:
    """Runs that can be compared with each other.

    Attributes:
        name: by which ``--group`` chooses it: the folder of its data, with what tells it from other groups.
        runs: all of them, by name.
        frames: how many all of them have; 0 for runs in a world, where each has its own.
        part_of: name of a group over more frames, which has all of these; empty for none.
    """

    name: str
    runs: Sequence[StoredRun]
    frames: int = 0
    part_of: str = ""

    @property
    def closed(self) -> bool:
        """Whether all are closed-loop runs, whose tables and page are of another kind."""
        return all(run.closed for run in self.runs)

    @property
    def folders(self) -> list[Path]:
        """Where the runs are."""
        return [run.folder for run in self.runs]

    @property
    def phrase(self) -> str:
        """What it is, for messages."""
        count = f"{len(self.runs)} {'drive' if self.closed else 'run'}{'s' if len(self.runs) != 1 else ''}"
        if self.closed:
            return f"{self.name} ({count} in a world)"
        part = f", all among those of {self.part_of}" if self.part_of else ""
        return f"{self.name} ({count}, {self.frames:,} frame{'s' if self.frames != 1 else ''}{part})"


@dataclass(frozen=True)
class Groups:
    """The runs of some folders, sorted into what can be compared.

    Attributes:
        all: the groups: recorded data before worlds, more runs and more frames first.
        unfinished: the runs that cannot be compared yet.
        unreadable: a sentence for each folder whose manifest is broken, or is none of a run.
    """

    all: Sequence[Group]
    unfinished: Sequence[StoredRun] = ()
    unreadable: Sequence[str] = ()

    @property
    def largest(self) -> Group:
        """What is shown if none is chosen."""
        return self.all[0]

    @property
    def closed(self) -> list[Group]:
        """The groups of closed-loop runs."""
        return [group for group in self.all if group.closed]

    def named(self, name: str) -> Group:
        """The group of a name, or at a place in the list (1 is the first).

        Raises:
            UserError: if there is none.
        """
        for number, group in enumerate(self.all, start=1):
            if name in (group.name, str(number)):
                return group
        raise UserError(
            f"There is no group '{name}' of runs; the groups are {', '.join(one.phrase for one in self.all)}."
        )


@dataclass(frozen=True)
class Chosen:
    """What a command that compares shows.

    Attributes:
        group: the runs.
        closed: groups of closed-loop runs that get tables and pages beside those of ``group``.
        notes: sentences about what is not shown.
    """

    group: Group
    closed: Sequence[Group] = ()
    notes: Sequence[str] = field(default_factory=list)

    @property
    def driven(self) -> list[Path]:
        """Folders of the closed-loop runs that are shown, those of ``group`` first."""
        own = [self.group] if self.group.closed else []
        return [
            folder for one in (*own, *(one for one in self.closed if one is not self.group)) for folder in one.folders
        ]


def choose_group(paths: Sequence[Path], group: str | None = None, *, shared_frames: bool = False) -> Chosen:
    """The runs that a command compares.

    Runs that are named one by one are taken as they are: what keeps them from being compared is an error. Runs of a folder are
    sorted into groups, of which the largest is taken.

    Args:
        paths: run folders, or folders of runs.
        group: name or number of a group; None for the largest.
        shared_frames: runs are compared over the frames that all of a group have.

    Raises:
        UserError: if there is no run, or no such group.
    """
    if group is None and all(find_run(path) is not None for path in paths):
        return Chosen(Group("", [_stored(folder) for folder in find_runs(paths)]))
    groups = group_runs(find_runs(paths), shared_frames=shared_frames)
    left_out = [f"{run.name} has {run.reached}" for run in groups.unfinished]
    notes = list(groups.unreadable)
    if left_out:
        over = "" if shared_frames else ", or compare over the frames that all have with --shared-frames"
        notes.append(f"Left out: {'; '.join(left_out)}. The same command that began a run finishes it{over}.")
    if group is not None:
        return Chosen(groups.named(group), notes=notes)
    chosen = groups.largest
    beside = [] if chosen.closed else groups.closed
    others = [one for one in groups.all if one is not chosen and one not in beside]
    if chosen.closed:  # worlds are shown beside each other, each with its tables
        return Chosen(chosen, groups.closed, notes)
    if others:
        listed = "; ".join(one.phrase for one in groups.all)
        notes.append(
            f"{len(groups.all)} groups: {listed}. Showing {chosen.name}, the largest; --group {others[0].name} shows another."
        )
    return Chosen(chosen, beside, notes)


def group_runs(folders: Iterable[Path], *, shared_frames: bool = False) -> Groups:
    """Sorts runs into groups that can be compared.

    Runs over recorded data belong together if they have the same frames, protocol and, where both say it, version of the
    data; a probe's run belongs to its untouched run. Closed-loop runs do if world and rules are the same.

    Args:
        folders: of the runs.
        shared_frames: runs belong together if all of them have a frame in common.

    Raises:
        UserError: if no manifest can be read.
    """
    runs, unreadable = _readable(folders)
    begun = [run for run in runs if run.finished or (shared_frames and not run.closed and run.tokens)]
    if not begun:
        begun = runs  # the error about the first says what is missing
    plain = [run for run in begun if run.manifest.probe is None]
    sorted_out: list[list[StoredRun]] = []
    for run in plain:
        place = next((group for group in sorted_out if _fits(run, group, shared_frames=shared_frames)), None)
        if place is None:
            sorted_out.append([run])
        else:
            place.append(run)
    sorted_out.sort(
        key=lambda group: (group[0].closed, -len(group), 0 if group[0].closed else -group[0].manifest.data.frames)
    )
    for run in begun:
        if run.manifest.probe is not None:
            home = next((group for group in sorted_out if _is_probe_of(run, group)), None)
            if home is None:
                sorted_out.append([run])
            else:
                home.append(run)
    named = _named(sorted_out, shared_frames=shared_frames)
    kept = {run.folder for run in begun}
    return Groups(_with_parts(named), [run for run in runs if run.folder not in kept], unreadable)


def _readable(folders: Iterable[Path]) -> tuple[list[StoredRun], list[str]]:
    found, errors = list[StoredRun](), list[UserError]()
    for folder in folders:
        try:
            found.append(_stored(folder))
        except UserError as error:
            errors.append(error)
    if errors and not found:
        raise errors[0]
    return found, [f"Left out: {error}" for error in errors]


def _stored(folder: Path) -> StoredRun:
    return StoredRun(folder, read_manifest(folder))


def _fits(run: StoredRun, group: Sequence[StoredRun], *, shared_frames: bool) -> bool:
    mine = run.manifest
    if run.closed or group[0].closed:
        theirs = group[0].manifest.data
        return run.closed == group[0].closed and (mine.data.name, mine.data.version) == (theirs.name, theirs.version)
    versions = {other.manifest.data.version for other in group} - {""}
    if mine.protocol != group[0].manifest.protocol or (mine.data.version and versions - {mine.data.version}):
        return False
    if shared_frames:
        return bool(run.tokens.intersection(*(other.tokens for other in group)))
    return mine.data.frame_set == group[0].manifest.data.frame_set


def _is_probe_of(run: StoredRun, group: Sequence[StoredRun]) -> bool:
    entry, first = run.manifest.probe, group[0]
    if entry is None or first.closed or run.manifest.protocol != first.manifest.protocol:
        return False
    return any(
        other.name == entry.of and folder_of(other.manifest.data) == folder_of(run.manifest.data) for other in group
    )


def _named(sorted_out: Sequence[Sequence[StoredRun]], *, shared_frames: bool) -> list[Group]:
    """The groups, each with another name: that of its data, then what differs, then a number."""
    bases = [_base(runs) for runs in sorted_out]
    found: list[Group] = []
    taken: set[str] = set()
    for base, runs in zip(bases, sorted_out, strict=True):
        frames = 0
        if not runs[0].closed:
            shared = frozenset.intersection(*(run.tokens for run in runs)) if shared_frames else ()
            frames = len(shared) if shared_frames else runs[0].manifest.data.frames
        name = base
        if name in taken:
            alike = [other for other, its in zip(sorted_out, bases, strict=True) if its == base]
            name = f"{base}-{_what_differs(runs[0], alike) if runs[0].closed else frames}"
        while name in taken:
            name += "-other"
        taken.add(name)
        found.append(Group(name, sorted(runs, key=lambda run: run.folder), frames))
    return found


def _base(runs: Sequence[StoredRun]) -> str:
    # Archives are over frames of a data set, whose name says more where one of its runs is there.
    by_name = [run for run in runs if run.manifest.data.source != "published"] or runs
    return folder_of(by_name[0].manifest.data)


def _what_differs(run: StoredRun, groups: Sequence[Sequence[StoredRun]]) -> str:
    """The rules of a closed-loop run that are not those of all groups of its world."""
    rules = [set(group[0].manifest.data.version.split(", ")) for group in groups]
    own = [part for part in run.manifest.data.version.split(", ") if not all(part in one for one in rules)]
    return re.sub(r"[^\w.]+", "-", "-".join(own)).strip("-") or "other"


def _with_parts(groups: Sequence[Group]) -> list[Group]:
    """The groups, where those whose frames are all in another one say so."""
    plain = [group for group in groups if not group.closed]
    if len(plain) < 2:
        return list(groups)
    parts: dict[str, str] = {}
    for group in plain:
        for other in plain:
            more = other.frames > group.frames and group.runs[0].manifest.protocol == other.runs[0].manifest.protocol
            if more and group.name not in parts and group.runs[0].tokens < other.runs[0].tokens:
                parts[group.name] = other.name
    return [replace(group, part_of=parts.get(group.name, "")) for group in groups]
