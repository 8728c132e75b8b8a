"""Classes of the user's own, named ``package.module:Class``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeVar, cast

from lightemma.errors import UserError

T = TypeVar("T")


def load_class(place: str, base: Callable[..., T], what: str) -> type[T]:
    """The class at ``package.module:Class``.

    Args:
        place: where it is.
        base: what it must subclass.
        what: the word for it in messages, such as ``planner``.

    Raises:
        UserError: if it cannot be imported or is no ``base``.
    """
    module_name, _, class_name = place.partition(":")
    try:
        found = getattr(import_module(module_name), class_name)
    except (ImportError, ValueError) as error:
        raise UserError(f"The {what} '{place}' cannot be imported ({error}); is its folder on PYTHONPATH?") from error
    except AttributeError as error:
        raise UserError(f"Module '{module_name}' has no '{class_name}' for the {what} '{place}'.") from error
    # Typed as callable, since an abstract class is no `type[T]` to the type checker.
    if not (isinstance(found, type) and isinstance(base, type) and issubclass(found, base)):
        raise UserError(f"'{place}' is no {what}: it does not subclass {base.__module__}:{base.__qualname__}.")
    return cast("type[T]", found)
