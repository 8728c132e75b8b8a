"""Recognises errors of too little memory, and frees memory."""

from __future__ import annotations

import gc

#: Parts of messages of other errors than MemoryError and torch.OutOfMemoryError: of the CPU allocator and of libraries.
_MESSAGES = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
    "bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory of the CPU or a GPU was too small."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(part in message for part in _MESSAGES)


def free_memory() -> None:
    """Frees unused memory, also on the GPU."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
