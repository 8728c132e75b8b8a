"""A process that ends without warning at its n-th change of a file: deterministic where a kill by the clock is not."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
#: What writes without a change that the interpreter tells of: module, class and methods.
_WRITERS = (
    ("lightemma.run_folder.store", "RunWriter", ("append",)),
    ("lightemma.closed_loop.records", "EpisodeWriter", ("append",)),
    ("lightemma.calls.cache", "ResponseCache", ("_write", "_claimed", "note", "release")),
    ("lightemma.backends.anthropic", "AnthropicBackend", ("submit_batch",)),
    ("lightemma.backends.google", "GoogleBackend", ("submit_batch",)),
    ("lightemma.backends.openai", "OpenAIBackend", ("submit_batch",)),
)
_CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"})


class Changes:
    """Counts what this process changes under a folder, before each change; it cannot be taken away again.

    A file that is written over counts twice: before, and when it is empty.

    Args:
        folder: what is changed elsewhere does not count.
        at: the change at which the process ends; None for none.
        end: ends it.

    Attributes:
        number: of changes so far.
    """

    def __init__(self, folder: Path, at: int | None = None, end: Callable[[], object] = lambda: os._exit(9)) -> None:
        self.number, self._at, self._end, self._folder = 0, at, end, f"{folder}{os.sep}"

    def watch(self) -> None:
        """Begins; also counts lines of records, answers, claims and batches, before and after each."""
        sys.addaudithook(self._hook)
        for module, class_name, names in _WRITERS:
            if module in sys.modules:  # what is not imported is not used, and would take its time
                cls = getattr(sys.modules[module], class_name)
                for name in names:
                    around = self._around_async if name == "submit_batch" else self._around
                    setattr(cls, name, around(getattr(cls, name)))

    def tick(self, before_the_end: Callable[[], object] = lambda: None) -> None:
        """One change more."""
        self.number += 1
        if self.number == self._at:
            before_the_end()
            self._end()

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & _WRITES:
                return
        elif event in _CHANGES:
            path = arguments[0]
        else:
            return
        if isinstance(path, str | Path) and str(Path(path).absolute()).startswith(self._folder):
            self.tick()
            if event == "open" and arguments[2] & os.O_TRUNC:
                self.tick(lambda: os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)))

    def _around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def both(*arguments: Any) -> Any:
            self.tick()
            done = work(*arguments)
            self.tick()
            return done

        return both

    def _around_async(self, work: Callable[..., Any]) -> Callable[..., Any]:
        async def both(*arguments: Any) -> Any:
            self.tick()
            done = await work(*arguments)
            self.tick()
            return done

        return both


def crashes(folder: Path, work: Callable[[], object], at: int) -> bool:
    """Does something in a process of its own, which ends like a killed one before its n-th change under a folder.

    Returns:
        Whether it ended so; False if it came to its end before.
    """
    return _forked(folder, work, at)[0]


def changes_of(folder: Path, work: Callable[[], object]) -> int:
    """Does something in a process of its own; how many changes it makes under a folder."""
    return _forked(folder, work, None)[1]


def _forked(folder: Path, work: Callable[[], object], at: int | None) -> tuple[bool, int]:
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 3
        try:
            changes = Changes(folder, at)
            changes.watch()
            work()
            os.write(theirs, str(changes.number).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(theirs)
    with os.fdopen(ours) as said:
        number = int(said.read() or 0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, 9), "the work failed; see above"
    return status == 9, number
