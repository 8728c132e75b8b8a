"""Weights on disk: written whole, and read as numbers only, never as code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

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
        state: Any = torch.load(io.BytesIO(read_whole(path, _LARGEST)), map_location=device, weights_only=True)
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror or error}).") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise UserError(f"'{path}' holds no weights of this program; train it again.") from error
    if not isinstance(state, dict):
        raise UserError(f"'{path}' holds no weights of this program; train it again.")
    return state


def load_into(module: Any, state: dict[str, Any], path: Path) -> None:
    """Puts weights into a module.

    Raises:
        UserError: if they are of another shape.
    """
    try:
        module.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(f"'{path}' holds weights of another shape; train it again.") from error
