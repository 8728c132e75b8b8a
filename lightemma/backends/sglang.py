"""Models behind an SGLang server that the harness starts."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from lightemma.backends import own_facts
from lightemma.backends.facts import Facts
from lightemma.backends.served import ServedBackend
from lightemma.serving.options import EngineName


class SglangBackend(ServedBackend):
    """A model on an SGLang server; see ``ServedBackend``."""

    facts: ClassVar[Facts] = own_facts.SGLANG

    class Options(ServedBackend.Options):
        """The same as for vLLM, with another engine."""

        engine: EngineName = Field(
            default="sglang", description="program that serves: vllm, sglang, or transformers serve"
        )
