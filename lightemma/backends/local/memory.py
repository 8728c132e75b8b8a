"""Running out of memory: how it is told, and what is given back."""

from __future__ import annotations

import gc

#: Words of errors that are no MemoryError and no torch.OutOfMemoryError: the CPU allocator's, and those of libraries.
_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory of the CPU or a GPU was too small."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(word in words for word in _WORDS)


def give_memory_back() -> None:
    """Frees what nobody holds any longer, on the GPU too."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
