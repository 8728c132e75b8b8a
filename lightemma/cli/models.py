"""lightemma models: what can be named with --model."""

from __future__ import annotations

import typer


def models() -> None:
    """List the models in configs/models."""
    from lightemma.backends.config import ModelConfig
    from lightemma.cli.show import show
    from lightemma.config_files import config_names, load_config

    rows = []
    for name, path in config_names("models").items():
        config = load_config(path, ModelConfig)
        rows.append(
            {"run": name, "provider": config.provider, "model": config.model, "base_url": config.base_url or ""}
        )
    show(rows, "Models; --model also takes a YAML, replay:ARCHIVE|RUN, or package.module:Class.")
    if not rows:
        typer.echo("There is no configs/models here.")
