"""One model server: started when first needed, watched, restarted when it dies, ended with all that it started."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from lightemma.errors import UserError
from lightemma.files import private_file
from lightemma.serving import probe, watchdog
from lightemma.serving.engines import ENGINES
from lightemma.serving.launch import Launch, choose_port
from lightemma.serving.logs import telling_line
from lightemma.serving.orphan_registry import FOLDER, Note, end_stale, write_note
from lightemma.serving.probe import Address, Unanswered
from lightemma.serving.processes import TOKEN_VARIABLE, end, identity
from lightemma.serving.server_log import LOG, StartLog
from lightemma.serving.weights import old_rope

log = logging.getLogger(__name__)

#: Seconds between two checks of a server that is starting.
_LOOK_S = 0.2
#: Seconds to wait for ``/health``: a server that is up answers it immediately, even when busy.
_HEALTH_S = 10.0
#: Seconds that a server which answers no request gets for one short answer, before it counts as hung.
_HANG_S = 60.0

T = TypeVar("T")


class ServerLostError(Exception):
    """The server died or hung more often than it may be started again; the message is one sentence."""


@dataclass
class Running:
    """A server that answers.

    Attributes:
        address: where.
        model: the model's name in requests.
        number: 1 for the first start, then counting.
        last_answer: moment (``time.monotonic``) of its last answer to any call.
    """

    address: Address
    model: str
    number: int
    last_answer: float = field(default_factory=time.monotonic)

    def answered(self) -> None:
        """An answer came: the server does not hang."""
        self.last_answer = time.monotonic()


class Server:
    """A server that is started when it is first needed.

    Belongs to one event loop. When the loop or the process ends, the server ends too: by ``stop``, by the clean-up of a
    cancelled start, by the watchdog when the process is killed, or by the next start if the watchdog was killed too.

    Args:
        launch: what to start.
        home: folder of runs; it holds the notes of running servers.
    """

    def __init__(self, launch: Launch, home: Path) -> None:
        self.launch = launch
        self.start_log = StartLog()
        self.users = 0
        self._notes = home / FOLDER
        self._default_folder = home
        self._token = uuid.uuid4().hex
        self._process: subprocess.Popen[bytes] | None = None
        self._note: Path | None = None
        self._log_offset = 0
        self._starts = 0
        self._running: Running | None = None
        self._starting: asyncio.Task[Running] | None = None
        self._looking = asyncio.Lock()
        self._failure: UserError | None = None
        self._lost: str | None = None

    @property
    def log_path(self) -> Path:
        """The server's log file."""
        return (self.start_log.folders or [self._default_folder])[0] / LOG

    @property
    def is_up(self) -> bool:
        """Whether it was healthy at the last check."""
        return self._running is not None

    async def ready(self) -> Running:
        """Waits until the server answers; starts it if it does not run.

        Raises:
            UserError: if it cannot be started at all.
            ServerLostError: if it died too often.
        """
        if self._running is not None:
            return self._running
        if self._failure is not None:
            raise self._failure
        if self._lost is not None:
            raise ServerLostError(self._lost)
        if self._starting is None:
            # In a separate task: one caller may stop waiting, and the start continues for the others.
            self._starting = asyncio.create_task(self._start_again() if self._starts else self._start_first())
            self._starting.add_done_callback(self._started)
        return await asyncio.shield(self._starting)

    def _started(self, task: asyncio.Task[Running]) -> None:
        self._starting = None
        if not task.cancelled():
            task.exception()  # read, so that asyncio logs no warning when no caller waits any more

    async def doubt(self, running: Running, *, timed_out_since: float | None = None) -> None:
        """Called after a request failed: checks whether the server is still healthy, and ends it if not.

        Args:
            running: the server that was asked.
            timed_out_since: when the request began (``time.monotonic``), if it brought no answer in time.
        """
        async with self._looking:
            if self._running is not running:
                return  # already handled
            how = await self._trouble(running, timed_out_since)
            if how is None or self._running is not running:
                return
            self._running = None
            log.warning("the server of '%s' %s (log: %s)", self.launch.name, how, self.log_path)
            await self._end(how)

    async def _trouble(self, running: Running, timed_out_since: float | None) -> str | None:
        """What is wrong with the server, or None if it is healthy."""
        if self._process is None or self._process.poll() is not None:
            return "died"
        if not await _in_thread(probe.is_well, running.address, _HEALTH_S):
            for _ in range(10):  # a server that is dying closes its port first
                if self._process is None or self._process.poll() is not None:
                    return "died"
                await asyncio.sleep(_LOOK_S)
            return "is not healthy any more"
        if timed_out_since is None or running.last_answer > timed_out_since:
            return None
        # No call was answered while this request waited. Long answers may be the reason, so a very short one is asked for.
        try:
            await _in_thread(probe.ask_something, running.address, running.model, _HANG_S, picture=False)
        except Unanswered:
            return None if running.last_answer > timed_out_since else "hangs"
        return None

    async def stop(self) -> None:
        """Ends the server and all that it started. A later ``ready`` starts it again."""
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._starting
        running, self._running = self._running, None
        if running is not None:
            self.start_log.count(await _in_thread(probe.counters, running.address, _HEALTH_S))
        await self._end("stopped")
        self._starts = 0
        self._failure = self._lost = None

    # --- starting ----------------------------------------------------------------------------------------------------

    async def _start_first(self) -> Running:
        try:
            return await self._start()
        except UserError as error:
            self._failure = error
            raise

    async def _start_again(self) -> Running:
        restarts = self.launch.options.restarts
        while self._starts <= restarts:
            log.warning("starting the server of '%s' again (%d of %d)", self.launch.name, self._starts, restarts)
            try:
                return await self._start()
            except UserError as error:
                log.warning("%s", error)
        times = "once" if restarts == 0 else f"{restarts + 1} times"
        self._lost = (
            f"the server of '{self.launch.name}' died {times} ({self._telling_line()}; log: {self.log_path}); "
            "options.restarts says how often it is started again"
        )
        raise ServerLostError(self._lost)

    async def _start(self) -> Running:
        self._starts += 1
        began = time.monotonic()
        deadline = began + self.launch.options.startup_timeout_s
        await _in_thread(end_stale, self._notes)
        await _in_thread(self.launch.check)
        try:
            address = self._spawn()
            await self._until_healthy(address, deadline)
            await self._until_warm(address, deadline)
            running = Running(address, self.launch.model_name, self._starts)
            version = await _in_thread(probe.engine_version, address, _HEALTH_S)
            self.start_log.ready(
                time.monotonic() - began, version, await _in_thread(probe.counters, address, _HEALTH_S)
            )
        except BaseException as error:
            await self._end("stopped" if isinstance(error, asyncio.CancelledError) else "did not start")
            raise
        self._running = running
        log.info("'%s' answers at %s after %.0f s", self.launch.name, address.base_url, time.monotonic() - began)
        return running

    def _spawn(self) -> Address:
        launch = self.launch
        python = launch.interpreter()
        port = choose_port(launch.options, launch.name)
        arguments = launch.command(python, port)
        environ = launch.environment() | {TOKEN_VARIABLE: self._token}
        # Without it, programs that change their process title overwrite the token in their environment.
        environ.setdefault("SPT_NOENV", "1")
        path = self.log_path
        path.parent.mkdir(parents=True, exist_ok=True)
        grace_s = launch.options.grace_s
        private_file(path)
        with path.open("ab") as file:
            self._log_offset = file.tell()
            # The watchdog has its own process session: Ctrl-C in the terminal reaches only the harness, which ends it in order.
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(Path(watchdog.__file__)), str(grace_s), *arguments],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environ,
                start_new_session=True,
            )
        server, owner = identity(self._process.pid), identity(os.getpid())
        if server and owner:
            note = Note(self._token, platform.node(), server, owner, arguments, str(path.absolute()), grace_s)
            self._note = write_note(self._notes, note)
        self.start_log.begin(launch.options.engine, arguments)
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(launch.options.host, launch.options.host)
        return Address(f"http://{host}:{port}", launch.served.key)

    async def _until_healthy(self, address: Address, deadline: float) -> None:
        while not await _in_thread(probe.is_well, address, _HEALTH_S):
            self._check_alive()
            if time.monotonic() > deadline:
                raise self._not_started(f"was not healthy within {self.launch.options.startup_timeout_s:g} s")
            await asyncio.sleep(_LOOK_S)
        if not ENGINES[self.launch.options.engine].lists_models:
            return
        try:
            names = await _in_thread(probe.served_names, address, _HEALTH_S)
        except Unanswered as error:
            raise self._not_started(f"is healthy, but lists no models ({error})") from None
        if self.launch.model_name not in names:
            raise self._not_started(f"serves {', '.join(names) or 'nothing'} instead of {self.launch.model_name}")

    async def _until_warm(self, address: Address, deadline: float) -> None:
        """One request with a picture: a healthy server can still die of its first one, and the first one is slow."""
        picture = self.launch.options.limit_images != 0
        left = max(deadline - time.monotonic(), 1.0)
        try:
            await _in_thread(probe.ask_something, address, self.launch.model_name, left, picture=picture)
        except Unanswered as error:
            if error.status == 400:
                raise self._not_started(f"is healthy, but refused a request with a picture ({error})") from None
            await asyncio.sleep(1.0)  # an engine that dies writes the reason to its log only after the answer
            raise self._not_started(f"was healthy, but failed at its first request ({error})") from None

    def _check_alive(self) -> None:
        status = self._process.poll() if self._process else 0
        if status is not None:
            raise self._not_started(f"ended with status {status} before it was healthy")

    def _not_started(self, what: str) -> UserError:
        line = self._telling_line()
        hint = old_rope(self.launch.served.model)
        return UserError(
            f"The server of '{self.launch.name}' {what}{f': {line}' if line else ''} (log: {self.log_path})."
            + (f" Also: {hint}" if hint else "")
        )

    def _telling_line(self) -> str:
        return telling_line(self.log_path, self._log_offset)

    # --- ending ------------------------------------------------------------------------------------------------------

    async def _end(self, how: str) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # Continues to the end even if the caller is cancelled meanwhile.
        ending = asyncio.ensure_future(_in_thread(self._end_now, process))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending
            raise
        finally:
            self.start_log.ended(how)

    def _end_now(self, process: subprocess.Popen[bytes]) -> None:
        end(process.pid, self._token, self.launch.options.grace_s)
        with suppress(OSError):
            if process.stdin:
                process.stdin.close()
        process.wait()
        if self._note is not None:
            self._note.unlink(missing_ok=True)
            self._note = None
            with suppress(OSError):
                self._notes.rmdir()  # fails if other servers have a note there


async def _in_thread(work: Callable[..., T], *given: object, **named: object) -> T:
    return await asyncio.to_thread(partial(work, *given, **named))
