"""Vision-language models that run in this process, through the ``transformers`` package."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import ClassVar

from lightemma.backends import own_facts
from lightemma.backends.base import Backend, CallError, Completion, Request, refuse_regex, several
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.local.batching import Answer, Batcher, BatchLimits
from lightemma.backends.local.continuous import ContinuousRunner
from lightemma.backends.local.generation import BatchRunner, BatchWork, Sampling
from lightemma.backends.local.inputs import PreparedCall
from lightemma.backends.local.loading import LoadedModel, check_packages, load_model
from lightemma.backends.local.memory import free_memory
from lightemma.backends.local.options import LocalOptions
from lightemma.backends.local.preparation import Preparation, threads
from lightemma.backends.thinking import without_thinking
from lightemma.errors import UserError
from lightemma.run_folder.records import Usage

_LOG = logging.getLogger(__name__)

#: The timeout unless the user sets one: no remote server can hang here, and loading and a long batch take minutes.
_TIMEOUT_S = 3600.0


class _Engine:
    """A loaded model with its queue."""

    def __init__(self, loaded: LoadedModel, config: ModelConfig, options: LocalOptions) -> None:
        limits = BatchLimits(
            calls=options.max_batch,
            tokens=options.max_batch_tokens,
            output_tokens=config.max_output_tokens,
            wait_s=options.max_wait_ms / 1000,
        )
        kept = options.cached_pictures if options.reuse_pictures else 0
        sampling = Sampling(config.max_output_tokens, config.seed)
        self.name = loaded.name
        self.preparation = Preparation(loaded.processor, loaded.model.config, kept, threads())
        self.runner = BatchRunner(loaded, sampling, limits, kept)
        self.continuous: ContinuousRunner | None = None
        if options.batching == "continuous":
            self.continuous = ContinuousRunner(loaded, sampling, limits, self.runner, options.reuse_prompts)
            if not self.continuous.active:
                _LOG.info("%s is answered in static batches: %s", self.name, self.continuous.reason)
                self.continuous = None
        if self.continuous:
            self.batcher = Batcher(self.continuous, limits, eager=True)
        else:
            self.batcher = Batcher(lambda tickets, more: self.runner(tickets), limits)
        self.device = str(loaded.model.device)
        self.tokenizer = getattr(loaded.processor, "tokenizer", loaded.processor)

    def close(self) -> None:
        self.batcher.close()
        work = self.runner.work
        if work:
            _LOG.info(
                "%s answered %d calls in %d batches: %.1f s of %s, %d input and %d output tokens, %.0f %% of the places used",
                self.name,
                sum(batch.calls for batch in work),
                len(work),
                sum(batch.seconds for batch in work),
                self.device,
                sum(batch.input_tokens for batch in work),
                sum(batch.output_tokens for batch in work),
                100 * used_places(work),
            )
            if self.continuous and self.continuous.readings.asked:
                readings = self.continuous.readings
                _LOG.info("%d of %d input tokens were read for an earlier stage", readings.found, readings.asked)


class TransformersBackend(Backend):
    """A model of ``AutoModelForImageTextToText``: a hub id or a local folder, answered in batches.

    Concurrent calls are gathered into batches under a token budget; the picture of a frame is prepared
    and encoded once for all its stages. Neither changes a greedy answer, except for rounding in 16-bit formats.
    Several samples of one call are rows of a batch: the call is prepared once, and each row reads the prompt.

    The model is loaded with the first call and freed by ``aclose``. Some threads prepare calls and one runs the model; any
    number of event loops may ask.

    ``Usage.input`` counts the tokens the model consumes, with pictures and without padding. For Llama-3.2-Vision, which
    reads pictures apart from the text, these are the tokens of the text and the patches of the pictures' tiles.

    Raises:
        UserError: if a package or the named folder is missing.
    """

    facts: ClassVar[Facts] = own_facts.TRANSFORMERS

    class Options(LocalOptions):
        """See ``LocalOptions``."""

    options: Options

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        check_packages(config)
        given = config.limits.model_fields_set
        defaults = {
            "timeout_s": _TIMEOUT_S,
            # Twice the batch size: while one batch is answered, the calls of the next are prepared.
            "concurrency": 2 * self.options.max_batch,
        }
        limits = config.limits.model_copy(update={name: value for name, value in defaults.items() if name not in given})
        self.config = config.model_copy(update={"limits": limits})
        self._engine: _Engine | None = None
        self._failure: UserError | None = None
        self._gpu_count = 0
        # One thread: the first call must load the model only once.
        self._loader = _one_thread()
        self._preparers = _threads()

    @property
    def work(self) -> Sequence[BatchWork]:
        """The work of each batch so far: calls, tokens, and the device's seconds."""
        return self._engine.runner.work if self._engine else ()

    @property
    def in_this_process(self) -> bool:
        """Its weights are loaded here."""
        return True

    @property
    def gpu_count(self) -> int:
        """GPUs that hold the weights; known once the model is loaded, and kept when it is freed."""
        return self._gpu_count

    async def generate(self, request: Request) -> Completion:
        """Ask the model once; the answer comes with its batch.

        Raises:
            CallError: ``bad_request`` if the processor refuses the request, ``server_error`` if the model fails on
                it or the memory is too small even for it alone, ``reasoning_only`` if the answer is nothing but thinking.
            UserError: if the model cannot be loaded.
        """
        refuse_regex(request)
        loop = asyncio.get_running_loop()
        engine = await loop.run_in_executor(self._loader, self._ready)
        started = time.perf_counter()
        with engine.batcher.expecting():
            call = await loop.run_in_executor(self._preparers, engine.preparation.encode, request)
            temperature = request.temperature_of(self.config)
            samples = range(request.sample, request.sample + min(request.samples, self.several_answers))
            limit = self.output_limit(request)
            tickets = [engine.batcher.submit(call, temperature, sample, limit) for sample in samples]
        try:
            answers = await asyncio.gather(*(asyncio.wrap_future(ticket.future) for ticket in tickets))
        except (asyncio.CancelledError, CallError):
            for ticket in tickets:
                ticket.abandon()
            raise
        # Measured here: the harness would count loading the model as latency of the first calls.
        return self._completion(engine, call, answers, time.perf_counter() - started)

    def load(self) -> LoadedModel:
        """Loads the model and its processor; called in a thread, for the first call. Subclasses may override it.

        Raises:
            UserError: if the model cannot be loaded.
        """
        return load_model(self.config, self.options)

    def output_limit(self, request: Request) -> int:
        """Tokens of the longest answer to a request, no more than ``max_output_tokens``. Subclasses may override it."""
        return self.config.max_output_tokens

    async def aclose(self) -> None:
        """Stop the threads and free the model; calls in progress fail. A later call loads it again."""
        loader, self._loader = self._loader, _one_thread()
        preparers, self._preparers = self._preparers, _threads()
        await asyncio.get_running_loop().run_in_executor(loader, self._close)
        loader.shutdown()
        preparers.shutdown(wait=False)

    def _ready(self) -> _Engine:
        if self._failure:
            raise self._failure
        if self._engine is None:
            try:
                loaded = self.load()
                self._engine = _Engine(loaded, self.config, self.options)
                self._gpu_count = len({weight.device for weight in loaded.model.parameters() if weight.is_cuda})
            except UserError as error:
                self._failure = error
                raise
        return self._engine

    def _close(self) -> None:
        engine, self._engine = self._engine, None
        if engine:
            engine.close()
            del engine
            free_memory()

    def _completion(
        self, engine: _Engine, call: PreparedCall, answers: Sequence[Answer], latency_s: float
    ) -> Completion:
        completion = several([partial(self._parted, engine, call, answer, latency_s) for answer in answers])
        thoughts = [completion.reasoning, *(one.reasoning for one in completion.more)]
        reasoning = sum(
            len(engine.tokenizer.encode(thought, add_special_tokens=False)) for thought in thoughts if thought
        )
        output = sum(answer.tokens for answer in answers)
        return replace(
            completion,
            usage=Usage(
                input=call.tokens * len(answers),
                output=output,
                reasoning=min(reasoning, output),
                source="tokenizer",
            ),
        )

    def _parted(self, engine: _Engine, call: PreparedCall, answer: Answer, latency_s: float) -> Completion:
        """One answer, its thinking apart."""
        return without_thinking(
            Completion(
                text=answer.text,
                finish_reason="stop" if answer.complete else "length",
                model=engine.name,
                latency_s=latency_s,
            ),
            begun=call.thinks,
            strip=self.options.strip_thinking,
        )


def used_places(work: Sequence[BatchWork]) -> float:
    """Share of the decoding places that wrote a token which an answer has; the rest belongs to answers that had ended."""
    return sum(batch.output_tokens for batch in work) / max(1, sum(batch.places for batch in work))


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="lightemma-load")


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads(), thread_name_prefix="lightemma-prepare")
