"""Loops in Python that become machine code where numba is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@cache
def compiler() -> str | None:
    """The version of numba; None where it is not installed, or told not to compile by ``NUMBA_DISABLE_JIT=1``."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
        return None
    try:
        return version("numba")
    except PackageNotFoundError:
        return None


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as machine code, made when it is first called with arguments of some types; itself without numba.

    What was compiled is kept beside the module or, where that folder cannot be written, in the user's cache folder. A compiled
    function may call others of its own module only: numba sees whether a kept one is old by the module's time alone.
    """
    if compiler() is None:
        return function
    import numba

    try:
        made: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # there is no folder to keep it in
        made = numba.njit(nogil=True, error_model="numpy")(function)
    return made
