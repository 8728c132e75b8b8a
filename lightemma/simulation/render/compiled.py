"""Loops in Python that become machine code where numba is installed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ParamSpec, TypeVar

from lightemma.outside_text import one_line

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)


@cache
def compiler() -> str | None:
    """The version of numba; None without one that can be imported, or if ``NUMBA_DISABLE_JIT=1`` tells it not to compile."""
    found = _installed()
    return found if found is not None and _fault() is None else None


def broken() -> str | None:
    """A sentence on why numba is not used although it is installed; None where it is used, or not wanted."""
    found = _installed()
    if found is None or (fault := _fault()) is None:
        return None
    return f"The painter draws more slowly than it could, because numba {found} cannot be imported: {fault}"


def _installed() -> str | None:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
        return None
    try:
        return version("numba")
    except PackageNotFoundError:
        return None


@cache
def _fault() -> str | None:
    """Why numba cannot be imported: most often it is older than NumPy allows, or newer."""
    try:
        import numba  # noqa: F401
    except Exception as error:
        return f"{one_line(str(error)).rstrip('.') or type(error).__name__}."
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
        made = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
        _keep_if_possible(made)
    except RuntimeError:  # there is no folder to keep it in
        made = numba.njit(nogil=True, error_model="numpy")(function)
    result: Callable[P, R] = made
    return result


def _keep_if_possible(made: Any) -> None:
    """Lets a function be compiled anew where the kept one is damaged, and work where there is no room to keep it.

    numba itself fails in both cases.
    """
    kept = getattr(made, "_cache", None)
    load, save = getattr(kept, "load_overload", None), getattr(kept, "save_overload", None)
    if kept is None or load is None or save is None:  # a numba that keeps what it makes in another way
        return

    def loaded(signature: Any, target: Any) -> Any:
        try:
            return load(signature, target)
        except Exception as error:  # unpickling half a file can raise anything
            log.debug("What numba kept of %s cannot be read.", made.__name__, exc_info=error)
            try:
                kept.flush()  # or it would neither be read nor replaced
            except OSError:
                kept.disable()
            return None

    def saved(signature: Any, result: Any) -> None:
        try:
            save(signature, result)
        except OSError as error:
            log.debug("What numba made of %s cannot be kept.", made.__name__, exc_info=error)

    kept.load_overload, kept.save_overload = loaded, saved
