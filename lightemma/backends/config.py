"""A model's YAML: what a user writes to name a model."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """How a provider may be used."""

    model_config = ConfigDict(extra="forbid")

    timeout_s: float = Field(default=120.0, gt=0, description="seconds to wait for one answer")
    concurrency: int = Field(default=8, ge=1, description="calls under way at once")


class Price(BaseModel):
    """Dollars per million tokens."""

    model_config = ConfigDict(extra="forbid")

    input: float = Field(ge=0, description="USD per million input tokens")
    output: float = Field(ge=0, description="USD per million output tokens, reasoning included")
    cached_input: float | None = Field(
        default=None, ge=0, description="USD per million cached input tokens; as input if absent"
    )


class ModelConfig(BaseModel):
    """One model: where it is served and how it is asked."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        min_length=1, pattern=r"^[A-Za-z0-9._+-]+$", description="the model's name in tables and folder names"
    )
    provider: str = Field(description="a backend: openai-compatible, scripted, or package.module:Class")
    model: str = Field(min_length=1, description="the provider's id of the model")
    revision: str | None = Field(default=None, description="pinned revision of the weights or the API snapshot")
    base_url: str | None = Field(default=None, description="where an OpenAI-compatible server answers, ending in /v1")
    api_key_env: str | None = Field(
        default=None, description="environment variable that holds the key; never the key itself"
    )
    max_output_tokens: int = Field(default=512, ge=1, description="longest answer, in tokens")
    temperature: float | None = Field(default=0.0, ge=0, description="null leaves the provider's default")
    seed: int | None = Field(default=None, description="sampling seed, where the provider takes one")
    limits: Limits = Limits()
    price: Price | None = None
    options: dict[str, Any] = Field(
        default_factory=dict, description="the backend's own options; see its Options class"
    )
