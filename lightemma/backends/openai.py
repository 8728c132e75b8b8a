"""OpenAI's own models, through chat completions or responses, one by one or in batches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, Field

from lightemma.backends.base import (
    BatchBackend,
    BatchStatus,
    CallError,
    Completion,
    Constraint,
    Request,
    refuse_regex,
)
from lightemma.backends.config import ModelConfig
from lightemma.backends.http.errors import (
    BATCH_TIMEOUT_S,
    Failures,
    checked_address,
    hosted_key,
    kind_of,
    missing_package,
    sentence_of,
)
from lightemma.backends.http.openai_wire import (
    Detail,
    chat_messages,
    read_chat,
    read_response,
    responses_input,
    strict_schema,
)
from lightemma.backends.http.sdk_calls import attempt
from lightemma.errors import UserError

if TYPE_CHECKING:
    import openai

_ADDRESS = "https://api.openai.com/v1"
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_Shape = TypeVar("_Shape", bound=BaseModel)


class _Id(BaseModel):
    id: str


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


class OpenAIBackend(BatchBackend):
    """A model of OpenAI's, through the ``openai`` package.

    Makes exactly one attempt per call. The key comes from ``api_key_env`` (``OPENAI_API_KEY`` if left out) and is never
    part of a message. ``limits.timeout_s`` bounds the whole call.

    Attributes:
        max_batch_requests: most requests that the provider takes in one batch.
        max_batch_bytes: most bytes of requests that it takes in one batch.

    Raises:
        UserError: if the ``openai`` package or the key is missing, or the settings contradict each other.
    """

    max_batch_requests: ClassVar[int] = 50_000
    max_batch_bytes: ClassVar[int] = 200_000_000
    takes_urls: ClassVar[bool] = True

    class Options(BatchBackend.Options):
        """How OpenAI's models are asked."""

        api: Literal["chat", "responses"] = Field(default="chat", description="which of the two interfaces to ask")
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = Field(
            default=None, description="how long a reasoning model thinks; such models want temperature: null"
        )
        verbosity: Literal["low", "medium", "high"] | None = Field(
            default=None, description="how long the answers are, for models that take it"
        )
        image_detail: Detail | None = Field(default=None, description="how closely pictures are looked at")
        structured_output: bool = Field(default=True, description="pass a planner's answer schema on to the model")
        extra_body: dict[str, Any] = Field(
            default_factory=dict, description="further fields of the request, as they are"
        )

    options: Options

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        if self.options.api == "responses" and config.seed is not None:
            raise UserError(
                f"Model '{config.name}': OpenAI's responses interface takes no seed; remove it, or set api: chat."
            )
        address = checked_address(config, _ADDRESS)
        self.config, key = hosted_key(config, "OPENAI_API_KEY", "on OpenAI's platform pages, under API keys,")
        try:
            import openai
        except ImportError:
            raise missing_package(config, "openai", "openai") from None
        self._failures = Failures(address, config.model, key)
        self._client: openai.AsyncOpenAI = openai.AsyncOpenAI(
            base_url=config.base_url or _ADDRESS, api_key=key, max_retries=0, timeout=config.limits.timeout_s
        )

    @property
    def constraints(self) -> frozenset[Constraint]:
        """JSON schemas, unless the options keep them from the model."""
        return frozenset({"json"}) if self.options.structured_output else frozenset()

    async def generate(self, request: Request) -> Completion:
        """Ask the model once.

        Raises:
            CallError: if no answer came, whatever the reason.
            ValueError: if the request holds a picture part without a picture.
        """
        import openai

        body = self._body(request)
        if self.options.extra_body:
            body["extra_body"] = self.options.extra_body
        resource: Any = self._client.responses if self._responses else self._client.chat.completions
        call = resource.with_raw_response.create(**body)
        answer = await attempt(openai, call, self.config.limits.timeout_s, self._failures)
        return self._completion(self._failures.json(answer))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def submit_batch(self, requests: Mapping[str, Request]) -> str:
        """Upload the requests as a file and start a batch over it.

        Raises:
            CallError: if OpenAI does not take it.
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
        )
        return (await self._batch_step(start, _Id, self._failures)).id

    async def batch_status(self, batch_id: str) -> BatchStatus:
        """How far a batch is.

        Raises:
            CallError: if OpenAI cannot say.
        """
        batch = await self._batch(batch_id)
        counts = batch.request_counts or _Counts()
        return BatchStatus(batch.status in _ENDED, counts.completed + counts.failed, counts.total, batch.status)

    async def fetch_batch(self, batch_id: str) -> dict[str, Completion | CallError]:
        """What came of a finished batch, by key.

        Raises:
            CallError: if OpenAI cannot say, or refused the batch as a whole.
        """
        import openai

        batch = await self._batch(batch_id)
        failures = replace(self._failures, not_found="bad_request")
        if batch.status == "failed":
            raise self._refused_batch(batch)
        results: dict[str, Completion | CallError] = {}
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id is None:
                continue
            call = self._batch_client.files.with_raw_response.content(file_id)
            content = await attempt(openai, call, BATCH_TIMEOUT_S, failures)
            for text in content.splitlines():
                if text.strip():
                    line = failures.checked(_Line, failures.json(text))
                    results[line.custom_id] = self._result(line)
        return results

    @property
    def _responses(self) -> bool:
        return self.options.api == "responses"

    @property
    def _batch_client(self) -> openai.AsyncOpenAI:
        return self._client.with_options(timeout=BATCH_TIMEOUT_S)

    def _body(self, request: Request) -> dict[str, Any]:
        refuse_regex(request)
        body = self._responses_body(request) if self._responses else self._chat_body(request)
        if self.config.temperature is not None:
            body["temperature"] = self.config.temperature
        return body

    def _chat_body(self, request: Request) -> dict[str, Any]:
        options = self.options
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": chat_messages(request.messages, options.image_detail),
            "max_completion_tokens": self.config.max_output_tokens,
        }
        if self.config.seed is not None:
            body["seed"] = self.config.seed
        if options.reasoning_effort is not None:
            body["reasoning_effort"] = options.reasoning_effort
        if options.verbosity is not None:
            body["verbosity"] = options.verbosity
        if request.response_schema is not None and options.structured_output:
            body["response_format"] = {"type": "json_schema", "json_schema": strict_schema(request)}
        return body

    def _responses_body(self, request: Request) -> dict[str, Any]:
        options = self.options
        body: dict[str, Any] = {
            "model": self.config.model,
            "input": responses_input(request.messages, options.image_detail),
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
        return await self._batch_step(call, _Batch, replace(self._failures, not_found="bad_request"))

    async def _batch_step(self, call: Any, shape: type[_Shape], failures: Failures) -> _Shape:
        import openai

        return failures.checked(shape, failures.json(await attempt(openai, call, BATCH_TIMEOUT_S, failures)))

    def _refused_batch(self, batch: _Batch) -> CallError:
        errors = (batch.errors and batch.errors.data) or [{}]
        words = "; ".join(sentence_of(error) or "no reason given" for error in errors)
        kind = kind_of(None, errors[0])
        return self._failures.error("bad_request" if kind == "invalid_response" else kind, f"batch refused: {words}")

    def _result(self, line: _Line) -> Completion | CallError:
        if line.response is None:
            return self._failures.reported(line.error)
        body = line.response.body
        if line.response.status_code != 200:
            return self._failures.status(line.response.status_code, body, str(body), {})
        try:
            return self._completion(body)
        except CallError as error:
            return error
