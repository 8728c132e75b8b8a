"""A provider's package without what no call of ours needs: the rest is imported when somebody uses it.

``import openai`` reads hundreds of classes that describe every interface, which takes longer than the rest of a run's start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

#: Package -> its parts whose own code is read later, itself first; and names of it -> its modules that have them.
_LATER = {
    "openai": (
        ("openai", "openai.types", "openai.lib"),
        {"AsyncOpenAI": "_client", "DefaultAsyncHttpxClient": "_base_client"},
    )
}
#: With this variable a package sets its log up when it is imported whole.
_LOG = "OPENAI_LOG"
#: Names of this kind that the packages' own code gives.
_OWN = frozenset({"__all__", "__title__", "__version__"})
#: Seconds to wait for another thread that reads a package.
_READS_S = 30
_lock = RLock()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Threads wait for each other here, but not for ever: one that imports holds Python's own locks, too."""
    held = _lock.acquire(timeout=_READS_S)
    try:
        yield
    finally:
        if held:
            _lock.release()


def package(name: str) -> Any:
    """A provider's package; what is used of it beyond its client is read then.

    Args:
        name: in imports.

    Raises:
        ImportError: if it is not installed.
    """
    with _one_at_a_time():
        if name not in _LATER or name in sys.modules or os.environ.get(_LOG):
            return import_module(name)
        return _in_parts(name)


def _in_parts(name: str) -> Any:
    parts, small = _LATER[name]
    placed: list[str] = []
    try:
        for part in parts:
            if (spec := find_spec(part)) is None:
                raise ModuleNotFoundError(part)
            sys.modules[part] = module_from_spec(spec)
            sys.modules[part].__class__ = _Later
            placed.append(part)
        made = sys.modules[name]
        for one in small:
            getattr(made, one)
    except BaseException as error:
        for part in placed:
            sys.modules.pop(part, None)
        if not isinstance(error, Exception):
            raise
        return import_module(name)  # not installed, or another version that is built in another way
    return made


class _Later(ModuleType):
    """A package whose own code runs when something is asked for that is neither in its small modules nor one of its parts."""

    __spec__: ModuleSpec

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in _OWN:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        if name in _OWN:
            _whole(self)
            return getattr(self, name)
        small = _LATER[self.__name__][1].get(name) if self.__name__ in _LATER else None
        try:
            if small is not None:
                return getattr(import_module(f"{self.__name__}.{small}"), name)
            return import_module(f"{self.__name__}.{name}")
        except (ModuleNotFoundError, AttributeError) as error:
            if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith(self.__name__):
                raise  # a package that it needs is missing
        _whole(self)
        return getattr(self, name)


def _whole(package: ModuleType) -> None:
    """Runs the package's own code, once."""
    with _one_at_a_time():
        if type(package) is _Later:
            package.__class__ = ModuleType  # type: ignore[assignment]
            loader = package.__spec__.loader if package.__spec__ else None
            assert loader is not None
            loader.exec_module(package)
