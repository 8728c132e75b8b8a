"""Counts the GPUs that a server would find, without loading torch, and compares them with the sizes in its options."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping

from lightemma.errors import UserError
from lightemma.serving.options import ServerOptions

#: Variables with the cards that a process may see; the first that is set counts.
_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
#: With one of these arguments in ``extra`` the cards are not all in this machine.
_SPREAD = ("ray", "--node-rank", "--nnodes", "--headless", "--data-parallel-address")


def visible_gpus(environ: Mapping[str, str], listed: Callable[[], int | None] | None = None) -> int | None:
    """How many GPUs a process with this environment sees; None if that is unknown.

    Args:
        environ: the process's environment.
        listed: counts the machine's cards; by nvidia-smi or rocm-smi if left out.
    """
    for name in _VISIBLE:
        if name in environ:
            # As CUDA reads it: the list ends at the first -1.
            cards = [card.strip() for card in environ[name].split(",")]
            cards = cards[: cards.index("-1")] if "-1" in cards else cards
            return len([card for card in cards if card])
    return (listed or _listed_gpus)()


def check_gpus(
    options: ServerOptions, environ: Mapping[str, str], listed: Callable[[], int | None] | None = None
) -> None:
    """Refuses sizes that do not fit the GPUs.

    More GPUs than there are cannot work; fewer, with sizes above 1, would leave cards idle, most likely by mistake.

    Args:
        options: the server's.
        environ: this process's environment; the options' own variables override it.
        listed: as for ``visible_gpus``.

    Raises:
        UserError: if they do not fit.
    """
    if options.cpu or any(argument in _SPREAD for argument in options.extra):
        return
    there = visible_gpus({**environ, **options.env}, listed)
    if there is None:
        return
    needed = options.gpus
    sizes = f"tensor {options.tensor_parallel} x pipeline {options.pipeline_parallel}"
    if options.data_parallel > 1:
        sizes += f" x data {options.data_parallel}"
    if there == 0:
        raise UserError(
            f"No GPU is visible here, and the server needs {needed}; use a machine that has one, check "
            "CUDA_VISIBLE_DEVICES, or set `cpu: true` for an engine built for the CPU."
        )
    if needed > there:
        raise UserError(
            f"{sizes} needs {needed} GPUs, but {there} {'is' if there == 1 else 'are'} visible; make the product "
            f"{there}, or set `cpu: true` for an engine built for the CPU."
        )
    if 1 < needed < there:
        raise UserError(
            f"{sizes} uses {needed} GPUs, but {there} are visible; make the product {there}, or name the cards to use, such "
            f'as `env: {{CUDA_VISIBLE_DEVICES: "{",".join(map(str, range(needed)))}"}}`.'
        )


def _listed_gpus() -> int | None:
    """Number of cards, counted by the makers' tools; 0 where there is neither tool nor device."""
    for tool, arguments, mark in (("nvidia-smi", ["-L"], "GPU "), ("rocm-smi", ["--showid", "--csv"], "card")):
        path = shutil.which(tool)
        if path is None:
            continue
        try:
            done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=20, check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        return sum(line.startswith(mark) for line in done.stdout.splitlines())
    return 0
