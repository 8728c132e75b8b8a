"""Starts Ray on this machine or joins a cluster, and leaves it again."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightemma.backends.base import Backend, Request
from lightemma.backends.config import ModelConfig
from lightemma.errors import UserError
from lightemma.executors.placement import Node, Placement
from lightemma.executors.replicas import ReplicaLost
from lightemma.executors.worker import Hello, Refused, Reply, Worker, without_pictures
from lightemma.frame import Picture

#: Concurrent calls of a replica where the model's limits name no number.
_ANY_CALLS = 1000
#: Seconds that a replica gets to release its model.
_CLOSE_S = 30.0
#: Pictures that are kept for the later stages of their frames.
_SHELF_BYTES = 128_000_000
#: Bytes of memory that a Ray on this machine alone shares between processes.
_STORE_BYTES = 512_000_000

#: Set before Ray is loaded, unless the user has set them.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
#: Ray's switch between machines and this machine alone; off, all of its processes listen on loopback only. Ray reads the
#: variable when it is loaded, and this constant of it afterwards.
_CLUSTERS = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_CLUSTERS_MODULE, _CLUSTERS_CONSTANT = "ray._private.ray_constants", "ENABLE_RAY_CLUSTER"
_LOOPBACK = "127.0.0.1"


@dataclass
class PictureStore:
    """Pictures in Ray's store: each is sent to a machine once, for all its calls."""

    bytes: int = 0
    _kept: OrderedDict[str, tuple[Any, int]] = field(default_factory=OrderedDict)

    def put(self, picture: Picture) -> Any:
        """Stores a picture; returns the reference by which replicas find it."""
        found = self._kept.get(picture.sha256)
        if found is not None:
            self._kept.move_to_end(picture.sha256)
            return found[0]
        reference = _ray().put(picture)
        self._kept[picture.sha256] = (reference, len(picture.data))
        self.bytes += len(picture.data)
        while self.bytes > _SHELF_BYTES and len(self._kept) > 1:
            _, (_, size) = self._kept.popitem(last=False)
            self.bytes -= size
        return reference


@dataclass(frozen=True)
class Cluster:
    """The machines of a Ray cluster."""

    nodes: tuple[Node, ...]
    store: PictureStore = field(default_factory=PictureStore)

    def launch(
        self, kind: type[Backend], config: ModelConfig, placement: Placement, folder: Path | None = None
    ) -> RayReplica:
        """Asks Ray for a replica; it starts when a machine has room.

        Args:
            kind: class of the backend that it holds.
            config: the model.
            placement: what the replica is given.
            folder: of the run.
        """
        actor = (
            _ray()
            .remote(Worker)
            .options(
                num_cpus=placement.cpus,
                num_gpus=placement.gpus,
                max_concurrency=2 * placement.calls if placement.calls else _ANY_CALLS,
                # Lost replicas are replaced by lightemma, which knows their calls.
                max_restarts=0,
                max_task_retries=0,
            )
            .remote(kind, config, folder, Path.cwd())
        )
        return RayReplica(actor, self.store)


class RayReplica:
    """A replica that is a Ray actor.

    Args:
        actor: holds a ``Worker``.
        store: where pictures are put.
    """

    def __init__(self, actor: Any, store: PictureStore) -> None:
        self._actor = actor
        self._store = store
        self._up = False

    async def hello(self) -> Hello | Refused:
        """Waits until the replica is up and returns its introduction.

        Raises:
            ReplicaLost: if it died during its start.
        """
        said: Hello | Refused = await _outcome(self._actor.hello.remote())
        self._up = True
        return said

    async def ask(self, request: Request) -> Reply:
        """One call.

        Raises:
            ReplicaLost: if the process or its machine is lost.
        """
        bare, places, pictures = without_pictures(request)
        references = [self._store.put(picture) for picture in pictures]
        reply: Reply = await _outcome(self._actor.generate.remote(bare, places, *references))
        return reply

    async def close(self) -> None:
        """Releases the model and ends the process."""
        if self._up:  # a replica that waits for a GPU would never answer
            with suppress(Exception):
                # Errors while releasing the model do not matter: the process is ended in any case.
                async with asyncio.timeout(_CLOSE_S):
                    await self._actor.close.remote()
        with suppress(Exception):
            _ray().kill(self._actor)


@contextmanager
def ray_cluster(address: str | None) -> Iterator[Cluster]:
    """Ray while a block lasts: the cluster at ``address``, or one on this machine alone.

    A Ray that this process has already joined is used and not ended.

    Raises:
        UserError: if Ray is not installed, or there is no cluster at the address.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        ray = _ray()
    except ImportError as error:
        raise UserError("--executor ray needs Ray; pip install 'lightemma[ray]' on every machine.") from error
    if ray.is_initialized():
        yield Cluster(_nodes())
        return
    alone: dict[str, Any] = {}
    if address is None:
        alone = {"include_dashboard": False, "object_store_memory": _STORE_BYTES, "_node_ip_address": _LOOPBACK}
    with ExitStack() as stack:
        if address is None:
            stack.enter_context(_this_machine_only())
        _join(ray, address, alone)
        try:
            yield Cluster(_nodes())
        finally:
            ray.shutdown()


def _join(ray: Any, address: str | None, alone: dict[str, Any]) -> None:
    try:
        # Workers' output is written to Ray's own logs (/tmp/ray/session_latest/logs), not between the lines of the live view.
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.CRITICAL, **alone)
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        if address is None:
            raise UserError(f"Ray did not start on this machine ({_first_line(error)}).") from error
        raise UserError(
            f"There is no Ray cluster at '{address}' ({_first_line(error)}); start one with `ray start --head`, and join it "
            "from the other machines with `ray start --address=HOST:PORT`."
        ) from error


@contextmanager
def _this_machine_only() -> Iterator[None]:
    """While the block lasts, a Ray that is started is one of this machine alone and listens on loopback only."""
    variable = os.environ.get(_CLUSTERS)
    os.environ[_CLUSTERS] = "0"
    constants = importlib.import_module(_CLUSTERS_MODULE)
    constant = getattr(constants, _CLUSTERS_CONSTANT, None)
    if constant is not None:
        setattr(constants, _CLUSTERS_CONSTANT, False)
    try:
        yield
    finally:
        if constant is not None:
            setattr(constants, _CLUSTERS_CONSTANT, constant)
        if variable is None:
            os.environ.pop(_CLUSTERS, None)
        else:
            os.environ[_CLUSTERS] = variable


async def _outcome(reference: Any) -> Any:
    ray = _ray()
    try:
        return await reference
    except asyncio.CancelledError:
        # No caller waits for it any more: the model need not continue.
        with suppress(Exception):
            ray.cancel(reference)
        raise
    except ray.exceptions.RayTaskError as error:
        # An exception in the replica is raised here, as it would be without Ray.
        cause = getattr(error, "cause", None)
        raise (cause if isinstance(cause, Exception) else RuntimeError(_first_line(error))) from None
    except ray.exceptions.RayError as error:
        raise ReplicaLost(_first_line(error)) from error


def _ray() -> Any:
    """The package, imported only when needed."""
    return importlib.import_module("ray")


def _nodes() -> tuple[Node, ...]:
    return tuple(
        Node(float(node["Resources"].get("CPU", 0.0)), float(node["Resources"].get("GPU", 0.0)))
        for node in _ray().nodes()
        if node["Alive"]
    )


def _first_line(error: BaseException) -> str:
    message = str(error).strip()
    return message.splitlines()[0].rstrip(".:") if message else type(error).__name__
