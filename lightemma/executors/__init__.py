"""Executors run models in this process, or in replicas on the machines of a Ray cluster.

With any executor, frames, prompts, cache, budget, retries, limits and the only writer stay in the process of the command
(the driver). Replicas hold a model or a client and no data that could be lost: see docs/scaling.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lightemma.backends.base import Backend
from lightemma.executors.choice import LOCAL, RAY, ExecutorChoice, choose_executor

BackendMaker = Callable[[str], Backend]


@contextmanager
def placing(choice: ExecutorChoice, backends: BackendMaker) -> Iterator[BackendMaker]:
    """A maker of backends whose models run where ``choice`` says, for the duration of the block.

    Args:
        choice: where; ``local`` returns ``backends`` unchanged.
        backends: makes the backend behind a ``--model`` value.

    Raises:
        UserError: if Ray is not installed, or there is no such cluster.
    """
    if choice.kind == LOCAL:
        yield backends
        return
    from lightemma.executors.cluster import ray_cluster
    from lightemma.executors.replicated import spread

    with ray_cluster(choice.address) as cluster:
        yield lambda spec: spread(backends(spec), cluster, choice)


__all__ = ["LOCAL", "RAY", "BackendMaker", "ExecutorChoice", "choose_executor", "placing"]
