"""Settings of models that run in this process."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lightemma.backends.base import Backend


class LocalOptions(Backend.Options):
    """The ``options:`` of a model with ``provider: transformers``."""

    device_map: str | None = Field(
        default=None,
        description="where the weights are loaded: auto, cuda:0, cpu, …; left out: auto with a GPU and accelerate, else cpu",
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="number format of the weights; auto is the format in which they were saved"
    )
    attention: Literal["sdpa", "eager", "flash_attention_2"] | None = Field(
        default=None, description="attention code; left out: the fastest that the model allows without extra packages"
    )
    batching: Literal["continuous", "static"] = Field(
        default="continuous",
        exclude=True,
        description="continuous: an answer that ends gives its place to the next call at once, where the model allows it; "
        "static: a batch ends with its longest answer",
    )
    reuse_prompts: bool = Field(
        default=True,
        exclude=True,
        description="continuous batches only: a frame's stages read what their prompts have in common once; the readings kept "
        "take as much memory as max_batch_tokens at most",
    )
    max_batch: int = Field(default=8, ge=1, description="most calls answered together")
    max_batch_tokens: int = Field(
        default=32_768,
        ge=1,
        description="token budget of a batch: calls times (longest input + max_output_tokens); limits the memory",
    )
    max_wait_ms: float = Field(
        default=50.0, ge=0, description="how long a batch that is not full waits for further calls"
    )
    reuse_pictures: bool = Field(
        default=True, description="prepare and encode the picture of a frame once for all its stages"
    )
    cached_pictures: int = Field(
        default=32, ge=1, description="how many frames' pictures are kept for that; at least the calls in progress"
    )
    min_pixels: int | None = Field(
        default=None, ge=1, description="pictures are scaled up to this many pixels, where the model's processor can"
    )
    max_pixels: int | None = Field(
        default=None, ge=1, description="pictures are scaled down to this many pixels, where the model's processor can"
    )
    trust_remote_code: bool = Field(
        default=False, description="run Python code that comes with the weights; read it first"
    )
    strip_thinking: bool = Field(
        default=True, description="part the answer from thinking in its text, such as <think>…</think>"
    )
