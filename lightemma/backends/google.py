"""Google's Gemini models through generateContent, one by one or in batches."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from lightemma.backends import own_facts
from lightemma.backends.base import (
    BatchStatus,
    CallError,
    Completion,
    Request,
    batch_label,
    refuse_regex,
    several,
)
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.http.endings import Said, answered
from lightemma.backends.http.errors import BATCH_TIMEOUT_S
from lightemma.backends.http.google_wire import (
    ENDED,
    Answer,
    Candidate,
    Item,
    Job,
    Page,
    contents,
    inlined,
    is_blocked,
    state_of,
    usage_of,
)
from lightemma.backends.http.hosted import HostedBackend, whole_entry
from lightemma.backends.http.sdk_calls import attempt, client_settings
from lightemma.errors import UserError
from lightemma.failures import CallKind
from lightemma.provider_errors import is_error
from lightemma.run_folder.records import Usage

if TYPE_CHECKING:
    from google import genai
    from google.genai import types

#: Failures of single batch answers have gRPC codes instead of HTTP statuses.
_KIND_BY_GRPC_CODE: dict[int, CallKind] = {
    3: "bad_request",
    4: "timeout",
    5: "model_not_found",
    7: "auth",
    8: "rate_limited",
    13: "server_error",
    14: "overloaded",
    16: "auth",
}


class GoogleBackend(HostedBackend):
    """A Gemini model, through the ``google-genai`` package; see ``HostedBackend``.

    Attributes:
        max_batch_requests: most requests to send in one batch.
        max_batch_bytes: most bytes of requests that the provider accepts in one batch, pictures included.

    Raises:
        UserError: if the ``google-genai`` package or the key is missing, or the settings contradict each other.
    """

    facts: ClassVar[Facts] = own_facts.GOOGLE
    sdk_module: ClassVar[str] = "google.genai"
    not_found_hint: ClassVar[str] = "; the base_url has no version at its end"
    max_batch_requests: ClassVar[int] = 10_000
    max_batch_bytes: ClassVar[int] = 20_000_000
    finds_batches: ClassVar[bool] = True

    class Options(HostedBackend.Options):
        """How Gemini models are asked."""

        thinking_budget: int | None = Field(
            default=None,
            ge=-1,
            description="tokens for thinking before the answer; 0 is none, -1 lets the model decide",
        )
        thinking_level: Literal["minimal", "low", "medium", "high"] | None = Field(
            default=None, description="how long models without a thinking budget think"
        )
        media_resolution: Literal["low", "medium", "high"] | None = Field(
            default=None, description="resolution at which the model reads pictures"
        )
        several_answers: bool = Field(
            default=True,
            exclude=True,
            description="ask for several samples in one call (`candidateCount`); some models refuse it",
        )

    options: Options

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        if self.options.thinking_budget is not None and self.options.thinking_level is not None:
            raise UserError(f"Model '{config.name}': give thinking_budget or thinking_level, not both.")
        key = self._connect()
        types = self._sdk.types
        # The package would choose between three clients, each of which fails in its own way; with this one it uses this one.
        httpx2: Any = import_module("httpx2")
        self._http: Any = httpx2.AsyncClient(
            timeout=None,
            limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=100),
            **client_settings(),
        )
        # The client closes itself when it is no longer referenced. The number of attempts must be set to 1: otherwise
        # some broken connections are tried again after seconds.
        self._client: genai.Client = self._sdk.Client(
            vertexai=False,
            api_key=key,
            http_options=types.HttpOptions(
                base_url=config.base_url or self.facts.address,
                retry_options=types.HttpRetryOptions(attempts=1),
                client_args={"follow_redirects": False},
                httpx_async_client=self._http,
            ),
        )

    async def generate(self, request: Request) -> Completion:
        """Ask the model once.

        Raises:
            CallError: if no answer came, for any reason.
            ValueError: if the request holds a picture part without a picture.
        """
        from google.genai import types

        config = self._settings(request)
        config.automatic_function_calling = types.AutomaticFunctionCallingConfig(disable=True)
        # The answer is read as plain JSON: the package's own classes fail in many ways on an unexpected one.
        config.should_return_http_response = True
        call = self._client.aio.models.generate_content(
            model=self.config.model, contents=contents(request), config=config
        )
        body = await attempt(call, self.config.limits.timeout_s, self._failures)
        return self._completion(self._failures.json(body))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aio.aclose()
        self._client.close()
        await self._http.aclose()

    async def submit_batch(self, requests: Mapping[str, Request]) -> str:
        """Start a batch.

        Raises:
            CallError: if Google does not accept it.
            ValueError: if a request holds a picture part without a picture.
        """
        from google.genai import types

        source: Any = [
            types.InlinedRequest(contents=contents(request), config=self._settings(request), metadata={"key": key})
            for key, request in requests.items()
        ]
        # The status of a batch does not give its size, so the name does.
        named = types.CreateBatchJobConfig(display_name=f"{batch_label(requests)} {len(requests)}")
        call = self._client.aio.batches.create(model=self.config.model, src=source, config=named)
        body = await attempt(call, BATCH_TIMEOUT_S, self._failures)
        return self._failures.checked(Job, self._failures.json(body)).name

    async def find_batch(self, label: str) -> str | None:
        """The id of a batch that was submitted under a label, among the latest hundred.

        Raises:
            CallError: if Google cannot say.
        """
        call = self._client.aio.batches.list(config={"page_size": 100})
        failures = self._batch_failures
        page = failures.checked(Page, failures.json(await self._results(call, failures), bounded=False))
        named = [job.name for job in page.operations if (job.metadata.display_name or "").rpartition(" ")[0] == label]
        return named[0] if named else None

    async def batch_status(self, batch_id: str) -> BatchStatus:
        """How far a batch is; Google does not say how many of its requests were answered so far.

        Raises:
            CallError: if Google cannot say.
        """
        job = await self._job(batch_id)
        state = state_of(job)
        done = state in ENDED
        size = (job.metadata.display_name or "").rpartition(" ")[2]
        total = int(size) if size.isdecimal() and len(size) < 10 else 0
        return BatchStatus(done, total if done else 0, total, state)

    async def fetch_batch(self, batch_id: str) -> dict[str, Completion | CallError]:
        """The results of a finished batch, by key.

        Raises:
            CallError: if Google cannot say, or refused the batch as a whole.
        """
        job = await self._job(batch_id)
        given = inlined(job.metadata.output)
        if not given and state_of(job) == "FAILED":
            raise self._failures.error("bad_request", "the batch failed as a whole, without a reason")
        items = [whole_entry(Item, one, self._batch_failures) for one in given]
        return {item.metadata.key: self._result(item) for item in items if item is not None}

    def _settings(self, request: Request) -> types.GenerateContentConfig:
        from google.genai import types

        refuse_regex(request)
        config, options = self.config, self.options
        settings: dict[str, Any] = {
            "max_output_tokens": config.max_output_tokens,
            "temperature": request.temperature_of(config),
            "seed": request.seed_of(config),
        }
        if (answers := min(request.samples, self.several_answers)) > 1:
            settings["candidate_count"] = answers
        system = "\n\n".join(message.text for message in request.messages if message.role == "system")
        if system:
            settings["system_instruction"] = system
        if options.thinking_budget is not None:
            settings["thinking_config"] = {"thinking_budget": options.thinking_budget}
        if options.thinking_level is not None:
            settings["thinking_config"] = {"thinking_level": options.thinking_level.upper()}
        if options.media_resolution is not None:
            settings["media_resolution"] = f"MEDIA_RESOLUTION_{options.media_resolution.upper()}"
        if request.response_schema is not None and options.structured_output:
            settings["response_mime_type"] = "application/json"
            settings["response_json_schema"] = request.response_schema
        return types.GenerateContentConfig.model_validate(settings)

    def _completion(self, content: object) -> Completion:
        if isinstance(content, dict) and is_error(content.get("error")):
            raise self._failures.reported(content["error"])
        answer = self._failures.checked(Answer, content)
        usage = usage_of(answer.usage_metadata)
        if answer.prompt_feedback and is_blocked(answer.prompt_feedback.block_reason):
            return Completion("", usage=usage, finish_reason="content_filter", model=answer.model_version)
        if not answer.candidates:
            raise self._failures.error("invalid_response", "unexpected answer: no candidates")
        candidates = answer.candidates
        return several(
            [
                partial(self._candidate, one, usage if not number else None, answer)
                for number, one in enumerate(candidates)
            ]
        )

    def _candidate(self, candidate: Candidate, usage: Usage | None, answer: Answer) -> Completion:
        if is_error(candidate.error):
            raise self._failures.reported(candidate.error)
        parts = (candidate.content.parts if candidate.content else None) or []
        thoughts = [part for part in parts if part.thought]
        said = Said(
            text="".join(part.text or "" for part in parts if not part.thought),
            reason=candidate.finish_reason,
            reasoning="".join(part.text or "" for part in thoughts),
            thought=bool(thoughts),
            usage=usage,
            model=answer.model_version,
        )
        return answered(said, self._failures)

    async def _job(self, batch_id: str) -> Job:
        failures = self._batch_failures
        body = await self._results(self._client.aio.batches.get(name=batch_id), failures)
        return failures.checked(Job, failures.json(body, bounded=False))

    def _result(self, item: Item) -> Completion | CallError:
        if item.response is None or item.error is not None:
            code = item.error.code if item.error else None
            message = (item.error.message if item.error else None) or "the batch has no answer"
            if code is not None and code in _KIND_BY_GRPC_CODE:
                return self._failures.error(_KIND_BY_GRPC_CODE[code], message)
            return self._failures.reported({"code": code, "message": message})
        return self._read(self._completion, item.response)
