"""How many replicas of a model fit on a cluster, and which GPUs and cores each gets. Does not use Ray."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lightemma.backends.base import Backend
from lightemma.backends.registry import facts_of, holds_weights
from lightemma.errors import UserError

#: Client processes of a model behind an address: each can send a few hundred calls a second, more than one driver produces.
CLIENTS = 4
#: Most cores of a replica on a GPU, for preparing pictures and text.
MOST_CPUS = 8


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster.

    Attributes:
        cpus: cores that Ray may give away.
        gpus: GPUs that Ray may give away.
    """

    cpus: float
    gpus: float


@dataclass(frozen=True, slots=True)
class Placement:
    """The GPUs, cores and calls of a model's replicas.

    Attributes:
        replicas: most replicas; they are started as frames need them.
        gpus: of each.
        cpus: of each.
        calls: concurrent calls in each, or None if that number adapts itself.
        loads_weights: whether each replica holds the model itself; False for clients of a service.
    """

    replicas: int
    gpus: float
    cpus: float
    calls: int | None
    loads_weights: bool


def place(backend: Backend, nodes: tuple[Node, ...], replicas: int | None, gpus: float | None) -> Placement:
    """How a model's replicas are placed.

    A model on GPUs gets as many replicas as fit on them. One on CPUs uses all cores by itself, so it gets one replica per
    machine. A model behind an address is served elsewhere; its replicas are clients that share the work of sending.

    Args:
        backend: as made on the driver.
        nodes: the machines.
        replicas: most replicas, as the user says, or None.
        gpus: of each replica, as the user says, or None.

    Raises:
        UserError: if no machine has enough GPUs for one replica.
    """
    config = backend.config
    facts, calls = facts_of(config.provider), config.limits.concurrency
    cores = int(sum(node.cpus for node in nodes))
    if not holds_weights(config):
        return Placement(replicas or max(1, min(CLIENTS, cores)), gpus or 0.0, 0.0, None, False)
    each = gpus_of(backend, nodes) if gpus is None else gpus
    if each > 0:
        fits = [int(node.gpus / each + 1e-9) for node in nodes]
        most = max((node.gpus for node in nodes), default=0.0)
        if not any(fits):
            raise UserError(
                f"A replica of '{config.name}' needs {each:g} GPUs, and no machine of the cluster has more than {most:g}; "
                "add machines, or give --gpus-per-replica (0 for the CPU)."
            )
        shares = [int(node.cpus // fit) for node, fit in zip(nodes, fits, strict=True) if fit]
        return Placement(replicas or sum(fits), each, float(min([MOST_CPUS, *shares])), calls, True)
    if facts.holds_weights:
        count = replicas or len(nodes)
        return Placement(count, 0.0, float(max(cores // count, 0)), calls, True)
    return Placement(replicas or max(1, cores), 0.0, 0.0, calls, True)


def gpus_of(backend: Backend, nodes: tuple[Node, ...]) -> float:
    """GPUs that one replica needs: what its server's options say, else what its YAML says, else one if there are any."""
    if backend.gpu_count:
        return float(backend.gpu_count)
    if (
        not facts_of(backend.config.provider).asks_model
        or backend.config.options.get("cpu")
        or not any(node.gpus for node in nodes)
    ):
        return 0.0
    said = re.match(r"\s*(\d+)\s*x", backend.config.gpus or "")
    return float(said.group(1)) if said else 1.0
