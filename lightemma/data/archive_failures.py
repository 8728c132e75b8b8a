"""Failures in place of answers: the published harness wrote the text of an exception where an answer should be."""

from __future__ import annotations

import re

from lightemma.failures import CallKind
from lightemma.provider_errors import kind_of

#: Longest part of an error's text that is looked at.
_LOOKED_AT = 4000
#: What the published harness wrote in place of an answer, and the words of the providers' own packages.
_ERROR_TEXT = re.compile(r"\s*(?:Error generating response\b|Error code: \d{3}\b)")
_STATUS = re.compile(r"(?:Error code: |HTTP code |HTTP |status(?: code)?:? |response: )(\d{3})\b|^(\d{3}) \S")
_CODES = re.compile(r"""["'](?:code|type|status|reason|error_type)["']: ["']?([\w.-]{2,60})""")
_REASONS = re.compile(r"""["']reasons["']: \[["']([\w/ -]{2,60})""")
_ERROR_KINDS: tuple[tuple[str, CallKind], ...] = (
    (r"\b529\b|overloaded", "overloaded"),
    # Before the others: a server's error page or headers may well mention limits and connections.
    (r"HTTP code 5\d\d|server_error|had an error|bad gateway", "server_error"),
    (r"\b429\b|rate.?limit|quota", "rate_limited"),
    (r"time[d -]*out", "timeout"),
    (r"content.?filter|safety", "content_filter"),
    (r"finish_reason\S* is [34678]\b", "content_filter"),  # the numbers of Google's filters
    (r"valid `Part`|finish_reason|NoneType|list index|JSON", "invalid_response"),
    (r"\b401\b|\b403\b|api key", "auth"),
    (r"connection|Max retries exceeded", "connection"),
    (r"No such file|cannot identify image|image file is truncated", "picture"),
)


def failure_of(answer: str) -> CallKind | None:
    """The failure kind of an answer that is none: the published harness stored the text of exceptions as answers.

    Args:
        answer: the text; it is matched, never evaluated.
    """
    prefix = _ERROR_TEXT.match(answer)
    if not prefix:
        return None
    words = answer[:_LOOKED_AT].strip()
    said = words.removeprefix("Error generating response").lstrip(": ")
    found = _STATUS.search(said)
    codes = _CODES.findall(said)
    status = int(found[1] or found[2]) if found else None
    if (status is not None and 400 <= status < 600) or codes:
        reasons = _REASONS.findall(said)
        kind = kind_of(status, {"metadata": {"reasons": reasons}, "details": [{"code": code} for code in codes]}, said)
        if kind != "invalid_response":
            return kind
    for pattern, kind in _ERROR_KINDS:
        if re.search(pattern, words, re.IGNORECASE):
            return kind
    return "server_error"
