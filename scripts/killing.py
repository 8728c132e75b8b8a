"""Processes of the command line that are killed: at a moment, by a signal, or when they change a file for the n-th time.

Most are forked from this process, which has imported everything already, so that hundreds of kills take minutes; each leads a
session of its own. Others are started afresh, as a user does.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import types
from dataclasses import dataclass, field
from pathlib import Path

from fake_provider import ROOT

sys.path.insert(0, str(ROOT))

from tests.crashes import Changes

#: Seconds between two looks at a batch, in place of the usual 30.
POLL_S = 0.05
#: A page's texts go into files next to it from so many bytes on, in place of the usual 2.5 MB.
SINGLE_FILE = 5_000
#: Seconds that a process gets to end by itself after a signal that asks for it, and its children after its death.
ENDING_S = 30.0

#: What is imported before the first fork.
_MODULES = (
    "anthropic",
    "google.genai",
    "google.genai.types",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "openai",
    "lightemma.backends.anthropic",
    "lightemma.backends.google",
    "lightemma.backends.openai_compatible",
    "lightemma.cli.app",
    "lightemma.closed_loop.collection",
    "lightemma.closed_loop.set_up",
    "lightemma.closed_loop.study",
    "lightemma.comparing.load",
    "lightemma.data.nuscenes",
    "lightemma.evaluation.tables.files",
    "lightemma.report.figures",
    "lightemma.report.page",
    "lightemma.sessions.frames_of_source",
    "lightemma.sessions.importing",
    "lightemma.simulation.dataset.writer",
    "lightemma.simulation.render.painter",
)
_FRESH = f"""
import lightemma.sessions.batch
lightemma.sessions.batch.POLL_S = {POLL_S}
import lightemma.report.page.files
lightemma.report.page.files.SINGLE_FILE = {SINGLE_FILE}
from lightemma.cli import main
main()
"""
_SUBREAPER = 36
_INTERRUPT = re.compile(r"Traceback \(most recent call last\):\n(?:[ \n].*\n|\n)*KeyboardInterrupt:?[ ]*(?:\n|\Z)")
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def get_ready() -> None:
    """Imports everything, and makes this process the one that orphans fall to, so that none is overlooked."""
    import lightemma.sessions.batch

    lightemma.sessions.batch.POLL_S = POLL_S  # before it is taken as a default
    for module in _MODULES:
        __import__(module)
    import lightemma.report.page.files

    lightemma.report.page.files.SINGLE_FILE = SINGLE_FILE
    if ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0):
        raise OSError("this system does not give orphans to their grandparent")


@dataclass(frozen=True)
class Plan:
    """How a process is to end.

    Attributes:
        name: the signal's name; ``STOP`` for one that is stopped, continued and then killed.
        group: whether its children get the signal too.
        after_s: when, seconds after its start; None if ``change`` says it.
        change: at which change of a file it kills itself.
        again: whether a second signal follows, which asks it to end at once.
        fresh: whether it is started afresh.
    """

    name: str
    group: bool
    after_s: float | None = None
    change: int | None = None
    again: bool = False
    fresh: bool = False

    @property
    def label(self) -> str:
        """For the table."""
        return f"{self.name} at a change" if self.change is not None else self.name


def random_plan(rng: random.Random, seconds: float, changes: int) -> Plan:
    """Any way to end a process that takes so many seconds and changes files so many times."""
    group = rng.random() < 0.5
    if rng.random() < 0.35 and changes:
        return Plan("KILL", group, change=rng.randint(1, changes))
    name = rng.choices(["KILL", "TERM", "INT", "HUP", "STOP"], [60, 10, 10, 10, 10])[0]
    kind = rng.random()
    after = rng.uniform(0.0, 0.15) if kind < 0.15 else rng.uniform(0.8, 1.05) * seconds if kind < 0.3 else 0.0
    after = after or rng.uniform(0.0, 1.0) * seconds
    fresh = rng.random() < 0.07
    if fresh:
        after += rng.uniform(0.3, 2.0)  # it has to import everything first
    return Plan(name, group, after, again=name in ("TERM", "INT", "HUP") and rng.random() < 0.25, fresh=fresh)


@dataclass
class Ended:
    """How a process ended.

    Attributes:
        status: exit status; negative for the signal that ended it.
        killed: by whom its end was caused: the plan's label, or None if it ended before.
        orderly: whether it was asked to end, and took its time.
        at: from when to when it was being ended, seconds since 1970.
        words: what it printed, but for how the interpreter tells of an interrupt before or beside the command.
        orphans: commands of children that outlived it.
    """

    status: int
    killed: str | None
    orderly: bool
    at: tuple[float, float]
    words: str
    orphans: list[str] = field(default_factory=list)
    stuck: bool = False


class Process:
    """One process of the command line.

    Args:
        arguments: of ``lightemma``.
        folder: where it runs.
        log: takes what it prints.
        plan: how it is to end; None lets it.
        count: takes the number of changes.
    """

    def __init__(
        self, arguments: list[str], folder: Path, log: Path, plan: Plan | None, count: Path | None = None
    ) -> None:
        self._plan, self._log, self._started = plan, log, time.time()
        log.touch()
        self._from = log.stat().st_size
        self._asked: float | None = None
        self._asked_twice = False
        self._dead_by: float | None = None
        if plan is not None and plan.fresh:
            with log.open("ab") as out:
                command = [sys.executable, "-c", _FRESH, *arguments]
                self.pid = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, start_new_session=True).pid
        else:
            sys.stdout.flush()
            # What comes before the process is one of its own must wait: it is not this program's to handle.
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
            self.pid = os.fork()
            if self.pid == 0:
                _be(arguments, folder, log, plan, count)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)

    def look(self) -> Ended | None:
        """Sends what is due; tells how the process ended, or None while it runs."""
        pid, state = os.waitpid(self.pid, os.WNOHANG)
        now = time.time()
        if pid:
            return self._ended(os.waitstatus_to_exitcode(state), now)
        plan = self._plan
        if plan is None or plan.after_s is None:
            if now - self._started > 20 * ENDING_S:
                self._send(signal.SIGKILL)
                self._dead_by = 0.0
            return None
        if self._asked is None:
            if now - self._started >= plan.after_s:
                self._asked = now
                self._first()
        elif plan.again and not self._asked_twice and now - self._asked > 0.05:
            self._asked_twice = True
            self._send(getattr(signal, f"SIG{plan.name}"))
        elif now - self._asked > ENDING_S and self._dead_by is None:
            self._dead_by = now
            self._send(signal.SIGKILL, whole=True)
        return None

    def _first(self) -> None:
        assert self._plan is not None
        if self._plan.name == "STOP":
            self._send(signal.SIGSTOP)
            time.sleep(0.05)
            self._send(signal.SIGCONT)
            time.sleep(0.01)
            self._send(signal.SIGKILL)
        else:
            self._send(getattr(signal, f"SIG{self._plan.name}"))

    def _send(self, number: int, whole: bool = False) -> None:
        group = whole or (self._plan is not None and self._plan.group)
        with contextlib.suppress(ProcessLookupError):
            try:
                (os.killpg if group else os.kill)(self.pid, number)
            except ProcessLookupError:
                os.kill(self.pid, number)  # before it leads its group

    def _ended(self, status: int, now: float) -> Ended:
        plan, asked = self._plan, self._asked
        with self._log.open("rb") as file:
            file.seek(self._from)
            words = file.read().decode(errors="replace")
        if asked is not None and plan is not None and plan.name == "INT":
            words = _INTERRUPT.sub("", words)
        itself = plan is not None and plan.change is not None and status == -signal.SIGKILL
        by = plan.label if plan is not None and (itself or (asked is not None and status != 0)) else None
        hard = status < 0 or (plan is not None and plan.again)
        ended = Ended(status, by, by is not None and not hard, (asked or now, now), words)
        ended.stuck = self._dead_by is not None
        ended.orphans = left_over(self.pid)
        return ended


def left_over(session: int) -> list[str]:
    """Commands of processes of an ended process's session that do not end by themselves; they are killed."""
    until = time.monotonic() + ENDING_S
    while True:
        alive = _of_session(session)
        if not alive:
            return []
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    words = []
    for pid in alive:
        with contextlib.suppress(OSError):
            words.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200])
            os.kill(pid, signal.SIGKILL)
    return words


def _of_session(session: int) -> list[int]:
    """Living processes of a session; those that are dead and fell to this process are taken note of."""
    alive = []
    for place in Path("/proc").iterdir():
        if not (entry := place.name).isdecimal():
            continue
        try:
            fields = Path(f"/proc/{entry}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) != session:
            continue
        if fields[0] == "Z":
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(entry), os.WNOHANG)
        else:
            alive.append(int(entry))
    return alive


def _watched(folder: Path, plan: Plan | None) -> Changes:
    """Counts the changes in a folder, and kills this process at the one that the plan says."""

    def end() -> None:
        if plan is not None and plan.group:
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    changes = Changes(folder, None if plan is None else plan.change, end)
    changes.watch()
    return changes


def _be(arguments: list[str], folder: Path, log: Path, plan: Plan | None, count: Path | None) -> None:
    """Becomes the command line, in a forked process; never returns."""
    status = 70
    try:
        os.setsid()
        for number in _ENDINGS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
        os.chdir(folder)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, target in ((nothing, 0), (out, 1), (out, 2)):
            os.dup2(number, target)
        os.close(out)
        # What this process was started as must not be started again in its children.
        sys.modules["__main__"] = types.ModuleType("__main__")
        sys.argv = ["lightemma", *arguments]
        changes = _watched(folder, plan) if count is not None or (plan is not None and plan.change) else None
        from lightemma.cli import main

        signal.signal(signal.SIGINT, signal.default_int_handler)  # as in an interpreter that was started afresh
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        if changes is not None and count is not None:
            count.write_text(str(changes.number))
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)
