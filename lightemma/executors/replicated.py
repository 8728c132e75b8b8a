"""A backend whose model answers in replicas elsewhere. The harness sees one backend with more room."""

from __future__ import annotations

import math
from pathlib import Path

from lightemma.backends.base import Backend, CallError, Completion, Constraint, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.replay import ReplayBackend
from lightemma.errors import UserError
from lightemma.executors.choice import ExecutorChoice
from lightemma.executors.cluster import Cluster
from lightemma.executors.placement import Placement, place
from lightemma.executors.replicas import Replica, ReplicaSet
from lightemma.executors.worker import Failed, Refused
from lightemma.serving.pool import ServerPool

#: A call waits this long for a replica and its answer together: waiting for a GPU is no failure, and the model's own limit
#: holds from when a replica has the call.
_WAIT_S = 30 * 24 * 3600.0


def spread(backend: Backend, cluster: Cluster, choice: ExecutorChoice) -> Backend:
    """The same model, answering in replicas; recordings, which answer at once, stay where they are.

    Args:
        backend: as made for this process; says what is asked and how, and is not asked itself.
        cluster: where replicas run.
        choice: how many, and with how many GPUs each.

    Raises:
        UserError: if no machine has room for a replica.
    """
    if isinstance(backend, ReplayBackend):
        return backend
    return ReplicatedBackend(backend, cluster, place(backend, cluster.nodes, choice.replicas, choice.gpus))


class ReplicatedBackend(Backend):
    """Hands every call to a replica.

    Its limits are those of the harness: a model held by replicas takes ``limits.concurrency`` calls at once in each, one that
    clients share takes as many as its service did; caps per minute hold for all together.

    Args:
        inner: the backend to be replicated.
        cluster: where.
        placement: how.
    """

    def __init__(self, inner: Backend, cluster: Cluster, placement: Placement) -> None:
        self.placement = placement
        self.options = inner.options
        self.config = self._widened(inner.config)
        self._inner = inner
        self._folder: Path | None = None
        limits = inner.config.limits

        def launch() -> Replica:
            return cluster.launch(type(inner), config_for_replicas(inner), placement, self._folder)

        self.replicas = ReplicaSet(
            inner.config.name,
            launch,
            placement.replicas,
            placement.calls,
            limits.timeout_s,
            paid=not placement.loads_weights,
        )

    async def generate(self, request: Request) -> Completion:
        """Ask the model once, wherever there is room.

        Raises:
            CallError: as the model's own backend does; ``timeout`` also if a replica was lost and the call may be paid for.
            UserError: if no further call can succeed.
        """
        reply = await self.replicas.ask(request)
        if isinstance(reply, Failed):
            raise CallError(reply.kind, reply.message, reply.retry_after_s)
        if isinstance(reply, Refused):
            raise UserError(reply.sentence)
        return reply.completion

    def prepare_run(self, folder: Path, servers: ServerPool) -> None:
        """Replicas are told the run's folder, and start servers of their own."""
        self._folder = folder.absolute()

    @property
    def reads_pictures(self) -> bool:
        """As the replicated backend."""
        return self._inner.reads_pictures

    @property
    def cacheable(self) -> bool:
        """As the replicated backend."""
        return self._inner.cacheable

    @property
    def takes_urls(self) -> bool:
        """As the replicated backend."""
        return self._inner.takes_urls

    @property
    def implementation(self) -> type[Backend]:
        """As the replicated backend."""
        return self._inner.implementation

    @property
    def given_config(self) -> ModelConfig:
        """As the replicated backend."""
        return self._inner.given_config

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of the replicated backend, and Ray."""
        return (*self._inner.packages, "ray")

    @property
    def constraints(self) -> frozenset[Constraint]:
        """As the replicated backend."""
        return self._inner.constraints

    @property
    def rate_key(self) -> str:
        """A model held by replicas shares its room with nobody; clients share that of their service."""
        own = self._inner.rate_key
        return f"{own}|{self.config.name}" if self.placement.loads_weights else own

    @property
    def gpu_count(self) -> int:
        """GPUs of all replicas that were up at once."""
        return math.ceil(self.placement.gpus * min(self.replicas.started, self.placement.replicas))

    async def aclose(self) -> None:
        """Ends the replicas."""
        await self.replicas.aclose()
        await self._inner.aclose()

    def _widened(self, config: ModelConfig) -> ModelConfig:
        changes: dict[str, object] = {"timeout_s": _WAIT_S}
        if self.placement.loads_weights and self.placement.calls is not None:
            changes["concurrency"] = self.placement.calls * self.placement.replicas
        return config.model_copy(update={"limits": config.limits.model_copy(update=changes)})


def config_for_replicas(backend: Backend) -> ModelConfig:
    """The settings that a replica is made of: as they were given, but for a fixed port, which only one could listen at."""
    # Backends that start a server leave time for that in their own limits; done twice, a server that hangs would be waited
    # for twice as long.
    config = backend.given_config
    if config.options.get("port"):
        return config.model_copy(update={"options": {**config.options, "port": 0}})
    return config
