"""What the backends of OpenAI, Anthropic and Google really share: key, address, package, and the steps of a batch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, Field

from lightemma.backends.base import BatchBackend, CallError, Completion, Constraint
from lightemma.backends.http.errors import BATCH_TIMEOUT_S, Failures, checked_address, hosted_key
from lightemma.backends.http.sdk_calls import attempt, load_sdk

_Shape = TypeVar("_Shape", bound=BaseModel)


class HostedBackend(BatchBackend):
    """A model of a provider that has one place, always needs a key, and takes batches.

    Makes exactly one attempt per call. The key comes from ``api_key_env`` (the provider's usual variable if left out) and is
    never part of a message. ``limits.timeout_s`` bounds the whole call.
    """

    #: Name of the provider's package in imports.
    sdk_module: ClassVar[str]
    #: What a 404 may also come from.
    not_found_hint: ClassVar[str] = ""

    class Options(BatchBackend.Options):
        """What all of them take."""

        structured_output: bool = Field(default=True, description="pass a planner's answer schema on to the model")

    options: Options

    def _connect(self) -> str:
        """Checks address, key and package, in this order; sets ``_sdk`` and ``_failures``.

        Returns:
            The key.

        Raises:
            UserError: if one of them is missing or cannot be used.
        """
        address = checked_address(self.config, self.facts.address or "")
        self.config, key = hosted_key(self.config, self.facts)
        self._sdk: Any = load_sdk(self.sdk_module, self.config, self.facts)
        self._failures = Failures(address, self.config.model, key, hint=self.not_found_hint)
        return key

    @property
    def constraints(self) -> frozenset[Constraint]:
        """JSON schemas, unless the options keep them from the model."""
        return frozenset({"json"}) if self.options.structured_output else frozenset()

    @property
    def _batch_failures(self) -> Failures:
        """Asking for a batch that is gone says nothing about the model."""
        return replace(self._failures, not_found="bad_request")

    @staticmethod
    def _read(read: Callable[[Any], Completion], content: Any) -> Completion | CallError:
        """One answer of a batch: a failure is an answer too."""
        try:
            return read(content)
        except CallError as error:
            return error


class SdkBackend(HostedBackend):
    """The same for OpenAI and Anthropic, whose packages come from one generator."""

    class Options(HostedBackend.Options):
        """What both of them take."""

        extra_body: dict[str, Any] = Field(
            default_factory=dict, description="further fields of the request, as they are"
        )

    options: Options
    _client: Any

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _ask(self, call: Awaitable[Any]) -> Any:
        """The body of an answer, read from JSON.

        Raises:
            CallError: if no answer came.
        """
        body = await attempt(self._sdk, call, self.config.limits.timeout_s, self._failures)
        return self._failures.json(body)

    async def _batch_body(self, call: Awaitable[Any], failures: Failures) -> bytes:
        return await attempt(self._sdk, call, BATCH_TIMEOUT_S, failures)

    async def _batch_step(self, call: Awaitable[Any], shape: type[_Shape], failures: Failures) -> _Shape:
        """One step of a batch: what came back, in its shape.

        Raises:
            CallError: if nothing came back, or in another shape.
        """
        return failures.checked(shape, failures.json(await self._batch_body(call, failures)))
