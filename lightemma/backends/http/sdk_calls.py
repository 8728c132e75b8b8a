"""One attempt through the SDK of OpenAI or of Anthropic, which are made by one generator and raise the same errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from importlib import import_module
from types import ModuleType
from typing import Any

from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.http.errors import Failures, missing_package


def load_sdk(module: str, config: ModelConfig, facts: Facts) -> Any:
    """A provider's package, imported only when its backend is made.

    Args:
        module: its name in imports.
        config: the model that needs it.
        facts: say how it is installed.

    Raises:
        UserError: if it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise missing_package(config, facts) from None


def direct_client(sdk: Any, timeout_s: float) -> Any:
    """The HTTP client of an SDK, set up to follow no redirect: a key and pictures go to one address only.

    Args:
        sdk: the module ``openai`` or ``anthropic``.
        timeout_s: seconds without a byte.
    """
    return sdk.DefaultAsyncHttpxClient(follow_redirects=False, timeout=timeout_s)


async def attempt(sdk: ModuleType, call: Awaitable[Any], timeout_s: float, failures: Failures) -> bytes:
    """Awaits a call and returns the unchanged body of its answer.

    Args:
        sdk: the module ``openai`` or ``anthropic``, for its exceptions.
        call: what a ``with_raw_response`` method returned, or a ``get`` of text.
        timeout_s: seconds for the whole answer, even if bytes keep arriving.
        failures: makes the errors.

    Raises:
        CallError: if no answer came.
    """
    any_error: type[Exception] = sdk.APIError.__base__  # OpenAIError or AnthropicError
    # Errors are raised without their cause: the text of the cause may hold the key.
    try:
        # The client's own timeout starts again with every chunk; this one covers the whole answer.
        async with asyncio.timeout(timeout_s):
            response = await call
    except (sdk.APITimeoutError, TimeoutError):
        raise failures.timeout(timeout_s) from None
    except sdk.APIConnectionError as error:
        raise failures.connection(error.__cause__ or error) from None
    except sdk.APIStatusError as error:
        answer = error.response
        text = answer.text or answer.reason_phrase
        raise failures.status(error.status_code, error.body, text, answer.headers) from None
    except any_error as error:
        raise failures.error("invalid_response", f"{type(error).__name__}: {error}") from None
    body: bytes = response.encode() if isinstance(response, str) else response.http_response.content
    return body
