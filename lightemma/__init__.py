"""How well does a vision-language model drive, zero-shot?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightemma.api import Run, Tables, compare, load_run

__version__ = "0.2.0.dev0"
__all__ = ["Run", "Tables", "__version__", "compare", "load_run"]


def __getattr__(name: str) -> Any:
    """Imports the notebook functions when they are asked for: pandas takes longer than the command line's --help may."""
    if name in __all__:
        from lightemma import api

        return getattr(api, name)
    raise AttributeError(f"module 'lightemma' has no attribute '{name}'")
