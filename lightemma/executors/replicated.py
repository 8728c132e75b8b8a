"""A backend that sends its calls to replicas. The harness sees one backend with a higher limit of concurrent calls."""

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

#: Seconds that a call waits for a replica and its answer together: waiting for a GPU is not a failure, and the model's own
#: timeout starts when a replica has the call.
_WAIT_S = 30 * 24 * 3600.0


def spread(backend: Backend, cluster: Cluster, choice: ExecutorChoice) -> Backend:
    """The same model in replicas; recordings, which answer immediately, stay in this process.

    Args:
        backend: as made for this process; only its settings are used.
        cluster: where replicas run.
        choice: how many, and with how many GPUs each.

    Raises:
        UserError: if no machine has enough GPUs for a replica.
    """
    if isinstance(backend, ReplayBackend):
        return backend
    return ReplicatedBackend(backend, cluster, place(backend, cluster.nodes, choice.replicas, choice.gpus))


class ReplicatedBackend(Backend):
    """Sends every call to a replica.

    Limits: a model whose weights the replicas hold gets ``limits.concurrency`` concurrent calls in each replica; a model behind
    a service gets that number in all replicas together. Caps per minute are for all replicas together.

    Args:
        inner: the backend to be replicated.
        cluster: where replicas run.
        placement: number and size of the replicas.
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
        """Ask the model once, in any replica that is free.

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
        """Keeps the run's folder for the replicas, which start their own servers."""
        self._folder = folder.absolute()

    @property
    def reads_pictures(self) -> bool:
        """The same as for the inner backend."""
        return self._inner.reads_pictures

    @property
    def cacheable(self) -> bool:
        """The same as for the inner backend."""
        return self._inner.cacheable

    @property
    def takes_urls(self) -> bool:
        """The same as for the inner backend."""
        return self._inner.takes_urls

    @property
    def implementation(self) -> type[Backend]:
        """The same as for the inner backend."""
        return self._inner.implementation

    @property
    def given_config(self) -> ModelConfig:
        """The same as for the inner backend."""
        return self._inner.given_config

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of the inner backend, and Ray."""
        return (*self._inner.packages, "ray")

    @property
    def constraints(self) -> frozenset[Constraint]:
        """The same as for the inner backend."""
        return self._inner.constraints

    @property
    def several_answers(self) -> int:
        """The same as for the inner backend."""
        return self._inner.several_answers

    @property
    def rate_key(self) -> str:
        """Replicas that hold weights share limits with no other model; clients share those of their service."""
        own = self._inner.rate_key
        return f"{own}|{self.config.name}" if self.placement.loads_weights else own

    @property
    def gpu_count(self) -> int:
        """GPUs of all replicas that ran at the same time."""
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
    """The settings of a replica: as the user gave them, but without a fixed port, which only one server could listen at."""
    # The given settings, since backends that start a server lengthen their own timeout for it; lengthened twice, a server
    # that hangs would be waited for twice as long.
    config = backend.given_config
    if config.options.get("port"):
        return config.model_copy(update={"options": {**config.options, "port": 0}})
    return config
