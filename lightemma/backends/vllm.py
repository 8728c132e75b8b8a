"""Models behind a vLLM server that the harness starts."""

from __future__ import annotations

from typing import ClassVar

from lightemma.backends import own_facts
from lightemma.backends.facts import Facts
from lightemma.backends.served import ServedBackend


class VllmBackend(ServedBackend):
    """A model on a vLLM server; see ``ServedBackend``."""

    facts: ClassVar[Facts] = own_facts.VLLM
