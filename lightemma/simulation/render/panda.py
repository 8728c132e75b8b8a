"""The renderer that draws with panda3d, shaders and OpenGL off screen, in a separate process."""

from __future__ import annotations

import mmap
import os
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

import numpy as np

from lightemma.frame import Camera
from lightemma.simulation.render.base import Layers, Pixels, Renderer, RenderError
from lightemma.simulation.render.camera_effects import as_taken
from lightemma.simulation.render.palettes import look_of
from lightemma.simulation.render.panda_messages import (
    Done,
    Draw,
    Failed,
    Load,
    Ready,
    Reply,
    Request,
    Share,
    decode_reply,
    encode,
    frame_length,
)
from lightemma.simulation.render.pinhole import drawn_at
from lightemma.simulation.state import City, WorldState

START_SECONDS, LOAD_SECONDS, DRAW_SECONDS = 60.0, 180.0, 90.0
"""Seconds after which the worker counts as dead; far more than it needs on a busy machine."""

_WORKER = "lightemma.simulation.render.panda_worker"


class PandaRenderer(Renderer):
    """Shadows, haze, wet roads and lamps by OpenGL; software rasterising (Mesa) is enough.

    Args:
        module: the worker's module.

    Raises:
        RenderError: if the worker cannot start: no panda3d, no EGL, or a fault of the graphics library.
    """

    def __init__(self, module: str = _WORKER) -> None:
        self._city: City | None = None
        self._memory: mmap.mmap | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )
        reply = self._reply(START_SECONDS)
        if not isinstance(reply, Ready):
            raise self._failure("it did not answer as expected")
        self._details = reply.details

    @property
    def name(self) -> str:
        """``panda3d``."""
        return "panda3d"

    @property
    def details(self) -> dict[str, str]:
        """Versions of panda3d and of the graphics library, as the worker found them."""
        return dict(self._details)

    @property
    def worker(self) -> int | None:
        """Process id of the worker, None after it has ended."""
        return None if self._process is None else self._process.pid

    def load(self, city: City) -> None:
        """Loads a city."""
        self._ask(Load(city), LOAD_SECONDS)
        self._city = city

    def draw(self, state: WorldState, camera: Camera, size: tuple[int, int], seed: int) -> Pixels:
        """The picture of a moment; see :meth:`Renderer.draw`."""
        camera = drawn_at(camera, size)
        if self._city is None:
            raise RenderError("no city was loaded.")
        self._into_memory(Draw(state, camera), size[0] * size[1] * 3)
        assert self._memory is not None
        pixels = np.frombuffer(self._memory, dtype=np.uint8, count=size[0] * size[1] * 3)
        return as_taken(pixels.reshape(size[1], size[0], 3), look_of(self._city.conditions, self._city.seed), seed)

    def layers(self, state: WorldState, camera: Camera, size: tuple[int, int]) -> Layers:
        """Depth and identity of every pixel, one sample in its middle; see :meth:`Renderer.layers`."""
        camera = drawn_at(camera, size)
        if self._city is None:
            raise RenderError("no city was loaded.")
        count = size[0] * size[1]
        self._into_memory(Draw(state, camera, layers=True), count * 8)
        assert self._memory is not None
        depth = np.frombuffer(self._memory, dtype=np.float32, count=count).reshape(size[1], size[0]).copy()
        ids = (
            np.frombuffer(self._memory, dtype=np.int32, count=count, offset=4 * count).reshape(size[1], size[0]).copy()
        )
        return Layers(depth, ids)

    def _into_memory(self, request: Draw, count: int) -> None:
        """Draws into the shared memory, which is made larger first if it has less than ``count`` bytes."""
        if self._memory is None or len(self._memory) < count:
            self._share(count)
        self._ask(request, DRAW_SECONDS)

    def close(self) -> None:
        """Ends the worker."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        self._log.close()
        self._memory = None

    def __del__(self) -> None:
        if getattr(self, "_process", None) is not None:
            self.close()

    def _share(self, count: int) -> None:
        """A piece of memory that both processes have: without a name where the system allows it, so that none can be left."""
        if hasattr(os, "memfd_create"):
            handle = os.memfd_create("lightemma-picture")
            name = f"/proc/{os.getpid()}/fd/{handle}"
            try:
                if os.access(name, os.W_OK):
                    os.truncate(handle, count)
                    self._memory = mmap.mmap(handle, count)
                    self._ask(Share(name), START_SECONDS)
                    return
            finally:
                os.close(handle)
        folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        handle, name = tempfile.mkstemp(prefix="lightemma-picture-", dir=folder)
        try:
            with os.fdopen(handle, "r+b") as file:
                file.truncate(count)
                self._memory = mmap.mmap(file.fileno(), count)
            self._ask(Share(name), START_SECONDS)
        finally:
            Path(name).unlink(missing_ok=True)

    def _ask(self, request: Request, seconds: float) -> None:
        """Sends a request and waits until it is done."""
        process = self._process
        if process is None or process.stdin is None:
            raise RenderError("the panda3d process has ended.")
        try:
            view = memoryview(encode(request))
            while view:
                view = view[process.stdin.write(view) :]
        except OSError as error:
            raise self._failure("it has died") from error
        reply = self._reply(seconds)
        if isinstance(reply, Failed):
            raise self._failure(reply.reason)
        if not isinstance(reply, Done):
            raise self._failure("it did not answer as expected")

    def _reply(self, seconds: float) -> Reply:
        """The worker's next reply; a start that failed is an error here as well."""
        head = self._read(4, seconds)
        try:
            reply = decode_reply(self._read(frame_length(head), seconds))
        except ValueError as error:
            raise self._failure("it did not answer as expected") from error
        if isinstance(reply, Failed):
            raise self._failure(reply.reason)
        return reply

    def _read(self, count: int, seconds: float) -> bytes:
        """This number of bytes from the worker."""
        assert self._process is not None
        assert self._process.stdout is not None
        stream, data, end = self._process.stdout, b"", time.monotonic() + seconds
        with selectors.DefaultSelector() as ready:
            ready.register(stream, selectors.EVENT_READ)
            while len(data) < count:
                if not ready.select(max(end - time.monotonic(), 0.0)):
                    raise self._failure(f"it did not answer within {seconds:.0f} s")
                piece = os.read(stream.fileno(), count - len(data))
                if not piece:
                    raise self._failure("it has died")
                data += piece
        return data

    def _failure(self, reason: str) -> RenderError:
        """Ends the worker; the error that says why, with the last line it wrote."""
        last = ""
        process = self._process
        if process is not None:
            process.kill()
            code = process.wait()
            self._log.seek(0)
            lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
            last = f" (exit status {code}; it wrote: {lines[-1][:160]})" if lines else f" (exit status {code})"
        self.close()
        return RenderError(f"panda3d cannot draw here: {reason}{last}.")
