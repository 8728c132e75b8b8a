"""The worker in a replica's process: it holds a backend and asks it call by call. It keeps no data of its own."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lightemma.backends.base import Backend, CallError, Completion, Message, PicturePart, Request
from lightemma.backends.config import ModelConfig
from lightemma.errors import UserError
from lightemma.failures import CallKind
from lightemma.frame import Picture
from lightemma.serving.pool import ServerPool, default_home

#: Inside a run's folder: logs of the servers that replicas started.
FOLDER = "replicas"

#: Places of the pictures in a request: message and part.
Places = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, with the seconds measured in the replica."""

    completion: Completion


@dataclass(frozen=True, slots=True)
class Failed:
    """A call without an answer: the parts of a ``CallError``."""

    kind: CallKind
    message: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A mistake that the user must correct; no further call can succeed."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Hello:
    """A replica's introduction.

    Attributes:
        version: of lightemma there.
        python: interpreter's version there.
        host: machine's name.
        pid: process there.
    """

    version: str
    python: str
    host: str
    pid: int


Reply = Answered | Failed | Refused


class Worker:
    """Holds a backend.

    Args:
        kind: its class.
        config: its settings.
        folder: of the run; a server's log is written there if the folder exists on this machine too.
        where: the folder that relative paths in the settings start from, if it exists on this machine too.
    """

    def __init__(
        self, kind: type[Backend], config: ModelConfig, folder: Path | None = None, where: Path | None = None
    ) -> None:
        if where is not None and where.is_dir():
            os.chdir(where)
        self._kind = kind
        self._config = config
        self._folder = folder
        self._backend: Backend | None = None

    async def hello(self) -> Hello | Refused:
        """Makes the backend and returns this replica's introduction."""
        try:
            self._backend = self._kind(self._config)
        except UserError as error:
            return Refused(f"{error} (on {socket.gethostname()})")
        said = introduction()
        parent = self._folder if self._folder is not None and self._folder.is_dir() else default_home()
        # Each replica may start its own server, so each has its own log folder.
        self._backend.prepare_run(parent / FOLDER / f"{said.host}-{said.pid}", ServerPool())
        return said

    async def generate(self, request: Request, places: Places, *pictures: Picture) -> Reply:
        """Asks the model once.

        Args:
            request: without its pictures.
            places: where the pictures belong.
            pictures: in that order.
        """
        if self._backend is None:
            raise RuntimeError("the replica was asked before it said hello")
        started = time.perf_counter()
        try:
            completion = await self._backend.generate(with_pictures(request, places, pictures))
        except CallError as error:
            return Failed(error.kind, error.message, error.retry_after_s)
        except UserError as error:
            return Refused(str(error))
        if completion.latency_s is None:
            completion = replace(completion, latency_s=time.perf_counter() - started)
        return Answered(completion)

    async def close(self) -> None:
        """Releases the model."""
        if self._backend is not None:
            await self._backend.aclose()


def introduction() -> Hello:
    """The introduction of this process."""
    try:
        version = importlib.metadata.version("lightemma")
    except importlib.metadata.PackageNotFoundError:
        version = "from its folder"
    return Hello(version, platform.python_version(), socket.gethostname(), os.getpid())


def without_pictures(request: Request) -> tuple[Request, Places, list[Picture]]:
    """A request light enough to be sent with every call, and the pictures taken out of it."""
    places: list[tuple[int, int]] = []
    pictures: list[Picture] = []
    messages = []
    for number, message in enumerate(request.messages):
        parts = list(message.parts)
        for place, part in enumerate(parts):
            if isinstance(part, PicturePart) and part.picture is not None:
                places.append((number, place))
                pictures.append(part.picture)
                parts[place] = replace(part, picture=None)
        messages.append(replace(message, parts=tuple(parts)))
    return replace(request, messages=tuple(messages)), tuple(places), pictures


def with_pictures(request: Request, places: Places, pictures: Sequence[Picture]) -> Request:
    """Puts pictures back where ``without_pictures`` found them."""
    messages: list[Message] = list(request.messages)
    for (number, place), picture in zip(places, pictures, strict=True):
        parts = list(messages[number].parts)
        part = parts[place]
        if not isinstance(part, PicturePart):
            raise TypeError(f"part {place} of message {number} is not a picture")
        parts[place] = replace(part, picture=picture)
        messages[number] = replace(messages[number], parts=tuple(parts))
    return replace(request, messages=tuple(messages))
