"""The contract between the harness and a model. Adding a model means subclassing ``Backend`` and writing ``generate``."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.config_files import reason_of
from lightemma.errors import UserError
from lightemma.failures import CallKind
from lightemma.frame import Picture
from lightemma.outside_text import cleaned
from lightemma.redaction import starred, without_pictures
from lightemma.run_folder.manifest import distributions_of
from lightemma.run_folder.records import MAIN, Stage, Usage

if TYPE_CHECKING:
    from lightemma.serving.pool import ServerPool

#: Longest message of a failed call; a record is written with it.
_LONGEST_MESSAGE = 10_000
#: How kinds are written; recordings may hold kinds of other programs.
_KIND = re.compile(r"[a-z0-9_]{1,60}")

#: What an answer can be made to follow: a JSON schema, or a regular expression.
Constraint = Literal["json", "regex"]
#: How an answer ended: complete, cut at the token limit, refused, filtered.
FinishReason = Literal["stop", "length", "refused", "content_filter", "other"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text in a message."""

    text: str


@dataclass(frozen=True, slots=True)
class PicturePart:
    """A picture in a message; None means that the backend reads no pictures, so none was loaded."""

    picture: Picture | None


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: who speaks, and the parts in order."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[TextPart | PicturePart, ...]

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


@dataclass(frozen=True, slots=True)
class Request:
    """One call to a model.

    Attributes:
        messages: the conversation; the last turn is the user's.
        sample_token: the frame the call belongs to; the harness fills it in.
        stage: a name for the call, which several calls of a frame may have.
        response_schema: JSON schema that the answer must follow, where the backend can enforce it.
        response_regex: regular expression that the whole answer must match; a backend that cannot enforce it refuses the
            call.
        place: how many calls of the frame were made before this one; the harness fills it in.
        samples: how many answers are wanted. A backend gives as many of them as one call of its provider brings, and one at
            least.
        sample: how many answers to these messages were asked for before: the same words with another number are another
            call, with an answer of its own.
        temperature: of this call, in place of the model's own; None leaves that.
    """

    messages: tuple[Message, ...]
    sample_token: str
    stage: Stage
    response_schema: dict[str, Any] | None = None
    response_regex: str | None = None
    place: int = 0
    samples: int = 1
    sample: int = 0
    temperature: float | None = None

    def temperature_of(self, config: ModelConfig) -> float | None:
        """The temperature of the call to a model; None leaves the provider's default."""
        return config.temperature if self.temperature is None else self.temperature

    def seed_of(self, config: ModelConfig) -> int | None:
        """The seed of the call to a model: answers to the same words are drawn by seeds one after the other."""
        return None if config.seed is None else config.seed + self.sample


@dataclass(frozen=True, slots=True)
class FurtherAnswer:
    """One more answer that the same call brought.

    Attributes:
        text: the answer without any thinking.
        finish_reason: as of a ``Completion``.
        failure: why it is no answer, as a call kind, where the others of its call are.
        reasoning: as of a ``Completion``.
    """

    text: str
    finish_reason: FinishReason = "stop"
    failure: CallKind | None = None
    reasoning: str = ""

    def __post_init__(self) -> None:
        """Stars keys."""
        for name in ("text", "reasoning"):
            value = getattr(self, name)
            if isinstance(value, str) and (safe := starred(value)) != value:
                object.__setattr__(self, name, safe)


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer.

    Attributes:
        text: the answer without any thinking.
        usage: tokens of all answers, or None if they were not counted.
        finish_reason: ``stop`` (complete), ``length`` (cut at the token limit), ``refused``, ``content_filter`` or ``other``.
        model: the model as the provider names the one that answered.
        latency_s: seconds, only where the backend knows better than the harness's own clock (recordings do).
        failure: a call kind, only in recordings of harnesses that stored a failure's text as if it were an answer.
        reasoning: what the model thought, where it says so; never shown to the model again and never read as an answer.
        more: the call's further answers, where several were asked for and the provider gives several.

    A key that the server sent back is starred here, so that neither a record nor the cache ever holds one.
    """

    text: str
    usage: Usage | None = None
    finish_reason: FinishReason = "stop"
    model: str | None = None
    latency_s: float | None = None
    failure: CallKind | None = None
    reasoning: str = ""
    more: tuple[FurtherAnswer, ...] = ()

    @property
    def is_answer(self) -> bool:
        """Whether the model answered, in any form: neither refused, nor stopped by a filter, nor a recorded failure."""
        return self.failure is None and self.finish_reason not in ("refused", "content_filter")

    def __post_init__(self) -> None:
        """Stars keys."""
        for name in ("text", "model", "reasoning"):
            value = getattr(self, name)
            if isinstance(value, str) and (safe := starred(value)) != value:
                object.__setattr__(self, name, safe)


class CallError(Exception):
    """A call that brought no answer.

    Args:
        kind: why, as one of the harness's kinds of failure.
        message: the provider's message; keys in it are starred, pictures and what cannot be written down left out.
        retry_after_s: how long the provider asks to wait, if it does.
    """

    def __init__(self, kind: CallKind, message: str, retry_after_s: float | None = None) -> None:
        message = cleaned(starred(without_pictures(message[:_LONGEST_MESSAGE])))
        super().__init__(message)
        self.kind: CallKind = kind if isinstance(kind, str) and _KIND.fullmatch(kind) else "backend_error"
        self.message = message
        self.retry_after_s = None
        # Of servers and plug-ins, and counted with: what is no number of seconds asks for nothing.
        if isinstance(retry_after_s, int | float) and math.isfinite(retry_after_s) and retry_after_s >= 0:
            self.retry_after_s = retry_after_s


def several(answers: Sequence[Callable[[], Completion]]) -> Completion:
    """The answers that one call brought, as one completion.

    Args:
        answers: make each of them; the first is the call's own.

    Raises:
        CallError: if the first is none. A later one that is none is a further answer with its failure.
    """
    first, more = answers[0](), list[FurtherAnswer]()
    for make in answers[1:]:
        try:
            one = make()
        except CallError as error:
            more.append(FurtherAnswer("", failure=error.kind))
            continue
        more.append(FurtherAnswer(one.text, one.finish_reason, one.failure, one.reasoning))
    return replace(first, more=tuple(more))


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of one call: exactly one of an answer or a failure.

    Attributes:
        completion: the answer, or None if the call failed.
        failure: the call kind, or None if there is an answer.
        error: the provider's message when it failed.
        latency_s: seconds.
        attempts: how many attempts were made.
        cached: whether the answer came from the response cache.
        role: which of the planner's models was asked.
        model: name of that model.
    """

    completion: Completion | None
    failure: str | None = None
    error: str | None = None
    latency_s: float | None = None
    attempts: int = 1
    cached: bool = False
    role: str = MAIN
    model: str | None = None


#: How a planner asks its model: the harness times, limits, retries and caches behind it. Never raises CallError.
Call = Callable[[Request], Awaitable[CallResult]]


class Backend(ABC):
    """A model behind one asynchronous method.

    Subclasses write ``generate``; they raise ``CallError`` for every failure, make one attempt (retries are the
    harness's), and keep no record of their own.

    Attributes:
        facts: what is known of the provider before any call; what depends on a model's settings is a property of the
            backend.
    """

    facts: ClassVar[Facts] = Facts()

    class Options(BaseModel):
        """The backend's own settings, under ``options:`` in the model's YAML."""

        model_config = ConfigDict(extra="forbid")

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        try:
            self.options = self.Options.model_validate(config.options)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "options"
            known = ", ".join(self.Options.model_fields) or "none"
            raise UserError(
                f"Model '{config.name}': option '{where}' is wrong ({reason_of(dict(first))}); {config.provider} knows: "
                f"{known}."
            ) from error

    @abstractmethod
    async def generate(self, request: Request) -> Completion:
        """Ask the model once.

        Raises:
            CallError: if no answer came, for any reason.
        """

    @property
    def reads_pictures(self) -> bool:
        """Whether the model is sent pictures."""
        return self.facts.reads_pictures

    @property
    def cacheable(self) -> bool:
        """Whether answers are worth keeping."""
        return self.facts.cacheable

    @property
    def several_answers(self) -> int:
        """The most answers that one call brings."""
        return self.answers_per_call(self.config)

    @classmethod
    def answers_per_call(cls, config: ModelConfig) -> int:
        """The most answers that one call of a model brings, by its settings alone; for estimates, which make no backend."""
        return cls.facts.several_answers

    @property
    def takes_urls(self) -> bool:
        """Whether the address of a picture is passed on, for the provider to fetch it."""
        return self.facts.takes_urls

    @property
    def implementation(self) -> type[Backend]:
        """The class that asks the model; differs from this one only where calls are passed to another backend."""
        return type(self)

    @property
    def given_config(self) -> ModelConfig:
        """The settings as they were given; another process makes the same backend from them."""
        return self.config

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions that can change the answers, including the one that a user's own class comes from."""
        return (*self.facts.packages, *self.facts.also_recorded, *distributions_of(self.implementation.__module__))

    @property
    def rate_key(self) -> str:
        """Models with the same key share the provider's limits: they use the same account or server."""
        config = self.config
        return "|".join((config.provider, config.base_url or "", config.api_key_env or ""))

    @property
    def constraints(self) -> frozenset[Constraint]:
        """What the model's answers can be made to follow; nothing, unless a subclass enforces it."""
        return frozenset()

    @property
    def in_this_process(self) -> bool:
        """Whether the model's weights are in the memory of this process, so that a run can record how much it took."""
        return False

    @property
    def gpu_count(self) -> int:
        """How many GPUs of this machine the model holds; their time is the cost of an open model."""
        return 0

    def prepare_run(self, folder: Path, servers: ServerPool) -> None:
        """Called before the first call of a run.

        Args:
            folder: of the run, for a log next to its records.
            servers: of the session, for backends that start a server; those that need the same one share it.
        """
        return None

    async def aclose(self) -> None:
        """Close connections and free the model. Called once, after the last call."""
        return None


def refuse_regex(request: Request) -> None:
    """Refuses a request whose answer must match a regular expression, for backends that cannot enforce it.

    Raises:
        CallError: ``bad_request`` if it must.
    """
    if request.response_regex is not None:
        raise CallError("bad_request", "the provider cannot make an answer match a regular expression")


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How far a batch is at the provider.

    Attributes:
        done: True once results can be fetched (also when it expired or failed: then those that are missing failed).
        finished: requests answered so far, where the provider says.
        total: requests in the batch.
        state: the provider's own name for the state.
    """

    done: bool
    finished: int
    total: int
    state: str


def batch_label(keys: Iterable[str]) -> str:
    """What the keys of a batch begin with, up to the last ``-``: its name at the provider, to be found by."""
    first = next(iter(keys), "")
    return first.rpartition("-")[0] or first


class BatchUnknownYet(Exception):  # noqa: N818 -- nothing went wrong
    """Which of a provider's batches is meant shows later, such as when those in progress have ended."""


class BatchBackend(Backend):
    """A backend whose provider also accepts many requests together and answers them within hours at a lower price.

    Attributes:
        max_batch_requests: most requests that the provider accepts in one batch.
        max_batch_bytes: most bytes of requests that it accepts in one batch, pictures included.
        finds_batches: whether ``find_batch`` can find a batch whose id was lost.
    """

    max_batch_requests: ClassVar[int] = 10_000
    max_batch_bytes: ClassVar[int] = 100_000_000
    finds_batches: ClassVar[bool] = False

    @abstractmethod
    async def submit_batch(self, requests: Mapping[str, Request]) -> str:
        """Start a batch.

        Args:
            requests: key (letters, digits, ``-`` and ``_``, at most 64) -> request.

        Returns:
            The provider's id of the batch: with it alone the batch can be fetched days later.

        Raises:
            CallError: if the provider does not accept it.
        """

    async def find_batch(self, label: str) -> str | None:
        """The id of a batch that was submitted, but whose id never arrived or was not stored.

        Args:
            label: what its keys begin with (see ``batch_label``); ends in how many there are, in labels of our own making.

        Returns:
            The id, or None if the provider has no such batch.

        Raises:
            CallError: if the provider cannot say.
            BatchUnknownYet: if it will be able to say later; it is asked again until then.
        """
        return None

    @abstractmethod
    async def batch_status(self, batch_id: str) -> BatchStatus:
        """How far a batch is.

        Raises:
            CallError: if the provider cannot say.
        """

    @abstractmethod
    async def fetch_batch(self, batch_id: str) -> dict[str, Completion | CallError]:
        """The results of a finished batch, by key; a key that is missing was not answered.

        Raises:
            CallError: if the provider cannot say.
        """
