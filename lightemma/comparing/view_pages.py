"""The pages of a folder of runs, each made when it is asked for and again when its runs have grown."""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lightemma.closed_loop.records import EPISODES
from lightemma.comparing.driving_page import write_driving_page
from lightemma.comparing.groups import StoredRun, group_runs
from lightemma.comparing.load import load_and_compare
from lightemma.errors import UserError
from lightemma.report.page import write_report
from lightemma.run_folder.frame_lines import FRAMES, GROWING_FRAMES, PACKED_FRAMES
from lightemma.run_folder.places import find_runs
from lightemma.run_folder.store import MANIFEST

log = logging.getLogger(__name__)

#: A page is made again at the soonest after so many times the seconds that making it took: viewing must not slow a run.
REST = 4.0
#: Files that grow while a run goes on.
GROWING = (MANIFEST, FRAMES, GROWING_FRAMES, PACKED_FRAMES, EPISODES)

Mark = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Entry:
    """A page that there can be.

    Attributes:
        name: in the address.
        title: what it shows, in words.
        runs: whose page it is.
        shared_frames: whether runs are compared over the frames that all have, since one is not finished.
    """

    name: str
    title: str
    runs: Sequence[StoredRun]
    shared_frames: bool = False

    @property
    def closed(self) -> bool:
        """Whether it shows closed-loop runs."""
        return self.runs[0].closed

    def mark(self) -> Mark:
        """What changes when one of its runs grows."""
        return marks([run.folder for run in self.runs])


def marks(folders: Sequence[Path]) -> Mark:
    """Size and time of every file of runs that grows."""
    found = []
    for folder in folders:
        for name in GROWING:
            try:
                status = (folder / name).stat()
            except OSError:
                continue
            found.append((f"{folder}/{name}", status.st_size, status.st_mtime_ns))
    return tuple(found)


def entries_of(paths: Sequence[Path]) -> list[Entry]:
    """The pages that runs can have: one for each group that can be compared, and one for each run that is not finished.

    Raises:
        UserError: if there is no run, or a manifest is broken.
    """
    groups = group_runs(find_runs(paths))
    found = [
        Entry(group.name, group.phrase, group.runs) for group in groups.all if all(run.finished for run in group.runs)
    ]
    for run in groups.unfinished or [run for group in groups.all for run in group.runs if not run.finished]:
        if run.closed or not run.tokens:
            continue  # there is nothing to show yet
        alike = [
            other
            for group in groups.all
            for other in group.runs
            if other is not run
            and not other.closed
            and other.finished
            and other.manifest.data.frame_set == run.manifest.data.frame_set
            and other.manifest.protocol == run.manifest.protocol
            and other.manifest.probe is None
        ]
        found.append(Entry(f"{run.name}-in-progress", f"{run.name}, in progress", [run, *alike], shared_frames=True))
    names: dict[str, int] = {}
    unique = []
    for entry in found:
        # A name becomes part of an address: plain signs, and no two alike.
        plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "-" for sign in entry.name)
        plain = plain.strip(".-") or "runs"
        names[plain] = number = names.get(plain, 0) + 1
        unique.append(
            Entry(plain if number == 1 else f"{plain}~{number}", entry.title, entry.runs, entry.shared_frames)
        )
    return unique


@dataclass
class _Made:
    """A page that was made, or why it could not be."""

    mark: Mark
    number: int
    page: Path | None = None
    error: str = ""
    seconds: float = 0.0
    ended: float = 0.0


@dataclass
class Pages:
    """Makes pages in threads of its own, one at a time.

    Attributes:
        paths: runs, or folders of runs.
        work: an empty folder for the pages.
        data: the data behind the runs, as ``--data``.
        rest: see ``REST``.
        entries: finds the pages that there can be.
    """

    paths: Sequence[Path]
    work: Path
    data: str | None = None
    rest: float = REST
    entries: Callable[[Sequence[Path]], list[Entry]] = entries_of
    _made: dict[str, _Made] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _one: threading.Lock = field(default_factory=threading.Lock)
    _found: list[Entry] = field(default_factory=list)
    _seen: Mark | None = None
    _look_again: float = 0.0

    def all(self) -> list[Entry]:
        """The pages that there can be now; runs that began meanwhile are found.

        Raises:
            UserError: if there is no run any more, or a manifest is broken.
        """
        with self._lock:
            started = time.monotonic()
            if started < self._look_again:
                return self._found
            now = marks(find_runs(self.paths))
            if now != self._seen:
                self._found = self.entries(self.paths)
                self._seen = now
            ended = time.monotonic()
            # Counting the frames of a run that goes on takes longer and longer.
            self._look_again = ended + self.rest * (ended - started)
            return self._found

    def entry(self, name: str) -> Entry | None:
        """The page of a name."""
        return next((one for one in self.all() if one.name == name), None)

    def state(self, entry: Entry) -> dict[str, object]:
        """How far a page is: its number (0 before the first), whether it is being made, and what went wrong.

        A page whose runs have grown is made again, in the background, once it has rested.
        """
        mark = entry.mark()
        with self._lock:
            made = self._made.get(entry.name)
            rested = made is None or time.monotonic() - made.ended >= self.rest * made.seconds
            stale = made is None or made.mark != mark
            if stale and rested and entry.name not in self._busy:
                self._busy.add(entry.name)
                threading.Thread(target=self._make, args=(entry, mark), daemon=True).start()
            busy = entry.name in self._busy
        return {
            "number": made.number if made else 0,
            "busy": busy,
            "error": made.error if made else "",
            "runs": [f"{run.name}: {run.reached}" for run in entry.runs if not run.finished],
        }

    def page(self, entry: Entry) -> Path | None:
        """The newest page's file; None before there is one."""
        with self._lock:
            made = self._made.get(entry.name)
        return made.page if made else None

    def _make(self, entry: Entry, mark: Mark) -> None:
        with self._lock:
            before = self._made.get(entry.name)
        number = before.number + 1 if before else 1
        started = time.monotonic()
        place = hashlib.sha256(entry.name.encode()).hexdigest()[:16]
        # Another name each time: an open page has its files until it is read again.
        out = self.work / place / f"report-{number}.html"
        made = _Made(mark, number)
        try:
            with self._one:
                self._write(entry, out, number)
            made.page = out
            _forget(self.work / place, number - 2)
        except Exception as error:  # whatever a plug-in raises: the other pages go on
            log.warning("the page of %s cannot be made: %s", entry.name, error)
            said = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            made.error, made.page = said, before.page if before else None
        made.seconds, made.ended = time.monotonic() - started, time.monotonic()
        with self._lock:
            self._made[entry.name] = made
            self._busy.discard(entry.name)

    def _write(self, entry: Entry, out: Path, number: int) -> None:
        folders = [run.folder for run in entry.runs]
        if entry.closed:
            write_driving_page(folders, out, title=entry.title, live=number)
            return
        comparison = load_and_compare(folders, data=self.data, shared_only=entry.shared_frames)
        write_report(comparison, out, title=entry.title, live=number)


def _forget(folder: Path, number: int) -> None:
    """Removes a page that nobody can have open any more."""
    (folder / f"report-{number}.html").unlink(missing_ok=True)
    shutil.rmtree(folder / f"report-{number}_data", ignore_errors=True)
