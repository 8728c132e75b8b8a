"""A provider in one file, as a user would write it: facts, options, single calls and batches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from lightemma.backends.base import BatchBackend, BatchStatus, CallError, Completion, PicturePart, Request
from lightemma.backends.facts import Facts
from lightemma.backends.token_rules import picture_rule
from lightemma.run_folder.records import Usage


class MadeUpBackend(BatchBackend):
    """Answers immediately."""

    facts: ClassVar[Facts] = Facts(
        title="made-up models",
        packages=("msgspec",),
        also_recorded=("pyyaml",),
        install="pip install made-up-driving",
        key_variable="MADE_UP_KEY",
        key_place="on a page that does not exist",
        holds_weights=False,
        batch_share=0.25,
        picture_tokens=picture_rule(("made-up", "one token per 1,000 pixels", lambda w, h: math.ceil(w * h / 1000))),
        characters_per_token=lambda model: 2.0 if model.startswith("made-up") else None,
    )
    batches: ClassVar[dict[str, dict[str, Request]]] = {}

    class Options(BatchBackend.Options):
        """Settings of made-up models."""

        speed: float = Field(default=5.0, ge=0, description="m/s of every answer")
        pairs: str = Field(default="(", description="with which bracket a pair begins")
        blind: bool = Field(default=False, description="answer without a picture too")
        broken: bool = Field(default=False, description="make a mistake in the last stage")

    options: Options

    async def generate(self, request: Request) -> Completion:
        """A plan that keeps one speed, or a sentence."""
        if not self.options.blind and not any(
            isinstance(part, PicturePart) and part.picture for part in request.messages[-1].parts
        ):
            raise CallError("bad_request", "no picture came with the prompt")
        text = "A road."
        if request.stage == "action":
            if self.options.broken:
                return {"a mistake": 1}["of the class"]
            close = {"(": ")", "[": "]"}[self.options.pairs]
            text = "[" + ", ".join([f"{self.options.pairs}{self.options.speed}, 0.0{close}"] * 6) + "]"
        return Completion(text, Usage(input=100, output=10), model="made-up-1")

    async def submit_batch(self, requests: Mapping[str, Request]) -> str:
        """Keeps the requests."""
        number = f"batch-{len(self.batches)}"
        self.batches[number] = dict(requests)
        return number

    async def batch_status(self, batch_id: str) -> BatchStatus:
        """Finished immediately."""
        size = len(self.batches[batch_id])
        return BatchStatus(True, size, size, "done")

    async def fetch_batch(self, batch_id: str) -> dict[str, Completion | CallError]:
        """All answers."""
        return {key: await self.generate(request) for key, request in self.batches[batch_id].items()}
