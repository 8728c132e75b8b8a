"""The contract between the harness and a model. Adding a model means subclassing ``Backend`` and writing ``generate``.

What is asked is in ``request``, and what is answered in ``completion``; both are imported from here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from lightemma.backends.completion import Call, CallError, CallResult, Completion, FinishReason, FurtherAnswer, several
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.request import Message, PicturePart, Request, TextPart
from lightemma.config_files import reason_of
from lightemma.errors import UserError
from lightemma.failures import CallKind
from lightemma.run_folder.manifest import distributions_of

if TYPE_CHECKING:
    from lightemma.serving.pool import ServerPool


#: What an answer can be made to follow: a JSON schema, or a regular expression.
Constraint = Literal["json", "regex"]


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
        """The most answers that one call of a model brings, by its settings alone; for estimates, which make no backend.

        One where an option ``several_answers`` of the backend switches them off.
        """
        return 1 if config.options.get("several_answers") is False else cls.facts.several_answers

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


#: What a backend, and who asks one, needs: all of it is imported from here.
__all__ = [
    "Backend",
    "BatchBackend",
    "BatchStatus",
    "BatchUnknownYet",
    "Call",
    "CallError",
    "CallKind",
    "CallResult",
    "Completion",
    "Constraint",
    "FinishReason",
    "FurtherAnswer",
    "Message",
    "PicturePart",
    "Request",
    "TextPart",
    "batch_label",
    "refuse_regex",
    "several",
]
