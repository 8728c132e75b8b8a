"""Turns errors of the providers' HTTP interfaces into the harness's kinds of failure, and checks keys and addresses."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from lightemma.backends.base import CallError
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.http.excess import excess_of, may_be_excessive
from lightemma.backends.http.reset_headers import reset_after, span_s
from lightemma.errors import UserError
from lightemma.failures import CallKind
from lightemma.outside_text import cleaned
from lightemma.provider_errors import kind_of, sentence_of
from lightemma.redaction import remember, starred, without_pictures

#: Seconds for one step of a batch: files of hundreds of megabytes are sent and fetched.
BATCH_TIMEOUT_S = 600.0
#: Longest part of a provider's message that is kept: error pages and echoed pictures can be long.
_MESSAGE_LENGTH = 500
#: Longest part of it that is looked through for keys and pictures.
_READ_LENGTH = 20_000

_Checked = TypeVar("_Checked", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Failures:
    """Makes the call errors of one backend.

    Attributes:
        address: where calls are sent, without secrets.
        model: the model's id.
        key: the secret that is removed from every message, or None.
        hint: another possible cause of a 404, or an empty string.
        not_found: the kind of failure that a 404 means; for an unknown batch it says nothing about the model.
    """

    address: str
    model: str
    key: str | None = field(default=None, repr=False)
    hint: str = ""
    not_found: CallKind = "model_not_found"

    def error(self, kind: CallKind, message: str, retry_after_s: float | None = None) -> CallError:
        """A call error in one line of bounded length, without the key."""
        message = message[:_READ_LENGTH]
        if self.key:
            message = message.replace(self.key, "***")
        message = " ".join(cleaned(starred(without_pictures(message))).split())
        if len(message) > _MESSAGE_LENGTH:
            message = message[:_MESSAGE_LENGTH] + " …"
        return CallError(kind, message, retry_after_s)

    def timeout(self, seconds: float) -> CallError:
        """No whole answer came in time."""
        return self.error("timeout", f"no whole answer within {seconds:g} s")

    def connection(self, cause: BaseException) -> CallError:
        """The connection could not be made, or broke."""
        return self.error("connection", f"{self.address}: {f'{type(cause).__name__} {cause}'.strip()}")

    def status(self, status: int, body: object, text: str, headers: Mapping[str, str]) -> CallError:
        """An answer with an error's status.

        Args:
            status: HTTP status.
            body: the body as read from JSON, or anything else where it is not JSON.
            text: the message to show if the body holds none.
            headers: for ``Retry-After``.
        """
        if 300 <= status < 400:
            return self.redirected(status, headers.get("location", ""))
        reported = sentence_of(body) or text
        message = f"HTTP {status}: {reported}"
        if status == 404:
            message += f" (asked {self.address} for model '{self.model}'{self.hint})"
        kind = kind_of(status, body, reported)
        wait = retry_after(headers)
        if wait is None and status == 429:
            wait = reset_after(headers)
        return self.error(
            self.not_found if kind == "model_not_found" else kind,
            message,
            retry_after_in(body) if wait is None else wait,
        )

    def redirected(self, status: int, location: str) -> CallError:
        """A redirect, which is never followed: the key, the prompt and the pictures were given to this address alone."""
        to = f" to {shown_address(location) or 'another place'}" if location else ""
        return self.error(
            "bad_request",
            f"HTTP {status}: {self.address} redirects{to}; redirects are not followed, so write the final address as base_url",
        )

    def reported(self, error: object) -> CallError:
        """An error without an HTTP status of its own: sent with status 200, or instead of one answer of a batch."""
        code = error.get("code") if isinstance(error, dict) else None
        number = int(code) if isinstance(code, str) and code.isdecimal() and len(code) == 3 else code
        status = number if isinstance(number, int) and 400 <= number < 600 else None
        message = sentence_of(error) or str(error)[:_READ_LENGTH]
        return self.error(kind_of(status, error, message), f"reported instead of an answer: {message}")

    def json(self, body: bytes | str, *, bounded: bool = True) -> Any:
        """A body that must be JSON.

        Args:
            body: the body.
            bounded: whether it must be as shallow and small as one answer.

        Raises:
            CallError: ``invalid_response`` if it is not.
        """
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            start = body[:2000] if isinstance(body, str) else body[:2000].decode("utf-8", errors="replace")
            raise self.error("invalid_response", f"the answer is not JSON: {start}") from None
        if bounded and may_be_excessive(body):
            self.check_size(content)
        return content

    def check_size(self, content: object) -> None:
        """Makes sure that one answer, as read from JSON, is neither too deep nor too much to be looked at.

        Raises:
            CallError: ``invalid_response`` if it is.
        """
        excess = excess_of(content)
        if excess:
            raise self.error("invalid_response", f"the answer {excess}")

    def checked(self, shape: type[_Checked], content: object) -> _Checked:
        """Content checked against a model.

        Raises:
            CallError: ``invalid_response`` if it has not.
        """
        try:
            return shape.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise self.error("invalid_response", f"unexpected answer, {where}: {first['msg']}") from None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``retry-after-ms`` or ``retry-after`` (seconds or an HTTP date) asks to wait."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    span = span_s(headers.get("retry-after", "").strip())
    if span is not None:
        return span
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None


def retry_after_in(body: object) -> float | None:
    """Seconds that a Google error asks to wait: it says so in its details (``RetryInfo``) instead of in a header."""
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error") if isinstance(body, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and re.fullmatch(r"\d+(\.\d+)?s", delay):
            return float(delay[:-1])
    return None


def shown_address(address: str) -> str | None:
    """An HTTP address without user name, password and query, or None if the text is no such address."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.scheme not in {"http", "https"}:
        return None
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"


def checked_address(config: ModelConfig, own: str) -> str:
    """The address to show for a provider with a fixed address.

    Args:
        config: may name another address, such as a gateway's.
        own: the provider's address.

    Raises:
        UserError: if the one in the configuration is not an address.
    """
    if config.base_url is None:
        return own
    shown = shown_address(config.base_url)
    if shown is None:
        raise UserError(
            f"The base_url of model '{config.name}' is not an address; write it such as {own}, or leave it out."
        )
    return shown


def read_key(config: ModelConfig, variable: str, advice: str) -> str:
    """The key in an environment variable.

    Args:
        config: the model that needs it.
        variable: the variable's name.
        advice: what to do if the key is missing, as the end of a sentence.

    Raises:
        UserError: if it is missing, or cannot be a header's value. The message never contains the key.
    """
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UserError(
            f"Model '{config.name}' needs a key in the environment variable {variable}, which is not set or "
            f"empty; {advice}"
        )
    if not all("!" <= character <= "~" for character in key):
        # Such a key cannot be a header's value, and the HTTP client's error would contain it.
        raise UserError(
            f"The key in the environment variable {variable} contains spaces or characters other than ASCII; copy it again."
        )
    remember(key)
    return key


def hosted_key(config: ModelConfig, facts: Facts) -> tuple[ModelConfig, str]:
    """The key of a provider that always needs one.

    Args:
        config: may name another variable.
        facts: the provider's usual variable, and where a user gets a key.

    Returns:
        The configuration with the variable filled in (messages and rate keys name it), and the key.

    Raises:
        UserError: if the key is missing or cannot be used.
    """
    named = config.api_key_env or facts.key_variable
    if named is None:
        raise ValueError("the provider's facts name no variable for its key")
    key = read_key(config, named, f"make one {facts.key_place}, and set it with export {named}=….")
    return config.model_copy(update={"api_key_env": named}), key


def missing_package(config: ModelConfig, facts: Facts) -> UserError:
    """The error for a provider whose package is not installed."""
    return UserError(
        f"Model '{config.name}' needs the {' and '.join(facts.packages)} package; install it with {facts.install_command}."
    )
