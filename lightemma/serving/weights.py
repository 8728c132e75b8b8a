"""Checks a folder of weights before a server is started with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightemma.errors import UserError
from lightemma.files import read_text


def check_folder(model: str) -> None:
    """Refuses a path that does not exist, or a folder without a configuration.

    Raises:
        UserError: if ``model`` is written as a path but is not a folder of weights.
    """
    folder = Path(model).expanduser()
    if not _is_path(model):
        return
    if not folder.is_dir():
        raise UserError(f"There is no folder '{model}'; give the folder of the weights, or their name on Hugging Face.")
    if not (folder / "config.json").is_file():
        raise UserError(
            f"'{model}' has no config.json; give the folder that holds the weights and their configuration."
        )


def old_rope(model: str) -> str | None:
    """What to change in a folder whose configuration names its rotary embedding in the old way, or None.

    Qwen2-VL was saved with ``"type": "mrope"``. Some versions of transformers and vLLM translate that, others end with
    ``assert "factor" in rope_scaling``.

    Args:
        model: folder; a hub id is not checked.
    """
    path = Path(model).expanduser() / "config.json"
    try:
        config = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return None
    for place, scaling in _rope_scalings(config):
        if scaling.get("type") == "mrope" and "rope_type" not in scaling:
            return (
                f'\'{path}\' has the old `"type": "mrope"` in {place}; change it to `"rope_type": "mrope"` if the '
                'server ends with `assert "factor" in rope_scaling`.'
            )
    return None


def _rope_scalings(config: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(config, dict):
        return
    for key in ("rope_scaling", "rope_parameters"):
        if isinstance(config.get(key), dict):
            yield f"{place}{key}", config[key]
    for key in ("text_config", "llm_config", "language_config"):
        yield from _rope_scalings(config.get(key), f"{place}{key}.")


def _is_path(model: str) -> bool:
    return model.startswith(("/", "./", "../", "~")) or Path(model).is_dir()
