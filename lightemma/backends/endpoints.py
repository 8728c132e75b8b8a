"""One model on several running servers: each call is sent to the least busy, and a server that fails rests for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from lightemma.backends import own_facts
from lightemma.backends.base import Backend, CallError, Completion, Constraint, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.http.errors import shown_address
from lightemma.backends.openai_compatible import OpenAICompatibleBackend
from lightemma.errors import UserError
from lightemma.failures import failure_kind

log = logging.getLogger(__name__)

#: A server that keeps failing rests longer each time, up to this many times the first rest.
_LONGEST_REST = 16.0
#: A frame's later calls use the server of its first one while that has at most this many calls more than the least busy.
_FAITHFUL = 2
#: Frames whose server is remembered.
_REMEMBERED = 4096


@dataclass(eq=False)
class Endpoint:
    """One of the servers.

    Attributes:
        address: without user name, password and query.
        client: sends the calls.
        in_progress: calls that it has not answered yet.
        served: answers that it gave.
        failures: failures in a row.
        cooldown_until: moment before which it is not asked.
    """

    address: str
    client: OpenAICompatibleBackend
    in_progress: int = 0
    served: int = 0
    failures: int = 0
    cooldown_until: float = float("-inf")


def choose(endpoints: Sequence[Endpoint], now: float, before: Endpoint | None = None) -> Endpoint:
    """The server to ask: of those that do not rest the one with the fewest calls in progress, then the fewest answers.

    One that comes back from a rest is tried with a single call first. If all rest, the one whose rest ends first.

    Args:
        endpoints: all of them.
        now: the moment.
        before: the one that answered the frame's earlier call: it still has the picture and the beginning of the
            conversation, so it is asked again unless it is clearly busier than others.
    """
    awake = [
        endpoint
        for endpoint in endpoints
        if endpoint.cooldown_until <= now and not (endpoint.failures and endpoint.in_progress)
    ]
    if before in awake and before.in_progress <= min(endpoint.in_progress for endpoint in awake) + _FAITHFUL:
        return before
    if awake:
        return min(awake, key=lambda endpoint: (endpoint.in_progress, endpoint.served))
    return min(endpoints, key=lambda endpoint: (endpoint.cooldown_until, endpoint.in_progress))


class EndpointsBackend(Backend):
    """One model on several servers.

    One call is one attempt at one server; the harness tries a failed call again, then at another server.

    Raises:
        UserError: if an address is not valid, or as for the OpenAI-compatible backend.
    """

    facts: ClassVar[Facts] = own_facts.ENDPOINTS

    class Options(OpenAICompatibleBackend.Options):
        """Where the servers are, and how they are asked."""

        urls: list[str] = Field(
            min_length=1, exclude=True, description="addresses of the servers, each usually ending in /v1"
        )
        rest_s: float = Field(
            default=15.0,
            ge=0,
            exclude=True,
            description="seconds a server that failed is not asked; doubles while it fails",
        )

    options: Options

    def __init__(self, config: ModelConfig, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(config)
        if config.base_url is not None:
            raise UserError(f"Model '{config.name}' has a base_url; write it under options.urls with the others.")
        self._clock = clock
        self._asked_before: OrderedDict[str, Endpoint] = OrderedDict()
        urls = list(dict.fromkeys(url.rstrip("/") for url in self.options.urls))
        own = {name for name in self.options.model_fields_set if name in OpenAICompatibleBackend.Options.model_fields}
        options = {name: getattr(self.options, name) for name in own}
        self.endpoints = [
            Endpoint(
                shown_address(url) or "?",
                OpenAICompatibleBackend(config.model_copy(update={"base_url": url, "options": options})),
            )
            for url in urls
        ]

    @property
    def rate_key(self) -> str:
        """Models behind the same servers share their limits."""
        return "|".join(("endpoints", *sorted(str(endpoint.client.config.base_url) for endpoint in self.endpoints)))

    @property
    def constraints(self) -> frozenset[Constraint]:
        """The same as for the OpenAI-compatible backend."""
        return self.endpoints[0].client.constraints

    @classmethod
    def answers_per_call(cls, config: ModelConfig) -> int:
        """The same as for the OpenAI-compatible backend."""
        return OpenAICompatibleBackend.answers_per_call(config)

    async def generate(self, request: Request) -> Completion:
        """Ask the least busy server once.

        Raises:
            CallError: if no answer came, for any reason.
        """
        endpoint = choose(self.endpoints, self._clock(), self._asked_before.pop(request.sample_token, None))
        self._asked_before[request.sample_token] = endpoint
        if len(self._asked_before) > _REMEMBERED:
            self._asked_before.popitem(last=False)
        endpoint.in_progress += 1
        try:
            completion = await endpoint.client.generate(request)
        except CallError as error:
            if failure_kind(error.kind).retried:  # another server may answer it
                self._set_aside(endpoint, error)
            raise
        finally:
            endpoint.in_progress -= 1
        endpoint.served += 1
        if endpoint.failures:
            log.warning("%s answers again", endpoint.address)
        endpoint.failures, endpoint.cooldown_until = 0, float("-inf")
        return completion

    async def aclose(self) -> None:
        """Close the connections."""
        await asyncio.gather(*(endpoint.client.aclose() for endpoint in self.endpoints))

    def _set_aside(self, endpoint: Endpoint, error: CallError) -> None:
        now = self._clock()
        if endpoint.cooldown_until > now:
            return  # one of the calls that were in progress when it failed; it rests already
        endpoint.failures += 1
        rest = self.options.rest_s * min(2.0 ** (endpoint.failures - 1), _LONGEST_REST)
        endpoint.cooldown_until = now + max(rest, error.retry_after_s or 0.0)
        log.warning("%s rests for %.0f s (%s: %s)", endpoint.address, rest, error.kind, error.message)
