"""One call from a planner to its backend: timed, its failure named, never raised."""

from __future__ import annotations

import asyncio
import time

from lightemma.backends.base import FATAL_KINDS, Backend, CallError, CallResult, Request
from lightemma.errors import UserError


class Caller:
    """The way planners ask a backend (a ``Call``).

    Every failure comes back as a ``CallResult``; only those that would fail every further call alike (a wrong key, an
    unknown model) end the run.

    Attributes:
        answered_as: the model as the provider names the one that answered last.
    """

    def __init__(self, backend: Backend) -> None:
        self.answered_as: str | None = None
        self._backend = backend

    async def __call__(self, request: Request) -> CallResult:
        """Asks once.

        Raises:
            UserError: if no further call can succeed either.
        """
        timeout_s = self._backend.config.limits.timeout_s
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                completion = await self._backend.generate(request)
        except TimeoutError:
            return CallResult(None, "timeout", f"no answer within {timeout_s:g} s", time.perf_counter() - started)
        except CallError as error:
            if error.kind in FATAL_KINDS:
                raise UserError(_fatal_sentence(self._backend, error)) from error
            return CallResult(None, error.kind, error.message, time.perf_counter() - started)
        self.answered_as = completion.model or self.answered_as
        return CallResult(completion, latency_s=time.perf_counter() - started)


def _fatal_sentence(backend: Backend, error: CallError) -> str:
    config = backend.config
    if error.kind == "auth":
        where = f"the key in {config.api_key_env}" if config.api_key_env else "api_key_env in its YAML"
        return f"{config.provider} refused the key for model '{config.name}' ({error.message}); check {where}."
    return f"{config.provider} knows no model '{config.model}' ({error.message}); check `model` in the YAML of '{config.name}'."
