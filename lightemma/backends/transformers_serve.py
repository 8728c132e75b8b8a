"""Models behind a ``transformers serve`` server that the harness starts."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from lightemma.backends import own_facts
from lightemma.backends.facts import Facts
from lightemma.backends.served import ServedBackend
from lightemma.serving.options import EngineName


class TransformersServeBackend(ServedBackend):
    """A model on a ``transformers serve`` server; see ``ServedBackend``."""

    facts: ClassVar[Facts] = own_facts.TRANSFORMERS_SERVE

    class Options(ServedBackend.Options):
        """The same as for vLLM, with another engine that supports fewer of the options."""

        engine: EngineName = Field(
            default="transformers", description="program that serves: vllm, sglang, or transformers serve"
        )
