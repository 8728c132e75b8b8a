"""OpenAI's own models, through chat completions or responses, one by one or in batches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from lightemma.backends import own_facts
from lightemma.backends.base import BatchStatus, CallError, Completion, Request, batch_label, refuse_regex
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.http.errors import BATCH_TIMEOUT_S
from lightemma.backends.http.hosted import SdkBackend, whole_line
from lightemma.backends.http.openai_wire import (
    Detail,
    Shown,
    chat_messages,
    data_url,
    read_chat,
    read_response,
    responses_input,
    strict_schema,
    written_url,
)
from lightemma.backends.http.sdk_calls import direct_client, posted
from lightemma.errors import UserError
from lightemma.provider_errors import is_error, kind_of, sentence_of

if TYPE_CHECKING:
    import openai

_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})

#: Name of the label that a batch is found by, and how many pages of batches are looked through.
_LABEL = "lightemma"
_PAGES = 5


class _Id(BaseModel):
    id: str


class _Listed(_Id):
    metadata: dict[str, Any] | None = None


class _Page(BaseModel):
    data: list[_Listed] = []
    has_more: bool = False


class _Counts(BaseModel):
    total: int = 0
    completed: int = 0
    failed: int = 0


class _BatchErrors(BaseModel):
    data: list[dict[str, Any]] | None = None


class _Batch(BaseModel):
    """The parts of a batch that are read."""

    status: str
    request_counts: _Counts | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: _BatchErrors | None = None


class _LineResponse(BaseModel):
    status_code: int
    body: Any = None


class _Line(BaseModel):
    """One line of a batch's output or error file."""

    custom_id: str
    response: _LineResponse | None = None
    error: dict[str, Any] | None = None


class OpenAIBackend(SdkBackend):
    """A model of OpenAI's, through the ``openai`` package; see ``HostedBackend``.

    Attributes:
        max_batch_requests: most requests that the provider accepts in one batch.
        max_batch_bytes: most bytes of requests that it accepts in one batch.

    Raises:
        UserError: if the ``openai`` package or the key is missing, or the settings contradict each other.
    """

    facts: ClassVar[Facts] = own_facts.OPENAI
    sdk_module: ClassVar[str] = "openai"
    max_batch_requests: ClassVar[int] = 50_000
    max_batch_bytes: ClassVar[int] = 200_000_000
    finds_batches: ClassVar[bool] = True

    class Options(SdkBackend.Options):
        """How OpenAI's models are asked."""

        api: Literal["chat", "responses"] = Field(default="chat", description="which of the two interfaces to use")
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = Field(
            default=None, description="how long a reasoning model thinks; such models need temperature: null"
        )
        verbosity: Literal["low", "medium", "high"] | None = Field(
            default=None, description="how long the answers are, for models that have this setting"
        )
        image_detail: Detail | None = Field(default=None, description="resolution at which the model reads pictures")
        several_answers: bool = Field(
            default=True,
            exclude=True,
            description="ask for several samples in one call (`n`); some models refuse it",
        )

    options: Options

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        if self.options.api == "responses" and config.seed is not None:
            raise UserError(
                f"Model '{config.name}': OpenAI's responses interface takes no seed; remove it, or set api: chat."
            )
        key = self._connect()
        self._client: openai.AsyncOpenAI = self._sdk.AsyncOpenAI(
            base_url=config.base_url or self.facts.address,
            api_key=key,
            max_retries=0,
            timeout=config.limits.timeout_s,
            http_client=direct_client(self._sdk, config.limits.timeout_s),
        )

    async def generate(self, request: Request) -> Completion:
        """Ask the model once.

        Raises:
            CallError: if no answer came, for any reason.
            ValueError: if the request holds a picture part without a picture.
        """
        path, turns = ("/responses", "input") if self._responses else ("/chat/completions", "messages")
        call = posted(self._client, path, self._body(request, written_url) | self.options.extra_body, turns)
        return self._completion(await self._ask(call))

    async def submit_batch(self, requests: Mapping[str, Request]) -> str:
        """Upload the requests as a file and start a batch over it.

        Raises:
            CallError: if OpenAI does not accept it.
            ValueError: if a request holds a picture part without a picture.
        """
        endpoint = "/v1/responses" if self._responses else "/v1/chat/completions"
        lines = (
            {
                "custom_id": key,
                "method": "POST",
                "url": endpoint,
                "body": self._body(request) | self.options.extra_body,
            }
            for key, request in requests.items()
        )
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        files, batches = self._batch_client.files, self._batch_client.batches
        upload = files.with_raw_response.create(file=("requests.jsonl", content), purpose="batch")
        file_id = await self._batch_step(upload, _Id, self._failures)
        start = batches.with_raw_response.create(
            input_file_id=file_id.id,
            endpoint=endpoint,  # type: ignore[arg-type]
            completion_window="24h",
            metadata={_LABEL: batch_label(requests)},
        )
        return (await self._batch_step(start, _Id, self._failures)).id

    async def find_batch(self, label: str) -> str | None:
        """The id of a batch that was submitted under a label, among the latest few hundred.

        Raises:
            CallError: if OpenAI cannot say.
        """
        after: dict[str, Any] = {}
        for _ in range(_PAGES):
            call = self._batch_client.batches.with_raw_response.list(limit=100, **after)
            page = await self._batch_step(call, _Page, self._batch_failures)
            for batch in page.data:
                if (batch.metadata or {}).get(_LABEL) == label:
                    return batch.id
            if not page.has_more or not page.data:
                return None
            after = {"after": page.data[-1].id}
        return None

    async def batch_status(self, batch_id: str) -> BatchStatus:
        """How far a batch is.

        Raises:
            CallError: if OpenAI cannot say.
        """
        batch = await self._batch(batch_id)
        counts = batch.request_counts or _Counts()
        return BatchStatus(batch.status in _ENDED, counts.completed + counts.failed, counts.total, batch.status)

    async def fetch_batch(self, batch_id: str) -> dict[str, Completion | CallError]:
        """The results of a finished batch, by key.

        Raises:
            CallError: if OpenAI cannot say, or refused the batch as a whole.
        """
        batch = await self._batch(batch_id)
        failures = self._batch_failures
        if batch.status == "failed":
            raise self._refused_batch(batch)
        results: dict[str, Completion | CallError] = {}
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id is None:
                continue
            call = self._batch_client.files.with_raw_response.content(file_id)
            content = await self._results(call, failures)
            for text in content.splitlines():
                if text.strip() and (line := whole_line(_Line, text, failures)) is not None:
                    results[line.custom_id] = self._result(line)
        return results

    @classmethod
    def answers_per_call(cls, config: ModelConfig) -> int:
        """As many as ``n`` allows in chat completions, unless switched off; one in responses, which have no such field."""
        return 1 if config.options.get("api") == "responses" else super().answers_per_call(config)

    @property
    def _responses(self) -> bool:
        return self.options.api == "responses"

    @property
    def _batch_client(self) -> openai.AsyncOpenAI:
        return self._client.with_options(timeout=BATCH_TIMEOUT_S)

    def _body(self, request: Request, url: Shown = data_url) -> dict[str, Any]:
        refuse_regex(request)
        body = self._responses_body(request, url) if self._responses else self._chat_body(request, url)
        if (temperature := request.temperature_of(self.config)) is not None:
            body["temperature"] = temperature
        return body

    def _chat_body(self, request: Request, url: Shown) -> dict[str, Any]:
        options = self.options
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": chat_messages(request.messages, options.image_detail, url),
            "max_completion_tokens": self.config.max_output_tokens,
        }
        if (seed := request.seed_of(self.config)) is not None:
            body["seed"] = seed
        if (answers := min(request.samples, self.several_answers)) > 1:
            body["n"] = answers
        if options.reasoning_effort is not None:
            body["reasoning_effort"] = options.reasoning_effort
        if options.verbosity is not None:
            body["verbosity"] = options.verbosity
        if request.response_schema is not None and options.structured_output:
            body["response_format"] = {"type": "json_schema", "json_schema": strict_schema(request)}
        return body

    def _responses_body(self, request: Request, url: Shown) -> dict[str, Any]:
        options = self.options
        body: dict[str, Any] = {
            "model": self.config.model,
            "input": responses_input(request.messages, options.image_detail, url),
            "max_output_tokens": self.config.max_output_tokens,
            "store": False,
        }
        if options.reasoning_effort is not None:
            body["reasoning"] = {"effort": options.reasoning_effort}
        text: dict[str, Any] = {}
        if options.verbosity is not None:
            text["verbosity"] = options.verbosity
        if request.response_schema is not None and options.structured_output:
            text["format"] = {"type": "json_schema"} | strict_schema(request)
        if text:
            body["text"] = text
        return body

    def _completion(self, content: object) -> Completion:
        return (read_response if self._responses else read_chat)(content, self._failures)

    async def _batch(self, batch_id: str) -> _Batch:
        call = self._batch_client.batches.with_raw_response.retrieve(batch_id)
        return await self._batch_step(call, _Batch, self._batch_failures)

    def _refused_batch(self, batch: _Batch) -> CallError:
        errors = (batch.errors and batch.errors.data) or [{}]
        reasons = "; ".join(sentence_of(error) or "no reason given" for error in errors)
        kind = kind_of(None, errors[0])
        return self._failures.error("bad_request" if kind == "invalid_response" else kind, f"batch refused: {reasons}")

    def _result(self, line: _Line) -> Completion | CallError:
        if line.response is None or is_error(line.error):
            return self._failures.reported(line.error)
        body = line.response.body
        if not 200 <= line.response.status_code < 300:
            return self._failures.status(line.response.status_code, body, str(body), {})
        return self._read(self._completion, body)
