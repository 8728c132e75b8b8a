"""Which environment variable holds a model's key."""

from __future__ import annotations

from lightemma.backends.config import ModelConfig

#: Environment variables that hold a key where the YAML names none.
DEFAULT_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "google": "GEMINI_API_KEY"}


def key_variable(config: ModelConfig) -> str | None:
    """The environment variable that holds a model's key, if it needs one."""
    if config.api_key_env:
        return config.api_key_env
    return None if config.base_url else DEFAULT_KEYS.get(config.provider)
