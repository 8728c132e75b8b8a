"""How the calls of one model go: whether a failure is one call's, or every further call would meet it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lightemma.backends.base import CallError
from lightemma.backends.config import ModelConfig
from lightemma.failures import failure_kind
from lightemma.run_folder.records import CallRecord, is_call_error

#: A run stops after so many failed calls of one kind of which none was answered.
EQUAL_FAILURES = 10
#: Once calls have been answered: what would end a run at its start must come from so many calls in a row …
CONFIRMED = 5
#: … and what comes from the provider's whole place, whatever is asked, from so many.
PROVIDER_FAILURES = 25

#: Say nothing about the calls of other frames.
_OF_ONE_CALL = frozenset({"refused", "content_filter", "not_recorded", "planner_error", "backend_error", "picture"})
#: May follow from what is asked, so that calls of other frames can still be answered once any was.
_OF_THE_REQUEST = frozenset({"bad_request", "invalid_response"})

#: Words of a provider -> what mends the cause; the first that fits.
_ADVICE: tuple[tuple[tuple[str, ...], str], ...] = (
    (("temperature",), "write `temperature: null` in its YAML, which leaves the provider's default"),
    (("max_completion_tokens", "max_tokens", "max_output_tokens"), "change `max_output_tokens` in its YAML"),
    (
        (
            "context length",
            "context window",
            "context_length",
            "maximum context",
            "max_model_len",
            "too many tokens",
            "too long",
        ),
        "lower `max_output_tokens`, set `context_tokens` in its YAML, or serve it with a longer context",
    ),
    (
        (
            "image(s) may be",
            "too many images",
            "number of images",
            "images per prompt",
            "limit-mm-per-prompt",
            "multimodal",
        ),
        "serve it with more images per prompt (vLLM: --limit-mm-per-prompt), or give fewer `pictures`",
    ),
    (("image", "vision", "picture"), "name a model that reads pictures, or send smaller ones with `max_side`"),
    (("seed",), "remove `seed` from its YAML"),
    (("response_format", "json_schema", "guided", "structured"), "leave out the constraint on the answer's form"),
    (
        ("quota", "per day", "daily", "rate limit", "rate_limit"),
        "wait until the quota is renewed, or raise it with the provider",
    ),
)
_ADVICE_BY_KIND = {
    "rate_limited": "set `limits: {requests_per_minute: ...}` in its YAML, or wait until the quota is renewed",
    "timeout": "raise `limits: {timeout_s: ...}` in its YAML, or lower `concurrency`",
    "connection": "check its address, and that its server is up (`lightemma doctor`)",
    "overloaded": "try again later, or lower `concurrency`",
    "server_error": "look into the server's log, or try again later",
    "reasoning_only": "serve it with the reasoning parser of its family (vLLM: --reasoning-parser), raise "
    "`max_output_tokens` in its YAML, or give it a smaller budget for thinking",
    "invalid_response": "check that its address is the model's interface, usually ending in /v1",
}


class Health:
    """Counts how one model's calls end.

    Args:
        config: the model.

    Attributes:
        answers: calls answered now.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.answers = 0
        self._config = config
        self._answered_stages: set[str] = set()
        self._in_a_row: Counter[str] = Counter()
        self._of_stage: Counter[tuple[str, str]] = Counter()

    def answered(self, stage: str) -> None:
        """Counts an answer."""
        self.answers += 1
        self._answered_stages.add(stage)
        self._in_a_row.clear()

    def failed(self, stage: str, error: CallError) -> str | None:
        """Counts a call that was given up.

        Returns:
            A sentence for the user if no further call is worth it, or None.
        """
        kind = error.kind
        if kind in _OF_ONE_CALL:
            return None
        others = self._in_a_row[kind]
        self._in_a_row.clear()
        self._in_a_row[kind] = others + 1
        self._of_stage[stage, kind] += 1
        if failure_kind(kind).fatal:
            if self.answers and self._in_a_row[kind] < CONFIRMED:
                return None
            return fatal_sentence(self._config, error)
        if stage not in self._answered_stages and self._of_stage[stage, kind] >= EQUAL_FAILURES:
            return self._hopeless(
                error, f"each of the first {self._of_stage[stage, kind]} calls of '{self._config.name}'"
            )
        if self.answers and kind not in _OF_THE_REQUEST and self._in_a_row[kind] >= PROVIDER_FAILURES:
            return self._hopeless(error, f"the last {self._in_a_row[kind]} calls of '{self._config.name}'")
        return None

    def _hopeless(self, error: CallError, which: str) -> str:
        return (
            f"The run stops, since {which} failed in the same way ({error.kind}: {error.message}); "
            f"{advice(error.kind, error.message)}, and give the same command again."
        )


def advice(kind: str, message: str) -> str:
    """What mends the cause of a failure, as a clause.

    Args:
        kind: a call kind.
        message: the provider's words.
    """
    words = message.lower()
    if kind in ("bad_request", "rate_limited", "server_error"):
        for signs, clause in _ADVICE:
            if any(sign in words for sign in signs):
                return clause
    return _ADVICE_BY_KIND.get(kind, "correct its YAML")


def fatal_sentence(config: ModelConfig, error: CallError) -> str:
    """The sentence that a run ends with where every further call would fail."""
    return failure_kind(error.kind).ends_run.format(
        provider=config.provider,
        name=config.name,
        model=config.model,
        message=error.message,
        key=f"the key in {config.api_key_env}" if config.api_key_env else "api_key_env in its YAML",
    )


class Tally:
    """Counts the recorded calls of a run: where they were answered from, and why they failed.

    Attributes:
        calls: recorded now.
        cached: of these, answered from the response cache.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.cached = 0
        self._reasons: Counter[str] = Counter()

    def add(self, calls: Iterable[CallRecord]) -> None:
        """Counts the calls of a frame."""
        for call in calls:
            self.calls += 1
            self.cached += call.cached
            if is_call_error(call.outcome):
                self.failed(call.outcome, call.error or "")

    def failed(self, outcome: str, words: str) -> None:
        """Counts a failure by its own words."""
        self._reasons[f"{outcome.partition(':')[2]}: {' '.join(words.split())}"[:300]] += 1

    @property
    def commonest(self) -> str | None:
        """The commonest reason of failed calls, or None."""
        return self._reasons.most_common(1)[0][0].removesuffix(": ") if self._reasons else None
