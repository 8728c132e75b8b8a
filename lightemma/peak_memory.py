"""How much memory this process took at the most since a moment, and how much of a GPU."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def start_counting() -> None:
    """Forgets the peaks so far, where the system can: on Linux, and of GPUs that torch has begun to use."""
    with suppress(OSError):
        _RESET.write_text("5")
    cuda = _cuda()
    if cuda is not None:
        for device in range(cuda.device_count()):
            cuda.reset_peak_memory_stats(device)


def process_peak() -> int | None:
    """Bytes of this process that were in the memory at the most, since ``start_counting``, or since it began where the system
    cannot forget; None where the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        for line in _STATUS.read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # of Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def gpu_peak() -> int | None:
    """Bytes of all GPUs that this process's tensors took at the most; None if torch uses none. Contexts and other processes
    are not counted."""
    cuda = _cuda()
    return None if cuda is None else sum(cuda.max_memory_allocated(device) for device in range(cuda.device_count()))


def _cuda() -> Any:
    # Never imported for this: what a run does not use is not loaded for being measured.
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    return cuda if cuda is not None and cuda.is_available() and cuda.is_initialized() else None
