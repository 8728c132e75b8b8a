"""How a model server is started: the ``options:`` of a model with ``provider: vllm``."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

EngineName = Literal["vllm", "sglang", "transformers"]


class ServerOptions(BaseModel):
    """One server.

    Fields that cannot change an answer are left out when options are written to a file, so that a run can be resumed and
    cached answers are found with another port, card or machine. Environment variables are left out too: they may hold secrets.
    """

    model_config = ConfigDict(extra="forbid")

    engine: EngineName = Field(default="vllm", description="program that serves: vllm, sglang, or transformers serve")
    python: str | None = Field(
        default=None,
        exclude=True,
        description="the engine's own environment: its folder, or its interpreter; left out: .vllm-venv here, else this one",
    )
    uv: list[str] = Field(
        default_factory=list,
        exclude=True,
        description="requirements, such as vllm==0.11.0: uv makes an environment with them and starts the engine in it",
    )
    entry: Literal["module", "serve"] = Field(
        default="module",
        exclude=True,
        description="vLLM only: start its API server's module, which all builds have so far, or its command `serve`",
    )
    dtype: str = Field(default="auto", description="number format of the weights: auto, half, bfloat16, float32, …")
    max_model_len: int | None = Field(default=None, ge=1, description="longest input and output together, in tokens")
    gpu_memory_utilization: float | None = Field(
        default=None, gt=0, le=1, exclude=True, description="share of each GPU's memory that the server takes"
    )
    tensor_parallel: int = Field(default=1, ge=1, description="GPUs that share every layer")
    pipeline_parallel: int = Field(default=1, ge=1, description="groups of layers, each on GPUs of its own")
    data_parallel: int = Field(default=1, ge=1, description="whole copies of the model")
    limit_images: int | None = Field(
        default=4, ge=0, description="pictures that one request may hold; also written image=4, as older vLLM had it"
    )
    quantization: str | None = Field(default=None, description="awq, gptq, fp8, …; left out: as the weights are saved")
    host: str = Field(
        default="127.0.0.1", exclude=True, description="address to listen at; this machine only unless set"
    )
    port: int = Field(default=0, ge=0, le=65_535, exclude=True, description="port to listen at; 0 chooses a free one")
    served_model_name: str | None = Field(
        default=None, exclude=True, description="the model's name in requests; left out: as `model`"
    )
    cpu: bool = Field(default=False, exclude=True, description="run on the CPU; GPUs are not looked for")
    extra: list[str] = Field(default_factory=list, description="further arguments of the command")
    env: dict[str, str] = Field(
        default_factory=dict, exclude=True, description="environment variables of the server; never written to a file"
    )
    startup_timeout_s: float = Field(
        default=1800.0,
        gt=0,
        exclude=True,
        description="seconds to wait until the first answer; weights load for minutes",
    )
    restarts: int = Field(
        default=2,
        ge=0,
        exclude=True,
        description="how often a server that died or hangs is started again in one session",
    )
    grace_s: float = Field(
        default=10.0, ge=0, exclude=True, description="seconds between asking the server to end and killing it"
    )

    @property
    def gpus(self) -> int:
        """GPUs that the server takes."""
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel

    @field_validator("limit_images", mode="before")
    @classmethod
    def _old_and_new_limit(cls, value: Any) -> Any:
        """``4``, ``image=4`` (vLLM 0.6) and ``{"image": 4}`` (since) mean the same."""
        if not isinstance(value, str | dict):
            return value
        if isinstance(value, str):
            old = re.fullmatch(r"\s*image\s*=\s*(\d+)\s*", value)
            if old:
                return int(old.group(1))
            if value.strip().isdigit():
                return int(value)
            try:
                value = json.loads(value)
            except ValueError:
                value = None
        if isinstance(value, dict) and set(value) == {"image"}:
            return value["image"]
        raise ValueError("write a number such as 4, or image=4")

    @field_validator("uv", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value

    @field_validator("extra", "env", mode="before")
    @classmethod
    def _numbers_as_text(cls, value: Any) -> Any:
        """YAML reads 8 and 0.5 as numbers; on a command line they are text."""
        if isinstance(value, list):
            return [_as_text(item) for item in value]
        if isinstance(value, dict):
            return {name: _as_text(item) for name, item in value.items()}
        return value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
