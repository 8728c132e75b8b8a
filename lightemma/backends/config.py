"""A model's YAML: what a user writes to name a model."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Limits(BaseModel):
    """Limits on the calls to a provider."""

    model_config = ConfigDict(extra="forbid")

    timeout_s: float = Field(default=120.0, gt=0, description="seconds to wait for one answer")
    concurrency: int | None = Field(default=None, ge=1, description="concurrent calls; adapts itself if left out")
    requests_per_minute: int | None = Field(default=None, ge=1, description="cap on calls started in a minute")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="cap on tokens sent and answered in a minute")
    attempts: int = Field(default=6, ge=1, description="attempts at one call before it counts as failed")


class Price(BaseModel):
    """Dollars per million tokens."""

    model_config = ConfigDict(extra="forbid")

    input: float = Field(ge=0, description="USD per million input tokens")
    output: float = Field(ge=0, description="USD per million output tokens, reasoning included")
    cached_input: float | None = Field(
        default=None, ge=0, description="of tokens read from a cache; as input if left out"
    )
    cache_write: float | None = Field(
        default=None, ge=0, description="of tokens written to a cache; as input if left out"
    )


class ModelConfig(BaseModel):
    """One model: where it is served and how it is asked."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, description="the model's name in tables and folder names")
    provider: str = Field(
        description="who answers: a name that `lightemma models --providers` lists, or package.module:Class"
    )
    model: str = Field(min_length=1, description="the provider's id of the model")
    revision: str | None = Field(default=None, description="pinned revision of the weights or the API snapshot")
    same_weights_as: str | None = Field(
        default=None,
        min_length=1,
        description="name of a model with the same weights, for servers that may share answers: each other server's YAML, or "
        "all of them, name the same",
    )
    base_url: str | None = Field(default=None, description="where an OpenAI-compatible server answers, ending in /v1")
    api_key_env: str | None = Field(
        default=None, description="environment variable that holds the key; never the key itself"
    )
    max_output_tokens: int = Field(default=512, ge=1, description="longest answer, in tokens")
    temperature: float | None = Field(default=0.0, ge=0, description="null leaves the provider's default")
    seed: int | None = Field(default=None, description="sampling seed, where the provider accepts one")
    limits: Limits = Limits()
    price: Price | None = None
    context_tokens: int | None = Field(default=None, ge=1, description="longest input and output together")
    taught_by: list[str] = Field(
        default_factory=list,
        description="runs, and `expert`, whose answers it learnt from; `lightemma distill train` writes it into its students",
    )
    gpus: str | None = Field(
        default=None, description="least hardware to serve it, such as '1 x 24 GB'; open models only"
    )
    retires: date | None = Field(default=None, description="day the provider switches it off, where its SDK states one")
    released: str | None = Field(default=None, description="year and month of release, for the list of models")
    options: dict[str, Any] = Field(
        default_factory=dict, description="the backend's own options; see its Options class"
    )

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if _NO_NAME.search(name):
            raise ValueError(
                "a name may hold letters from a to z, digits and the signs . _ + - only, since folders are named after it; "
                f"write `name: {model_name(name)}`, and the id as the provider writes it under `model`"
            )
        return name


#: Ids of models hold colons and slashes, which no name of a folder may.
_NO_NAME = re.compile(r"[^A-Za-z0-9._+-]+")


def model_name(text: str) -> str:
    """A model's name from its id, or from the name of a file or class, which may hold other signs."""
    return _NO_NAME.sub("-", text).strip("-") or "model"
