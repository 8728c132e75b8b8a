"""What an error of a provider means, by its status, its codes and its words: the way from their errors to ``failures``.

Codes say more than the status: a filter answers with 400, 403 or 500, an empty account with 400, 402, 403 or 429, a request
that no waiting makes smaller with 413 or 429. The rules are tried from top to bottom.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lightemma.failures import CallKind

_Statuses = frozenset[int | None]

_KIND_BY_STATUS: dict[int, CallKind] = {
    401: "auth",
    402: "no_credit",
    403: "auth",
    404: "model_not_found",
    408: "timeout",
    429: "rate_limited",
    503: "overloaded",
    529: "overloaded",
}
#: Statuses that say little, so that the words of the message count too; None is an error without a status.
_VAGUE: _Statuses = frozenset({400, 402, 403, 404, 413, 422, 429, 451, None})


@dataclass(frozen=True)
class _Rule:
    """One row: a kind, and how an error of it is known.

    Attributes:
        kind: of the failure.
        codes: what one of its codes contains, in small letters with ``_`` between words.
        words: what its message contains.
        coded_at: statuses with which the codes count; None for all of them.
        said_at: statuses with which the words count.
        unless: words with which the words do not count.
    """

    kind: CallKind
    codes: re.Pattern[str] | None = None
    words: re.Pattern[str] | None = None
    coded_at: _Statuses | None = None
    said_at: _Statuses = _VAGUE
    unless: re.Pattern[str] | None = None


def _any(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


#: The numbers are Zhipu's (1113 to 1305) and MiniMax's (1002 to 2049) codes.
_RULES: tuple[_Rule, ...] = (
    _Rule(
        "content_filter",
        codes=_any(
            r"content_?(?:filter|polic|block|restrict|violat|moderat)", r"responsible_?ai", r"data_?inspection", r"moderation",
            r"sensitive", r"safety", r"prohibited_?content", r"(?:illegal|unsafe|harmful)_?content", r"blocklist",
            r"recitation", r"^spii$", r"guardrail", r"polic(?:y|ies)_?violation", r"usage_?polic", r"unsafe",
            r"inappropriate", r"risk_?(?:control|detect)", r"jailbreak", r"harm_category", r"^flagged", r"input_?risk",
            r"prompt_?blocked", r"^blocked$", r"^(?:1301|1026|1027)$",
        ),
        words=_any(
            r"\bflagged\b", r"content (?:management |filtering |usage )?policy", r"content filter",
            r"safety (?:system|filter|check)", r"usage polic(?:y|ies)", r"\bmoderation\b",
            r"(?:inappropriate|unsuitable|prohibited|harmful|sensitive|unsafe) (?:content|words?|input|material)",
            r"sensitive information", r"responsible ai", r"\bnsfw\b", r"data_inspection_failed",
            r"\bguardrails?\b", r"prompt guard", r"model armor", r"jailbreak", r"safety_check",
            r"(?:content|text|input|output) .{0,20}\bis unsafe",
            r"exists? risk", r"(?:considered|is) high risk", r"us(?:e|age) guidelines", r"acceptable use",
            "敏感", "违规", "不安全", "审核",
        ),
        # An account that is closed for what was asked is not one answer that was stopped.
        unless=_any(
            r"\baccounts?\b", r"organi[sz]ation", r"api[ _-]?key", r"\bcountry\b", r"\bregion\b", r"\bproject\b", "账"
        ),
    ),
    _Rule(
        "no_credit",
        codes=_any(
            r"insufficient_?(?:user_?|account_?)?(?:quota|balance|credits?|funds)", r"billing", r"arrear", r"unpurchased",
            r"payment_?required", r"credit_?balance", r"out_?of_?credits?", r"no_?credit", r"credits_?error",
            r"exceeded_current_quota", r"overdue", r"budget_?exceeded", r"spend(?:ing)?_?limit", r"free_?tier_?only",
            r"(?:not_?enough_?|account_?)balance", r"balance_?(?:not_?enough|exhausted|insufficient)", r"^(?:1113|1008)$",
        ),
        words=_any(
            r"credit balance", r"insufficient (?:account )?(?:balance|credits?|funds)", r"(?:not enough|out of|no) credits?\b",
            r"(?:requires?|need) more credits", r"credits? (?:are|is|have been|has been|were) (?:depleted|exhausted|used up)",
            r"account is (?:not active|overdue|in arrears?)", r"in arrears?\b", r"overdue[- ]payment",
            r"billing (?:is )?(?:not active|disabled|to be enabled|hard limit|not enabled)", r"requires billing",
            r"key limit exceeded", r"free (?:tier|quota) .{0,40}(?:exhausted|used up)", r"payment (?:is )?required",
            r"balance (?:is )?(?:not enough|too low|insufficient)", r"top[- ]up", r"\brecharge\b",
            r"available credits", r"spend(?:ing)? (?:limit|cap)\b", r"balance limit", r"add funds",
            r"(?:budget has been|exceeded (?:its|their|your)) (?:exceeded|budget)",
            r"specified API usage limits", r"\bdunning\b", r"api calls ?/ ?month", "余额不足", "欠费",
        ),
        coded_at=frozenset({400, 401, 402, 403, 404, 422, 429, None}),
        said_at=_VAGUE | {401, 412},
    ),
    # One more than a minute allows is refused with the status of too many: no waiting helps, a smaller request does.
    _Rule(
        "bad_request",
        codes=_any(r"(?:request|payload|input|prompt)_?too_?(?:large|long)", r"context_?length"),
        words=_any(
            r"(?:request|payload|prompt|input|entity|body|image|message)s?(?: \w+){0,3} too (?:large|long|big)",
            r"too large for", r"maximum context", r"tokens must be reduced",
            r"exceeds the maximum number of tokens", r"single request exceeds", r"reduce (?:the|your) (?:length|prompt|input)",
        ),
        coded_at=frozenset({429}),
        said_at=frozenset({429}),
    ),
    _Rule(
        "bad_request",
        codes=_any(
            r"too_?large", r"too_?long", r"context_?(?:length|window)", r"string_above_max", r"max_?tokens_?exceeded",
            r"^(?:1261|1039|2013)$",
        ),
        words=_any(
            r"\btoo (?:large|long|big)\b", r"maximum (?:context|prompt|input)", r"context (?:length|window|size)",
            r"reduce (?:the|your) (?:length|message|prompt|input)", r"too many (?:input )?tokens", "上下文", "过长",
        ),
        coded_at=frozenset({400, 413, 422, 500, None}),
        said_at=frozenset({400, 413, 422, None}),
        unless=_any(r"please wait"),
    ),
    _Rule("bad_request", words=_any(r"context ?(?:length|window|size)"), said_at=frozenset({500})),
    _Rule(
        "auth",
        codes=_any(r"(?:invalid|incorrect)_?api_?key", r"api_?key_?(?:invalid|not)", r"invalid_?(?:authentication|key)$",
                   r"^(?:1004|2049)$"),
        words=_any(
            r"(?:invalid|incorrect|wrong|missing|no) api[ _-]?key", r"api[ _-]?key (?:is )?(?:not valid|invalid|missing)",
            r"access token (?:is )?(?:invalid|expired|no longer)",
        ),
        coded_at=frozenset({400, 403, 404, 422, None}),
        said_at=frozenset({400, 403, 422, None}),
    ),
    _Rule(
        "model_not_found",
        codes=_any(r"model_?not_?(?:found|exist)", r"no_?such_?model", r"unknown_?model", r"invalid_?model(?:_?id|_?name)?$"),
        words=_any(r"model (?:does )?not exist", r"is not a valid model", r"no such model", r"unknown model"),
        coded_at=frozenset({400, 403, 404, 422, None}),
        said_at=frozenset({400, 404, 422, None}),
    ),
    _Rule(
        "rate_limited",
        codes=_any(r"throttl", r"rate_?limit", r"too_?many_?requests", r"^(?:1302|1305|1002)$"),
        words=_any(r"rate limit", r"too many requests", r"too many tokens, please wait", r"request limit reached"),
        coded_at=frozenset({400, 403, 422, None}),
        said_at=frozenset({None}),
    ),
    # Some say with the status of too many calls, or of a broken server, that they have no room for anybody.
    _Rule(
        "overloaded",
        codes=_any(r"overloaded", r"capacity_?exceeded", r"model_?not_?ready"),
        words=_any(r"\btoo busy\b", r"\boverloaded\b", r"capacity exceeded"),
        coded_at=frozenset({400, 424, 429, 498, 500}),
        said_at=frozenset({429, 498, 500}),
    ),
    _Rule("timeout", words=_any(r"\btime(?:d )?-?out\b", r"timed out"), said_at=frozenset({None})),
    _Rule("overloaded", words=_any(r"\boverloaded\b", r"temporarily unavailable"), said_at=frozenset({None})),
)  # fmt: skip

#: Meaning of codes where there is no status: in a batch's lines, and in errors reported with status 200.
_WITHOUT_STATUS: tuple[tuple[str, CallKind], ...] = (
    ("token_limit_exceeded", "rate_limited"),
    ("resource_exhausted", "rate_limited"),
    ("overloaded", "overloaded"),
    ("unavailable", "overloaded"),
    ("expired", "timeout"),
    ("timeout", "timeout"),
    ("deadline", "timeout"),
    ("server_error", "server_error"),
    ("api_error", "server_error"),
    ("internal", "server_error"),
    ("authentication", "auth"),
    ("unauthenticated", "auth"),
    ("permission", "auth"),
    ("not_found", "model_not_found"),
    ("_policy", "content_filter"),
    ("invalid_", "bad_request"),
    ("image_", "bad_request"),
)
#: "Limit 30000, Requested 40000": more than a whole minute's share.
_ASKED_FOR = re.compile(r"limit:? ?([\d,]{1,15})\b.{0,80}?requested:? ?([\d,]{1,15})", re.IGNORECASE | re.DOTALL)
_SIGNS = re.compile(r"[\s.:-]+")

_CODE_FIELDS = frozenset(
    {
        "code",
        "type",
        "status",
        "reason",
        "reasons",
        "error_code",
        "err_code",
        "errcode",
        "error_type",
        "status_code",
        "__type",
    }
)
_INNER_FIELDS = ("error", "errors", "details", "metadata", "innererror", "inner_error", "base_resp", "raw", "response")
_SENTENCE_FIELDS = ("message", "detail", "error_msg", "error_message", "errmsg", "err_msg", "msg", "status_msg")
#: Longest part of a message that is looked at: error pages can be long.
_LOOKED_AT = 4000
_DEEPEST = 6
_LONGEST_RAW = 20_000


def kind_of(status: int | None, body: object, message: str = "") -> CallKind:
    """The call kind of an error: by its code where that says more than its status.

    Args:
        status: HTTP status, or None when the error came without one.
        body: the error as read from JSON.
        message: its message, for providers whose codes do not say enough.
    """
    codes = [_SIGNS.sub("_", code.lower()) for code in codes_in(body)]
    message = message[:_LOOKED_AT]
    for rule in _RULES:
        coded = rule.codes is not None and (rule.coded_at is None or status in rule.coded_at)
        if coded and any(rule.codes.search(code) for code in codes):  # type: ignore[union-attr]
            return rule.kind
        said = rule.words is not None and status in rule.said_at and rule.words.search(message)
        if said and not (rule.unless and rule.unless.search(message)):
            return rule.kind
    if status == 403 and _names_reasons(body):
        return "content_filter"
    if status in (413, 429) and _never_fits(message):
        return "bad_request"
    if status is not None:
        return _KIND_BY_STATUS.get(status, "server_error" if status >= 500 else "bad_request")
    joined = " ".join(codes)
    return next((kind for part, kind in _WITHOUT_STATUS if part in joined), "invalid_response")


def _names_reasons(body: object, depth: int = 0) -> bool:
    """Whether an error lists reasons in its metadata, as routers do for what a provider's moderation stopped."""
    if isinstance(body, dict) and depth < _DEEPEST:
        return bool(isinstance(body.get("reasons"), list) and body["reasons"]) or any(
            _names_reasons(body.get(name), depth + 1) for name in ("error", "metadata")
        )
    return False


def _never_fits(message: str) -> bool:
    found = _ASKED_FOR.search(message)
    return found is not None and int(found[2].replace(",", "") or 0) > int(found[1].replace(",", "") or 0)


def codes_in(body: object, depth: int = 0) -> Iterator[str]:
    """The codes, types and reasons of an error, in all places where providers put them."""
    if depth > _DEEPEST:
        return
    if isinstance(body, list):  # Google wraps errors of some calls in a list of one
        for one in body[:20]:
            yield from codes_in(one, depth + 1)
    if not isinstance(body, dict):
        return
    for name in _CODE_FIELDS & body.keys():
        value = body[name]
        for code in value[:20] if isinstance(value, list) else [value]:
            if isinstance(code, str | int) and not isinstance(code, bool):
                yield str(code)
    for name in _INNER_FIELDS:
        inner = body.get(name)
        if name == "raw" and isinstance(inner, str) and inner.lstrip().startswith("{"):
            inner = _read(inner)  # routers pass on the error of the server behind them as text
        if isinstance(inner, dict | list):
            yield from codes_in(inner, depth + 1)


def _read(text: str) -> object:
    try:
        return json.loads(text[:_LONGEST_RAW])
    except (ValueError, RecursionError):
        return None


def sentence_of(body: object, depth: int = 0) -> str | None:
    """The message in an error's body, if it has one."""
    if depth > _DEEPEST:
        return None
    if isinstance(body, list) and body:
        return sentence_of(body[0], depth + 1)
    if not isinstance(body, dict):
        return None
    for name in _SENTENCE_FIELDS:
        if isinstance(body.get(name), str):
            return str(body[name])
    for name in ("error", "errors"):
        error = body.get(name)
        found = error if isinstance(error, str) else sentence_of(error, depth + 1)
        if found is not None:
            return found
    return None


def is_error(value: object) -> bool:
    """Whether a field for an error reports one; some servers always send the field, with nothing in it."""
    return any(value.values()) if isinstance(value, dict) else bool(value)
