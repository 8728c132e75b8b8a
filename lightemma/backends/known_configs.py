"""All models that configs/models describes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lightemma.backends.config import ModelConfig
from lightemma.config_files import config_names, load_config
from lightemma.errors import UserError


@dataclass(frozen=True, slots=True)
class WrongConfig:
    """A model's YAML that cannot be used: its name, its file, and why in a sentence."""

    name: str
    path: Path
    why: str


def known_configs() -> tuple[dict[str, ModelConfig], list[WrongConfig]]:
    """All models in configs/models by name, and the YAMLs that are wrong."""
    configs, wrong = {}, []
    for name, path in config_names("models").items():
        try:
            configs[name] = load_config(path, ModelConfig)
        except UserError as error:
            wrong.append(WrongConfig(name, path, str(error)))
    return configs, wrong
