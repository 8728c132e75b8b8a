"""Loads plugins: classes named ``package.module:Class``, or offered by installed packages as entry points."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeVar, cast

from lightemma.errors import UserError, near_names
from lightemma.redaction import starred, without_pictures

T = TypeVar("T")

_HERE = Path(__file__).resolve().parent
#: Longest part of an error's message that is kept.
_LONGEST_LINE = 300


@dataclass(frozen=True, slots=True)
class Offered:
    """A plugin, or one of lightemma's own classes, that a user can name.

    Attributes:
        place: ``package.module:Class``, or another value of the entry point.
        package: the installed package that offers it; ``lightemma`` for its own classes.
    """

    place: str
    package: str


def offered(group: str, own: Mapping[str, str]) -> dict[str, Offered]:
    """All classes of one kind by name: lightemma's own and those of installed packages; on equal names its own is used.

    Args:
        group: of entry points, such as ``lightemma.planners``.
        own: lightemma's names -> ``package.module:Class``.
    """
    found = {
        point.name: Offered(point.value, point.dist.name if point.dist else "an installed package")
        for point in entry_points(group=group)
    }
    return {**found, **{name: Offered(place, "lightemma") for name, place in own.items()}}


def find_class(name: str, group: str, own: Mapping[str, str], base: Callable[..., T], what: str) -> type[T]:
    """The class behind a name, or behind ``package.module:Class``.

    Args:
        name: of one of lightemma's classes, of one of an installed package, or ``package.module:Class``.
        group: of entry points.
        own: lightemma's names -> ``package.module:Class``.
        base: what the class must subclass.
        what: the noun for messages, such as ``planner``.

    Raises:
        UserError: if there is none, or it cannot be imported.
    """
    # Looking through all installed packages takes a while, so lightemma's own names and dotted names come first.
    place = own.get(name, name)
    if ":" not in place:
        known = offered(group, own)
        if name not in known:
            raise UserError(f"There is no {what} '{name}'; {near_names(name, known)}")
        place = known[name].place
    return load_class(place, base, what)


def load_class(place: str, base: Callable[..., T], what: str) -> type[T]:
    """The class at ``package.module:Class``.

    Args:
        place: the dotted name.
        base: what it must subclass.
        what: the noun for messages, such as ``planner``.

    Raises:
        UserError: if it cannot be imported or is not a ``base``.
    """
    found = load_object(place, what)
    # Typed as callable, since an abstract class is not a `type[T]` for the type checker.
    if not (isinstance(found, type) and isinstance(base, type) and issubclass(found, base)):
        raise UserError(f"'{place}' is not a {what}: it does not subclass {base.__module__}:{base.__qualname__}.")
    return cast("type[T]", found)


def load_object(place: str, what: str) -> object:
    """The object at ``package.module:name``, or the module ``package.module``.

    Raises:
        UserError: if it cannot be imported.
    """
    module_name, _, name = place.partition(":")
    try:
        module = import_module(module_name)
    except Exception as error:
        absent = not module_name or module_name.startswith(".") or _is_absent(error, module_name)
        cure = f"({error}); is its folder on PYTHONPATH?" if absent else f"({error_line(error)}); correct that module."
        raise UserError(f"The {what} '{place}' cannot be imported {cure}") from error
    if not name:
        return module
    try:
        found: object = getattr(module, name)
    except AttributeError as error:
        raise UserError(f"Module '{module_name}' has no '{name}' for the {what} '{place}'.") from error
    return found


def describe(cls: type) -> str:
    """A class with its file, for messages: ``class 'MyPlanner' in /home/me/my_planner.py``."""
    try:
        place = inspect.getfile(cls)
    except (TypeError, OSError):  # defined in an interactive interpreter
        place = cls.__module__
    return f"class '{cls.__qualname__}' in {place}"


def kind_of(value: object) -> str:
    """What a plug-in gave, for a sentence about it: ``a list``, or ``nothing`` for None."""
    return "nothing" if value is None else f"a {type(value).__name__}"


def error_line(error: BaseException) -> str:
    """An error in one line, with the last line of the plugin's own code that it came from.

    Such as ``ValueError: empty list (my_planner.py, line 12)``. A module of lightemma is named only if there is no other.
    """
    message = starred(without_pictures(" ".join(str(error).encode("utf-8", "replace").decode().split())))
    if len(message) > _LONGEST_LINE:
        message = message[:_LONGEST_LINE] + " …"
    said = f"{type(error).__name__}: {message}" if message else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({Path(error.filename).name}, line {error.lineno})"
    theirs = [frame for frame in frames if _is_plugin_code(frame.filename)]
    last = (theirs or list(frames))[-1:]
    return said + "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in last)


def _is_absent(error: Exception, module_name: str) -> bool:
    """Whether the module itself was not found (rather than one that it imports)."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    return name is not None and (module_name + ".").startswith(name + ".")


def _is_plugin_code(filename: str) -> bool:
    """Whether a file belongs neither to lightemma nor to the interpreter or an installed library."""
    path = Path(filename)
    return not (
        filename.startswith("<")
        or path.is_relative_to(_HERE)
        or "site-packages" in path.parts
        or Path(traceback.__file__).parent in path.parents
    )
