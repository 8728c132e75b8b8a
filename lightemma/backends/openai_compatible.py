"""Models behind OpenAI's chat-completions interface, which vLLM, Ollama and most providers offer too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from lightemma.backends import own_facts
from lightemma.backends.base import Backend, Completion, Constraint, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.http.errors import Failures, read_key, shown_address
from lightemma.backends.http.openai_wire import chat_messages, read_chat, strict_schema, written_url
from lightemma.backends.http.sdk_calls import attempt, direct_client, load_sdk, posted
from lightemma.backends.thinking import Habit
from lightemma.errors import UserError

if TYPE_CHECKING:
    import openai

#: Sent where no key is configured; local servers ignore it, but the client needs one.
_NO_KEY = "not-needed"


class OpenAICompatibleBackend(Backend):
    """A model on any server with ``/chat/completions``, through the ``openai`` package.

    Makes exactly one attempt per call. The key comes from the environment variable that ``api_key_env`` names and is
    never part of a message. ``limits.timeout_s`` limits the whole call, even if bytes keep arriving.

    Raises:
        UserError: if the ``openai`` package, the ``base_url`` or the key is missing or cannot be used.
    """

    facts: ClassVar[Facts] = own_facts.OPENAI_COMPATIBLE

    sdk_module: ClassVar[str] = "openai"

    class Options(Backend.Options):
        """Settings for what servers do differently."""

        token_limit_parameter: Literal["max_tokens", "max_completion_tokens"] = Field(
            default="max_tokens",
            description="the server's name for the longest answer; OpenAI's newer models need the second",
        )
        structured_output: bool = Field(default=True, description="send a planner's answer schema to the server")
        regex_parameter: Literal["structured_outputs", "guided_regex", "regex"] = Field(
            default="structured_outputs",
            description="the server's field for a regular expression: vLLM from 0.11 on, older vLLM, SGLang",
        )
        several_answers: bool = Field(
            default=True, description="ask for several samples in one call (`n`); some servers refuse it"
        )
        strip_thinking: bool = Field(
            default=True, description="part the answer from thinking in its text, such as <think>…</think>"
        )
        finish_reasons: dict[str, Literal["stop", "length", "refused", "content_filter"]] = Field(
            default_factory=dict, description="meanings of finish reasons that only this server uses"
        )
        extra_body: dict[str, Any] = Field(
            default_factory=dict, description="further fields of the request, sent unchanged"
        )

        @model_serializer(mode="wrap")
        def _without_later_defaults(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
            """Leaves options out where they have their defaults, so that answers cached before they existed are still found."""
            values: dict[str, Any] = serialise(self)
            later: dict[str, Any] = {
                "regex_parameter": "structured_outputs",
                "finish_reasons": {},
                "several_answers": True,
            }
            for name, default in later.items():
                if name in values and values[name] == default:
                    del values[name]
            return values

    options: Options

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        address = _checked_address(config)
        key = _key(config)
        openai: Any = load_sdk(self.sdk_module, config, self.facts)
        self._failures = Failures(address, config.model, key, hint="; a base_url usually ends in /v1")
        self._habit = Habit()
        self._client: openai.AsyncOpenAI = openai.AsyncOpenAI(
            base_url=config.base_url,
            api_key=key or _NO_KEY,
            max_retries=0,
            timeout=config.limits.timeout_s,
            http_client=direct_client(openai, config.limits.timeout_s),
        )

    @property
    def constraints(self) -> frozenset[Constraint]:
        """JSON schemas and regular expressions, unless the options switch them off."""
        return frozenset({"json", "regex"}) if self.options.structured_output else frozenset()

    async def generate(self, request: Request) -> Completion:
        """Ask the model once.

        Raises:
            CallError: if no answer came, for any reason.
            ValueError: if the request holds a picture part without a picture.
        """
        call = posted(self._client, "/chat/completions", self._body(request), "messages")
        body = await attempt(call, self.config.limits.timeout_s, self._failures)
        return read_chat(
            self._failures.json(body),
            self._failures,
            strip_thinking=self.options.strip_thinking,
            meanings=self.options.finish_reasons,
            habit=self._habit,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _body(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": chat_messages(request.messages, url=written_url),
            self.options.token_limit_parameter: self.config.max_output_tokens,
        }
        if (temperature := request.temperature_of(self.config)) is not None:
            body["temperature"] = temperature
        if (seed := request.seed_of(self.config)) is not None:
            body["seed"] = seed
        if (answers := min(request.samples, self.several_answers)) > 1:
            body["n"] = answers
        if request.response_schema is not None and self.options.structured_output:
            body["response_format"] = {"type": "json_schema", "json_schema": strict_schema(request)}
        body |= self.options.extra_body
        if request.response_regex is not None:
            body |= self._regex_fields(request.response_regex)
        return body

    def _regex_fields(self, regex: str) -> dict[str, Any]:
        name = self.options.regex_parameter
        return {name: {"regex": regex} if name == "structured_outputs" else regex}


def _checked_address(config: ModelConfig) -> str:
    if not config.base_url:
        raise UserError(
            f"Model '{config.name}' has no base_url; give the server's address, which usually ends in /v1, "
            "such as http://localhost:8000/v1."
        )
    shown = shown_address(config.base_url)
    if shown is None:
        raise UserError(
            f"The base_url of model '{config.name}' is not an address; write it such as http://localhost:8000/v1."
        )
    return shown


def _key(config: ModelConfig) -> str | None:
    if config.api_key_env is None:
        return None
    variable = config.api_key_env
    return read_key(
        config, variable, f"set it with export {variable}=…, or remove api_key_env if the server needs no key."
    )
