"""Weights on disk: written whole, and read as numbers only, never as code."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import torch

from lightemma.backends.local.memory import is_out_of_memory
from lightemma.errors import UserError
from lightemma.files import read_whole, write_whole

#: Bytes; a model of this package has a few ten million.
_LARGEST = 2_000_000_000


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Writes tensors and plain values.

    Raises:
        UserError: if it cannot be written.
    """
    data = io.BytesIO()
    torch.save(state, data)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data.getvalue())
    except OSError as error:
        raise UserError(
            f"'{path}' cannot be written ({error.strerror}); make room and give the same command again."
        ) from error


def read_state(path: Path, device: str = "cpu") -> dict[str, Any]:
    """What ``write_state`` wrote.

    Raises:
        UserError: if there is no such file, or it is something else.
    """
    try:
        data = io.BytesIO(read_whole(path, _LARGEST))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about pickles that it refuses anyway
            state: Any = torch.load(data, map_location=device, weights_only=True)
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror or error}).") from error
    except Exception as error:  # whatever a file of somebody else makes of PyTorch's reader
        if is_out_of_memory(error):
            raise
        raise UserError(f"'{path}' holds no weights of this program; train it again.") from error
    if not isinstance(state, dict):
        raise UserError(f"'{path}' holds no weights of this program; train it again.")
    return state


def load_into(module: Any, state: Any, path: Path) -> None:
    """Puts weights into a module.

    Raises:
        UserError: if they are of another shape, or no numbers.
    """
    if not isinstance(state, dict):
        raise UserError(f"'{path}' holds no weights of this program; train it again.")
    if not all_finite(state):
        raise UserError(f"'{path}' holds weights that are no numbers (NaN or infinite); train it again.")
    try:
        module.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(f"'{path}' holds weights of another shape; train it again.") from error


def all_finite(state: dict[str, Any]) -> bool:
    """Whether all weights are numbers."""
    floats = [one for one in state.values() if isinstance(one, torch.Tensor) and one.is_floating_point()]
    return all(bool(torch.isfinite(one).all()) for one in floats)
