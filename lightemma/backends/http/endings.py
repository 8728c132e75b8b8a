"""How an answer ended: the finish reasons of all providers in one table, and what follows from them.

Servers behind one address pass on the finish reasons of others unchanged, in their spelling (``SAFETY``, ``content-filter``,
``FinishReason.MAX_TOKENS``), so all providers' reasons are read in the same way. An answer counts as one only if it ended by
itself or at the token limit; whatever else ended it is a failure of the call, however much text came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from lightemma.backends.base import Completion
from lightemma.backends.http.errors import Failures
from lightemma.backends.thinking import Habit, without_thinking
from lightemma.failures import CALL_KINDS, CallKind
from lightemma.run_folder.records import Usage

#: How an answer can end: as a ``Completion`` says it, or as the kind of a failed call.
Ending = Literal["stop", "length", "refused", "content_filter"] | CallKind

_ENDINGS: dict[Ending, tuple[str, ...]] = {
    "stop": (
        "stop", "stopped", "end_turn", "stop_sequence", "stop_token", "stop_str", "stop_criteria", "eos", "eos_token",
        "eos_found", "end", "ended", "end_of_text", "end_of_turn", "endoftext", "complete", "completed", "finish",
        "finished", "done", "normal", "success", "succeeded", "matched_stop",
        "im_end", "eot", "eot_id", "stop_word", "stop_words", "stop_string", "stop_strings", "stop_id", "stop_token_id",
        "hit_stop_token", "model_stop", "natural",
    ),
    "length": (
        "length", "max_length", "max_tokens", "max_token", "max_output_tokens", "max_new_tokens", "max_completion_tokens",
        "max_tokens_reached", "token_limit", "token_limit_reached", "model_length", "model_context_window_exceeded",
        "context_length", "context_length_exceeded", "continuation", "incomplete", "truncated", "cutoff", "limit",
        "limit_reached", "output_limit", "context_window", "token_budget",
    ),
    "refused": ("refusal", "refused", "refuse", "declined", "model_refusal"),
    "content_filter": (
        "content_filter", "content_filtered", "contentfilter", "safety", "recitation", "language", "blocklist",
        "prohibited_content", "spii", "escalation", "model_armor", "image_safety", "image_prohibited_content",
        "image_recitation", "guardrail_intervened", "guardrail", "guardrails", "sensitive", "moderation", "blocked", "toxic",
        "error_toxic", "jailbreak",
    ),
    "timeout": ("timeout", "timed_out", "deadline_exceeded", "time_limit", "expired"),
    "overloaded": ("insufficient_system_resource", "overloaded", "busy", "no_capacity", "queue_full"),
    "connection": ("network_error", "connection_error", "disconnected"),
    "bad_request": ("error_limit", "input_too_long", "context_overflow"),
    "invalid_response": (
        "tool_calls", "tool_call", "tool_use", "function_call", "pause_turn", "malformed_function_call",
        "malformed_tool_use", "unexpected_tool_call", "too_many_tool_calls", "malformed_response", "malformed_model_output",
        "missing_thought_signature", "other", "unknown", "unspecified", "image_other", "no_image", "compaction",
    ),
    "server_error": (
        "error", "failed", "failure", "abort", "aborted", "cancelled", "canceled", "cancel", "interrupted", "killed", "load",
        "unload", "internal_error", "user_cancel", "preempted", "repetition", "degenerate",
    ),
}  # fmt: skip
_BY_REASON: dict[str, Ending] = {reason: ending for ending, reasons in _ENDINGS.items() for reason in reasons}
#: Parts of reasons that are not in the table; the first that is found says what a new one means.
_BY_PART: tuple[tuple[str, Ending], ...] = (
    ("filter", "content_filter"), ("safety", "content_filter"), ("moderat", "content_filter"), ("sensitiv", "content_filter"),
    ("prohibit", "content_filter"), ("guardrail", "content_filter"), ("policy", "content_filter"), ("block", "content_filter"),
    ("recitation", "content_filter"), ("harm", "content_filter"), ("risk", "content_filter"), ("violat", "content_filter"),
    ("illegal", "content_filter"),
    ("flagged", "content_filter"), ("banned", "content_filter"), ("censor", "content_filter"),
    ("csam", "content_filter"), ("nsfw", "content_filter"),
    ("complian", "content_filter"), ("unsafe", "content_filter"), ("toxic", "content_filter"),
    ("refus", "refused"), ("denied", "refused"), ("reject", "refused"), ("declin", "refused"),
    ("tool", "invalid_response"), ("function", "invalid_response"), ("timeout", "timeout"),
    ("error", "server_error"), ("fail", "server_error"), ("abort", "server_error"), ("cancel", "server_error"),
    ("interrupt", "server_error"), ("internal", "server_error"), ("crash", "server_error"), ("memory", "server_error"),
    ("capacity", "overloaded"), ("overload", "overloaded"), ("max_", "length"), ("length", "length"), ("token_limit", "length"),
)  # fmt: skip
#: What counts where a server gives two reasons: the earlier of these.
_GRAVITY: tuple[Ending, ...] = ("content_filter", "refused")
_HARMLESS: tuple[Ending, ...] = ("length", "stop")

_FAILED: dict[str, CallKind] = {kind: kind for kind in CALL_KINDS}
#: What of a reason is read, characters.
_LONGEST = 200
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SIGNS = re.compile(r"[^a-z0-9]+")


def ending_of(reason: str | None, native: str | None = None) -> Ending | None:
    """How an answer ended; None if no reason was given.

    Args:
        reason: as the server says it, in any spelling.
        native: the reason of another server behind it, which routers give beside theirs.

    Returns:
        ``invalid_response`` for a reason that nothing is known of: whether such an answer is whole is unknown.
    """
    # A server has few of them, and says one with each answer.
    return _ending_of(reason and reason[:_LONGEST], native and native[:_LONGEST])


@lru_cache(maxsize=256)
def _ending_of(reason: str | None, native: str | None) -> Ending | None:
    known = [_one(reason)] if reason else []
    # Routers leave native reasons as they are: one that is not in the table adds nothing.
    beside = _one(native) if native and (not reason or _is_known(native)) else None
    if beside is not None and not (known and beside == "invalid_response"):
        known.append(beside)
    if not known:
        return None
    order = (*_GRAVITY, *(ending for ending in known if ending not in (*_GRAVITY, *_HARMLESS)), *_HARMLESS)
    return min(known, key=order.index)


@dataclass(frozen=True, slots=True)
class Said:
    """What a server sent as an answer, before it is known whether it is one.

    Attributes:
        text: of the answer, in which thinking may still stand.
        reason: the finish reason, in any spelling.
        native: that of another server behind it.
        refusal: the model's words where it refused, in a field for that.
        reasoning: thinking that came apart from the text.
        thought: whether there was thinking, also where it was not sent.
        usage: tokens.
        model: as the provider names it.
    """

    text: str
    reason: str | None
    native: str | None = None
    refusal: str = ""
    reasoning: str = ""
    thought: bool = False
    usage: Usage | None = None
    model: str | None = None


def answered(
    said: Said,
    failures: Failures,
    *,
    strip_thinking: bool = True,
    meanings: Mapping[str, Literal["stop", "length", "refused", "content_filter"]] = MappingProxyType({}),
    habit: Habit | None = None,
) -> Completion:
    """The answer in what a server sent.

    Args:
        said: what it sent.
        failures: makes the errors.
        strip_thinking: whether thinking is taken out of the text.
        meanings: of reasons that the user knows and the table does not.
        habit: of the server.

    Raises:
        CallError: if it is none.
    """
    ending = meanings.get(said.reason or "") or ending_of(said.reason, said.native)
    if said.refusal.strip():
        return Completion(said.refusal, usage=said.usage, finish_reason="refused", model=said.model)
    if ending in ("content_filter", "refused"):
        return Completion(said.text, usage=said.usage, finish_reason=ending, model=said.model)
    failed = _FAILED.get(ending or "")
    if failed is not None:
        raise failures.error(failed, f"what came is no whole answer: it ended with the finish reason {_named(said)}")
    if ending is None and not (said.text.strip() or said.reasoning.strip() or said.thought):
        raise failures.error("invalid_response", "the answer is empty, and no finish reason is given")
    finish: Literal["stop", "length", "other"] = "length" if ending == "length" else "stop" if ending else "other"
    completion = Completion(
        said.text, usage=said.usage, finish_reason=finish, model=said.model, reasoning=said.reasoning.strip()
    )
    return without_thinking(completion, thought=said.thought, strip=strip_thinking, habit=habit)


def _one(reason: str) -> Ending:
    name = _plain(reason)
    if name in _BY_REASON:
        return _BY_REASON[name]
    return next((ending for part, ending in _BY_PART if part in name), "invalid_response")


def _is_known(reason: str) -> bool:
    name = _plain(reason)
    return name in _BY_REASON or any(part in name for part, _ in _BY_PART)


def _plain(reason: str) -> str:
    """The reason in small letters with ``_`` between words, without the name of its enumeration."""
    words = _SIGNS.sub("_", _CAPITAL.sub("_", reason.strip()).lower()).strip("_")
    return words.removeprefix("finish_reason_").removeprefix("stop_reason_")


def _named(said: Said) -> str:
    return " and ".join(f"'{reason}'" for reason in (said.reason, said.native) if reason)
