"""The user's choice of where models run."""

from __future__ import annotations

from dataclasses import dataclass

from lightemma.errors import UserError

LOCAL = "local"
RAY = "ray"


@dataclass(frozen=True, slots=True)
class ExecutorChoice:
    """The user's choice of where models run.

    Attributes:
        kind: ``local`` or ``ray``.
        address: of a running Ray cluster (``HOST:PORT`` or ``auto``); None starts Ray on this machine alone.
        replicas: most replicas of each model; None: as many as fit.
        gpus: of each replica, may be a fraction; None: as the model's YAML says.
    """

    kind: str = LOCAL
    address: str | None = None
    replicas: int | None = None
    gpus: float | None = None


def choose_executor(spec: str = LOCAL, replicas: int | None = None, gpus: float | None = None) -> ExecutorChoice:
    """Reads ``--executor`` and its companion options.

    Args:
        spec: ``local``, ``ray``, ``ray:auto`` or ``ray:HOST:PORT``.
        replicas: as given, or None.
        gpus: of each replica, or None.

    Raises:
        UserError: if there is no such executor, or a number is out of range.
    """
    kind, _, address = spec.strip().partition(":")
    if kind not in (LOCAL, RAY) or (kind == LOCAL and address):
        raise UserError(f"There is no executor '{spec}'; give local, ray, ray:auto or ray:HOST:PORT.")
    if "://" in address:
        raise UserError(
            f"'{spec}' uses Ray's client, which lightemma does not support; run the command on a machine of the "
            "cluster with --executor ray:auto."
        )
    if replicas is not None and replicas < 1:
        raise UserError(f"--replicas is {replicas}; give 1 or more, or leave it out to take as many as fit.")
    if gpus is not None and (gpus < 0 or (gpus > 1 and gpus != int(gpus))):
        raise UserError(f"--gpus-per-replica is {gpus:g}; give a whole number, or a fraction below 1.")
    if kind == LOCAL and (replicas is not None or gpus is not None):
        raise UserError("--replicas and --gpus-per-replica are for --executor ray; give that too, or leave them out.")
    return ExecutorChoice(kind, address or None, replicas, gpus)
