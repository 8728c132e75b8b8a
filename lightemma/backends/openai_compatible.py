"""Models behind OpenAI's chat-completions interface, which vLLM, Ollama and most providers offer too."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError

from lightemma.backends.base import Backend, CallError, CallKind, Completion, Message, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.errors import UserError
from lightemma.records import Usage

if TYPE_CHECKING:
    import openai

#: Sent where no key is configured; local servers ignore it, the client insists on one.
_NO_KEY = "not-needed"
#: Longest piece of a provider's words that is kept: error pages and echoed pictures can be long.
_MESSAGE_LENGTH = 500

_KIND_BY_STATUS: dict[int, CallKind] = {
    401: "auth",
    403: "auth",
    404: "model_not_found",
    408: "timeout",
    429: "rate_limited",
    503: "overloaded",
    529: "overloaded",
}
#: Codes that say more than the status they come with (compared as parts of the code or type, in lower case).
_KIND_BY_CODE: dict[str, CallKind] = {
    "content_filter": "content_filter",
    "content_policy": "content_filter",
    "invalid_api_key": "auth",
    "model_not_found": "model_not_found",
}
_FINISH_REASONS: dict[str, Literal["stop", "length", "content_filter"]] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
}


class _Message(BaseModel):
    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Answer(BaseModel):
    """The parts of a chat completion that are read; servers differ in all the others."""

    choices: list[_Choice] = Field(min_length=1)
    model: str | None = None
    usage: Any = None


class _TokenDetails(BaseModel):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Tokens(BaseModel):
    prompt_tokens: int
    completion_tokens: int = 0
    total_tokens: int | None = None
    prompt_tokens_details: _TokenDetails | None = None
    completion_tokens_details: _TokenDetails | None = None


class OpenAICompatibleBackend(Backend):
    """A model on any server with ``/chat/completions``, through the ``openai`` package.

    Makes exactly one attempt per call. The key comes from the environment variable that ``api_key_env`` names and is
    never part of a message. ``limits.timeout_s`` bounds the whole call, however slowly the bytes come.

    Raises:
        UserError: if the ``openai`` package, the ``base_url`` or the key is missing or cannot be used.
    """

    class Options(Backend.Options):
        """Settings for servers that differ from each other."""

        token_limit_parameter: Literal["max_tokens", "max_completion_tokens"] = Field(
            default="max_tokens",
            description="how the server calls the longest answer; OpenAI's newer models want the second",
        )
        structured_output: bool = Field(default=True, description="pass a planner's answer schema on to the server")
        strip_thinking: bool = Field(
            default=True, description="cut a <think>…</think> block off the answer's beginning"
        )
        extra_body: dict[str, Any] = Field(
            default_factory=dict, description="further fields of the request, as they are"
        )

    options: Options

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self._address = _checked_address(config)
        self._key = _key_from_environment(config)
        try:
            import openai
        except ImportError:
            raise UserError(
                f"Model '{config.name}' needs the openai package; install it with pip install 'lightemma[openai]'."
            ) from None
        self._client: openai.AsyncOpenAI = openai.AsyncOpenAI(
            base_url=config.base_url,
            api_key=self._key or _NO_KEY,
            max_retries=0,
            timeout=config.limits.timeout_s,
        )

    async def generate(self, request: Request) -> Completion:
        """Ask the model once.

        Raises:
            CallError: if no answer came, whatever the reason.
            ValueError: if the request holds a picture part without a picture.
        """
        import openai

        parameters = self._parameters(request)
        completions = self._client.chat.completions.with_raw_response
        # Errors are raised without their cause: the cause's text has not been cleared of the key.
        try:
            # The client's own timeout starts anew with every chunk; this one covers the whole answer.
            async with asyncio.timeout(self.config.limits.timeout_s):
                response = await completions.create(**parameters)
        except (openai.APITimeoutError, TimeoutError):
            raise self._error("timeout", f"no whole answer within {self.config.limits.timeout_s:g} s") from None
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            words = f"{type(cause).__name__} {cause}".strip()
            raise self._error("connection", f"{self._address}: {words}") from None
        except openai.APIStatusError as error:
            raise self._status_error(error) from None
        except openai.OpenAIError as error:
            raise self._error("invalid_response", f"{type(error).__name__}: {error}") from None
        return self._completion(response.http_response.content)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _parameters(self, request: Request) -> dict[str, Any]:
        parameters: dict[str, Any] = {
            "model": self.config.model,
            "messages": [{"role": message.role, "content": _content(message)} for message in request.messages],
            self.options.token_limit_parameter: self.config.max_output_tokens,
        }
        if self.config.temperature is not None:
            parameters["temperature"] = self.config.temperature
        if self.config.seed is not None:
            parameters["seed"] = self.config.seed
        if request.response_schema is not None and self.options.structured_output:
            schema = {"name": "answer", "strict": True, "schema": request.response_schema}
            parameters["response_format"] = {"type": "json_schema", "json_schema": schema}
        if self.options.extra_body:
            parameters["extra_body"] = self.options.extra_body
        return parameters

    def _completion(self, body: bytes) -> Completion:
        try:
            content = json.loads(body)
        except ValueError:
            start = body[:2000].decode("utf-8", errors="replace")
            raise self._error("invalid_response", f"the answer is not JSON: {start}") from None
        if isinstance(content, dict) and content.get("error") and not content.get("choices"):
            # Routers report the failure of the server behind them under status 200.
            raise self._reported_error(content["error"])
        try:
            answer = _Answer.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise self._error("invalid_response", f"unexpected answer, {where}: {first['msg']}") from None

        choice = answer.choices[0]
        usage = _usage(answer.usage)
        if choice.finish_reason == "error":
            # OpenRouter's word for a server that failed half-way: the text is a fragment.
            raise self._error("server_error", "the server gave up half-way (finish_reason error)")
        if choice.message.refusal:
            return Completion(choice.message.refusal, usage=usage, finish_reason="refused", model=answer.model)
        text = _joined(choice.message.content)
        return Completion(
            text=_without_thinking(text) if self.options.strip_thinking else text,
            usage=usage,
            finish_reason=_FINISH_REASONS.get(choice.finish_reason or "", "other"),
            model=answer.model,
        )

    def _status_error(self, error: openai.APIStatusError) -> CallError:
        status = error.status_code
        words = f"HTTP {status}: {_words(error.body) or error.response.text or error.response.reason_phrase}"
        if status == 404:
            words += f" (asked {self._address} for model '{self.config.model}'; a base_url usually ends in /v1)"
        kind = _kind(status, error.code, error.type)
        return self._error(kind, words, _retry_after(error.response.headers))

    def _reported_error(self, error: Any) -> CallError:
        code = error.get("code") if isinstance(error, dict) else None
        kind_of_error = error.get("type") if isinstance(error, dict) else None
        status = code if isinstance(code, int) and code >= 400 else None
        return self._error(_kind(status, code, kind_of_error), f"reported under status 200: {_words(error) or error}")

    def _error(self, kind: CallKind, words: str, retry_after_s: float | None = None) -> CallError:
        if self._key:
            words = words.replace(self._key, "***")
        words = " ".join(words.split())
        if len(words) > _MESSAGE_LENGTH:
            words = words[:_MESSAGE_LENGTH] + " …"
        return CallError(kind, words, retry_after_s)


def _checked_address(config: ModelConfig) -> str:
    """The server's address as it may be shown: without user name, password and query."""
    if not config.base_url:
        raise UserError(
            f"Model '{config.name}' has no base_url; give the server's address, which usually ends in /v1, "
            "such as http://localhost:8000/v1."
        )
    try:
        parts = urlsplit(config.base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in {"http", "https"}:
        raise UserError(
            f"The base_url of model '{config.name}' is not an address; write it such as http://localhost:8000/v1."
        )
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"


def _key_from_environment(config: ModelConfig) -> str | None:
    if config.api_key_env is None:
        return None
    key = os.environ.get(config.api_key_env, "").strip()
    if not key:
        raise UserError(
            f"Model '{config.name}' needs a key in the environment variable {config.api_key_env}, which is not set or "
            f"empty; set it with export {config.api_key_env}=…, or remove api_key_env if the server wants no key."
        )
    if not all("!" <= character <= "~" for character in key):
        # Such a key cannot be a header's value, and the HTTP client's complaint would quote it.
        raise UserError(
            f"The key in the environment variable {config.api_key_env} holds blanks or characters other than ASCII; "
            "copy it again."
        )
    return key


def _content(message: Message) -> str | list[dict[str, Any]]:
    if all(isinstance(part, TextPart) for part in message.parts):
        return message.text
    return [_part(part) for part in message.parts]


def _part(part: TextPart | PicturePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if part.picture is None:
        raise ValueError("a picture part without a picture reached a model that reads pictures")
    data = base64.b64encode(part.picture.data).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:{part.picture.media_type};base64,{data}"}}


def _joined(content: str | list[dict[str, Any]] | None) -> str:
    """The answer's text; some servers give a list of parts, thinking among them."""
    if isinstance(content, list):
        texts = (part.get("text") for part in content if part.get("type") == "text")
        return "".join(text for text in texts if isinstance(text, str))
    return content or ""


def _without_thinking(text: str) -> str:
    """The answer after a leading block of thinking.

    Chat templates that open the block themselves leave only the closing tag in the answer; a block that never closes
    was cut at the token limit and leaves nothing.
    """
    thinking, closing, rest = text.partition("</think>")
    opened = thinking.lstrip().startswith("<think>")
    if closing and (opened or "<think>" not in thinking):
        return rest.lstrip()
    return "" if opened else text


def _usage(reported: Any) -> Usage | None:
    """Tokens in the harness's meaning, or None if the server did not count, or not in a way that can be read."""
    try:
        tokens = _Tokens.model_validate(reported)
    except ValidationError:
        return None
    cached = tokens.prompt_tokens_details.cached_tokens if tokens.prompt_tokens_details else None
    reasoning = tokens.completion_tokens_details.reasoning_tokens if tokens.completion_tokens_details else None
    # xAI and Gemini leave the thinking out of completion_tokens but not out of the total.
    output = max(tokens.completion_tokens, (tokens.total_tokens or 0) - tokens.prompt_tokens)
    if reasoning is None:
        reasoning = output - tokens.completion_tokens
    return Usage(input=tokens.prompt_tokens, cached_input=cached or 0, output=output, reasoning=reasoning, source="api")


def _kind(status: int | None, *codes: object) -> CallKind:
    """The call kind of an error: what its code says, else what its status says.

    Args:
        status: HTTP status, or None when the error came under status 200 without one.
        codes: the error's own code and type.
    """
    said = " ".join(str(code).lower() for code in codes if code is not None)
    if status is None or status in {400, 403, 404, 413, 422}:
        for code, kind in _KIND_BY_CODE.items():
            if code in said:
                return kind
    if status is None:
        return "invalid_response"
    return _KIND_BY_STATUS.get(status, "server_error" if status >= 500 else "bad_request")


def _words(body: object) -> str | None:
    """The sentence in an error's body, where it has one."""
    if not isinstance(body, dict):
        return None
    for name in ("message", "detail"):
        if isinstance(body.get(name), str):
            return str(body[name])
    return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``retry-after-ms`` or ``retry-after`` (seconds or an HTTP date) asks to wait."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
