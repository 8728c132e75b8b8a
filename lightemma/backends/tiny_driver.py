"""The tiny driver that comes with the package: a vision-language model of 7 million parameters, run without torch."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from lightemma.backends import own_facts
from lightemma.backends.base import Backend, CallError, Completion, Request, refuse_regex
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.tiny.reading import Question, read_question
from lightemma.backends.tiny.shipped import SHIPPED
from lightemma.backends.tiny.vocabulary import VOCABULARY
from lightemma.errors import UserError
from lightemma.run_folder.records import Usage

if TYPE_CHECKING:
    from lightemma.backends.tiny.engine import TinyEngine

#: The package's own model, as ``--model`` names it.
MODEL = "tiny-driver"
#: Tokens of the longest answer: phrases and plan.
_LONGEST = 40


def can_run() -> bool:
    """Whether the package's own model can be asked here."""
    return importlib.util.find_spec("onnxruntime") is not None and (SHIPPED / "model.safetensors").is_file()


class TinyDriverBackend(Backend):
    """Answers the questions of ``single-call`` and of the three stages; to any other it says what it sees.

    What it reads of a prompt is the pictures, the motion, the command and its own earlier phrases; other words are passed over.
    It was trained on simulated drives alone and knows nothing else.

    Raises:
        UserError: if onnxruntime is missing, or the named folder holds no such model.
    """

    facts: ClassVar[Facts] = own_facts.TINY_DRIVER

    class Options(Backend.Options):
        """Settings of the engine."""

        folder: str | None = Field(
            default=None, description="folder of another tiny driver; the package's own if left out"
        )
        threads: int = Field(default=1, ge=1, description="processor threads of one call")

    options: Options

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        if importlib.util.find_spec("onnxruntime") is None:
            raise UserError(f"Model '{config.name}' needs onnxruntime; install it with {self.facts.install_command}")
        self._folder = SHIPPED if self.options.folder is None else Path(self.options.folder).expanduser()
        if not (self._folder / "model.safetensors").is_file():
            raise UserError(f"Model '{config.name}': '{self._folder}' holds no tiny driver (no model.safetensors).")
        self._engine: TinyEngine | None = None
        self._lock = threading.Lock()

    @property
    def in_this_process(self) -> bool:
        """Its weights are loaded here."""
        return True

    async def generate(self, request: Request) -> Completion:
        """Answers greedily.

        Raises:
            CallError: where the answer must match an expression, or a picture is missing.
        """
        refuse_regex(request)
        question = read_question(request)
        if question.picture is None:
            raise CallError("picture", "the tiny driver is shown no picture of the front camera")
        return await asyncio.to_thread(self._answer, request, question)

    def _answer(self, request: Request, question: Question) -> Completion:
        from lightemma.backends.tiny.pixels import pixels

        engine = self._loaded()
        shown = [one.sha256 if one is not None else "" for one in (question.picture, question.before)]
        images = engine.tokens("|".join(shown), lambda: pixels(question.picture, question.before, engine.size))
        ids = question.ids(len(images))
        said = engine.answer(images, ids, question.stops, _LONGEST)
        text = VOCABULARY.text([one for one in said if one not in question.stops])
        if request.response_schema is not None:
            text = _as_json(text, request.response_schema)
        usage = Usage(input=len(ids), output=len(said), source="tokenizer")
        return Completion(
            text, usage, "stop" if said and said[-1] in question.stops else "length", model=self.config.model
        )

    def _loaded(self) -> TinyEngine:
        with self._lock:
            if self._engine is None:
                from lightemma.backends.tiny.engine import TinyEngine  # which needs NumPy

                self._engine = TinyEngine(self._folder, self.options.threads)
            return self._engine


def _as_json(text: str, schema: dict[str, Any]) -> str:
    """An answer in the form that a schema asks for; text that holds no plan stays as it is."""
    words, _, plan = text.rpartition("\n")
    try:
        pairs = json.loads(plan.replace("(", "[").replace(")", "]"))
        actions = [{"speed": speed, "curvature": curvature} for speed, curvature in pairs]
    except (ValueError, TypeError):
        return text
    reasoned = "reasoning" in schema.get("properties", {})
    return json.dumps({**({"reasoning": words} if reasoned else {}), "actions": actions})
