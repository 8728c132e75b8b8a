"""Base classes for OpenAI, Anthropic and Google: key, address, package, and the steps of a batch."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, Field

from lightemma.backends.base import BatchBackend, CallError, Completion, Constraint
from lightemma.backends.http.bodies import MOST_BATCH_BYTES
from lightemma.backends.http.errors import BATCH_TIMEOUT_S, Failures, checked_address, hosted_key
from lightemma.backends.http.sdk_calls import attempt, load_sdk

log = logging.getLogger(__name__)

_Shape = TypeVar("_Shape", bound=BaseModel)


def whole_line(shape: type[_Shape], text: bytes | str, failures: Failures) -> _Shape | None:
    """One line of a batch's results, or None if it is torn: the other lines are answers all the same."""
    try:
        content = failures.json(text, bounded=False)
    except CallError as error:
        log.warning("a line of a batch's results is torn (%s)", error.message)
        return None
    return whole_entry(shape, content, failures)


def whole_entry(shape: type[_Shape], content: object, failures: Failures) -> _Shape | None:
    """One of a batch's results as a shape, or None if it has another: the others are answers all the same."""
    try:
        failures.check_size(content)
        return failures.checked(shape, content)
    except CallError as error:
        log.warning("one of a batch's results is not whole (%s)", error.message)
        return None


class HostedBackend(BatchBackend):
    """A model of a provider with one fixed address, a key, and a batch interface.

    Makes exactly one attempt per call. The key comes from ``api_key_env`` (the provider's usual variable if left out) and is
    never part of a message. ``limits.timeout_s`` limits the whole call.
    """

    #: Name of the provider's package in imports.
    sdk_module: ClassVar[str]
    #: Another possible cause of a 404.
    not_found_hint: ClassVar[str] = ""

    class Options(BatchBackend.Options):
        """Options of all of them."""

        structured_output: bool = Field(default=True, description="send a planner's answer schema to the model")

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
        """JSON schemas, unless the options switch them off."""
        return frozenset({"json"}) if self.options.structured_output else frozenset()

    @property
    def _batch_failures(self) -> Failures:
        """For requests about a batch, a 404 says nothing about the model."""
        return replace(self._failures, not_found="bad_request")

    @staticmethod
    async def _results(call: Awaitable[Any], failures: Failures) -> bytes:
        """A body with the results of a whole batch.

        Raises:
            CallError: if none came.
        """
        return await attempt(call, BATCH_TIMEOUT_S, failures, MOST_BATCH_BYTES)

    @staticmethod
    def _read(read: Callable[[Any], Completion], content: Any) -> Completion | CallError:
        """One answer of a batch, or its failure."""
        try:
            return read(content)
        except CallError as error:
            return error


class SdkBackend(HostedBackend):
    """The same for OpenAI and Anthropic, whose packages are made by one generator and work in the same way."""

    class Options(HostedBackend.Options):
        """Options of both of them."""

        extra_body: dict[str, Any] = Field(
            default_factory=dict, description="further fields of the request, sent unchanged"
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
        body = await attempt(call, self.config.limits.timeout_s, self._failures)
        return self._failures.json(body)

    async def _batch_step(self, call: Awaitable[Any], shape: type[_Shape], failures: Failures) -> _Shape:
        """One request about a batch: the answer as ``shape``.

        Raises:
            CallError: if no answer came, or one of another shape.
        """
        return failures.checked(shape, failures.json(await attempt(call, BATCH_TIMEOUT_S, failures)))
