"""Anthropic's models through the messages interface, one by one or in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field

from lightemma.backends import own_facts
from lightemma.backends.base import (
    BatchStatus,
    BatchUnknownYet,
    CallError,
    Completion,
    Request,
    batch_label,
    refuse_regex,
)
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.http.anthropic_wire import (
    Answer,
    Batch,
    BatchId,
    Line,
    Page,
    Result,
    thinking_settings,
    turns,
    usage_of,
)
from lightemma.backends.http.endings import Said, answered
from lightemma.backends.http.errors import BATCH_TIMEOUT_S
from lightemma.backends.http.hosted import SdkBackend, whole_line
from lightemma.backends.http.sdk_calls import direct_client
from lightemma.errors import UserError
from lightemma.provider_errors import is_error

if TYPE_CHECKING:
    import anthropic

#: How many of the latest batches are looked through for one whose id was lost: on a page, and how many pages.
_LISTED, _PAGES = 20, 5
#: A number with so many digits is no number of requests, but the chance part of a label of 0.1.
_DIGITS = 8


class AnthropicBackend(SdkBackend):
    """A model of Anthropic's, through the ``anthropic`` package; see ``HostedBackend``.

    Attributes:
        max_batch_requests: most requests that the provider accepts in one batch.
        max_batch_bytes: most bytes of requests that it accepts in one batch.

    Raises:
        UserError: if the ``anthropic`` package or the key is missing, or the settings contradict each other.
    """

    facts: ClassVar[Facts] = own_facts.ANTHROPIC
    sdk_module: ClassVar[str] = "anthropic"
    not_found_hint: ClassVar[str] = "; the base_url has no /v1 at its end"
    max_batch_requests: ClassVar[int] = 100_000
    max_batch_bytes: ClassVar[int] = 256_000_000
    finds_batches: ClassVar[bool] = True

    class Options(SdkBackend.Options):
        """How Anthropic's models are asked."""

        cache_prompt: bool = Field(
            default=False,
            description="let the provider cache a request up to its picture, for the next stages to reuse",
        )
        thinking_budget: int | Literal["adaptive", "off"] | None = Field(
            default=None,
            description="tokens for thinking before the answer (1024 or more), adaptive, or off; "
            "part of max_output_tokens, and needs temperature: null",
        )
        effort: Literal["low", "medium", "high", "xhigh", "max"] | None = Field(
            default=None, description="how much work goes into an answer, for models that have this setting"
        )

    options: Options

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self._check_settings()
        key = self._connect()
        self._labels: dict[str, str] = {}
        self._client: anthropic.AsyncAnthropic = self._sdk.AsyncAnthropic(
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
        # The temperature is sent as an extra field: the method has no argument for it any more.
        body = self._body(request)
        named = {name: body.pop(name) for name in ("model", "max_tokens", "messages")}
        call = self._client.messages.with_raw_response.create(**named, extra_body=body)
        return self._completion(await self._ask(call))

    async def submit_batch(self, requests: Mapping[str, Request]) -> str:
        """Start a batch.

        Raises:
            CallError: if Anthropic does not accept it.
            ValueError: if a request holds a picture part without a picture.
        """
        items: Any = [{"custom_id": key, "params": self._body(request)} for key, request in requests.items()]
        call = self._batches.create(requests=items)
        return (await self._batch_step(call, BatchId, self._failures)).id

    async def find_batch(self, label: str) -> str | None:
        """The id of a batch that was submitted under a label.

        Anthropic's batches have no names, so that one is known by its results' keys once it has ended. The latest
        hundred are looked at, as far as they have as many requests as the label says.

        Raises:
            CallError: if Anthropic cannot say.
            BatchUnknownYet: if it may be one that is in progress.
        """
        waiting, size = "", label.rpartition("-")[2]
        after: dict[str, Any] = {}
        for _ in range(_PAGES):
            page = await self._batch_step(self._batches.list(limit=_LISTED, **after), Page, self._batch_failures)
            for batch in page.data:
                if size.isdecimal() and len(size) < _DIGITS and batch.request_counts.total not in (0, int(size)):
                    continue
                if batch.processing_status != "ended":
                    waiting = waiting or batch.id
                elif await self._label_of(batch.id) == label:
                    return batch.id
            if not page.has_more or not page.data:
                break
            after = {"after_id": page.data[-1].id}
        if waiting:
            raise BatchUnknownYet(f"once {waiting} has ended")
        return None

    async def _label_of(self, batch_id: str) -> str:
        """What the keys of an ended batch begin with; its results are fetched once. Empty if they are no longer there."""
        if batch_id not in self._labels:
            try:
                self._labels[batch_id] = batch_label(await self.fetch_batch(batch_id))
            except CallError as error:
                if error.kind not in ("bad_request", "model_not_found"):
                    raise
                self._labels[batch_id] = ""  # results are kept for some weeks: it is an old one
        return self._labels[batch_id]

    async def batch_status(self, batch_id: str) -> BatchStatus:
        """How far a batch is.

        Raises:
            CallError: if Anthropic cannot say.
        """
        call = self._batches.retrieve(batch_id)
        batch = await self._batch_step(call, Batch, self._batch_failures)
        counts = batch.request_counts
        state = batch.processing_status
        return BatchStatus(state == "ended", counts.finished, counts.total, state)

    async def fetch_batch(self, batch_id: str) -> dict[str, Completion | CallError]:
        """The results of a finished batch, by key.

        Raises:
            CallError: if Anthropic cannot say.
        """
        failures = self._batch_failures
        # Asked for by its path: the SDK's own method sends the key to any address that the provider's answer names.
        path = f"/v1/messages/batches/{quote(batch_id, safe='')}/results"
        call = self._client.with_options(timeout=BATCH_TIMEOUT_S).get(path, cast_to=str)
        content = await self._results(call, failures)
        lines = [whole_line(Line, text, failures) for text in content.splitlines() if text.strip()]
        return {line.custom_id: self._result(line.result) for line in lines if line is not None}

    @property
    def _batches(self) -> Any:
        return self._client.with_options(timeout=BATCH_TIMEOUT_S).messages.batches.with_raw_response

    def _check_settings(self) -> None:
        config, budget = self.config, self.options.thinking_budget
        if config.seed is not None:
            raise UserError(f"Model '{config.name}': Anthropic's models take no seed; remove it.")
        if isinstance(budget, int) and not 1024 <= budget < config.max_output_tokens:
            raise UserError(
                f"Model '{config.name}': thinking_budget is {budget}, but must be 1024 or more and less than "
                f"max_output_tokens ({config.max_output_tokens}), which it is a part of."
            )
        if budget not in (None, "off") and config.temperature is not None:
            raise UserError(f"Model '{config.name}': thinking needs the provider's temperature; set temperature: null.")

    def _body(self, request: Request) -> dict[str, Any]:
        """The request's JSON body."""
        refuse_regex(request)
        config, options = self.config, self.options
        body: dict[str, Any] = {
            "model": config.model,
            "max_tokens": config.max_output_tokens,
            "messages": turns(request, options.cache_prompt),
        }
        system = "\n\n".join(message.text for message in request.messages if message.role == "system")
        if system:
            body["system"] = system
        if (temperature := request.temperature_of(config)) is not None:
            body["temperature"] = temperature
        thinking = thinking_settings(options.thinking_budget)
        if thinking is not None:
            body["thinking"] = thinking
        output: dict[str, Any] = {}
        if options.effort is not None:
            output["effort"] = options.effort
        if request.response_schema is not None and options.structured_output:
            output["format"] = {"type": "json_schema", "schema": _known_schema(request.response_schema)}
        if output:
            body["output_config"] = output
        return body | options.extra_body

    def _completion(self, content: object) -> Completion:
        if isinstance(content, dict) and (content.get("type") == "error" or is_error(content.get("error"))):
            raise self._failures.reported(content)
        answer = self._failures.checked(Answer, content)
        thoughts = [block for block in answer.content if "thinking" in block.type]
        said = Said(
            text="".join(block.text or "" for block in answer.content if block.type == "text"),
            reason=answer.stop_reason,
            reasoning="\n\n".join(block.thinking for block in thoughts if block.thinking),
            thought=bool(thoughts),
            usage=usage_of(answer.usage),
            model=answer.model,
        )
        return answered(said, self._failures)

    def _result(self, result: Result) -> Completion | CallError:
        if is_error(result.error):
            return self._failures.reported(result.error)
        if result.type == "succeeded":
            return self._read(self._completion, result.message)
        if result.type == "errored":
            return self._failures.reported(result.error)
        if result.type == "expired":
            return self._failures.error("timeout", "the batch expired before this request was answered")
        return self._failures.error("server_error", f"the request was not answered ({result.type})")


def _known_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema; what Anthropic's models cannot enforce (such as numbers of items) becomes a description."""
    import anthropic

    return anthropic.transform_schema(schema)
