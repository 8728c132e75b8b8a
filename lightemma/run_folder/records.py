"""What a run writes down: outcomes, usage, one record per frame. Knows nobody."""

from __future__ import annotations

from typing import Literal

import msgspec

OK = "ok"
STAGES = ("scene", "intent", "action")
Stage = str

UsageSource = Literal["api", "tokenizer", "estimate", "recorded"]
Pair = tuple[float, float]


def format_outcome(kind: str) -> str:
    """The model answered, but not in the format; ``kind`` says how (see parsing.KINDS)."""
    return f"format:{kind}"


def call_outcome(kind: str) -> str:
    """The model did not answer; ``kind`` says why (see failures.CALL_KINDS)."""
    return f"call:{kind}"


def is_format_error(outcome: str) -> bool:
    """Whether the model answered outside the format."""
    return outcome.startswith("format:")


def is_call_error(outcome: str) -> bool:
    """Whether the model did not answer."""
    return outcome.startswith("call:")


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one call, one meaning for every provider.

    Attributes:
        input: all tokens sent, pictures and cached ones included.
        cached_input: the part of ``input`` that the provider had cached.
        output: all tokens produced, reasoning included.
        reasoning: the part of ``output`` that was thinking and is not in the answer.
        cache_write: the part of ``input`` that the provider wrote to its cache, where it charges extra for that.
        source: ``api`` (the provider counted), ``tokenizer`` (we counted with the model's own), ``estimate``,
            ``recorded`` (taken over from an archive that does not say).
    """

    input: int = 0
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0
    source: UsageSource = "api"
    cache_write: int = 0


class StageRecord(msgspec.Struct, frozen=True):
    """One stage of one frame: what was asked, what came back.

    Attributes:
        stage: ``scene``, ``intent`` or ``action``; ``summary`` where a dialogue had outgrown the model's context.
        prompt: the text as sent.
        response: the text as received, or None when the call failed without one.
        outcome: ``ok``, ``format:<kind>`` or ``call:<kind>``.
        usage: tokens, or None when nobody counted.
        latency_s: seconds from sending to the whole answer, of the attempt that answered.
        attempts: how many times the call was tried.
        cached: whether the answer came from the response cache (no call was made).
        error: the provider's words when the call failed.
    """

    stage: Stage
    prompt: str
    response: str | None
    outcome: str
    usage: Usage | None = None
    latency_s: float | None = None
    attempts: int = 1
    cached: bool = False
    error: str | None = None


class FrameRecord(msgspec.Struct, frozen=True):
    """One line of frames.jsonl.

    Attributes:
        scene: name of the scene.
        frame_index: place among the scene's benchmark frames.
        sample_token: the key frame's token.
        image: the picture's name as the data set gives it, or an empty string.
        image_sha256: digest of the picture as sent, or None when none was.
        timestamp: microseconds.
        history: 6 pairs (m/s, 1/m), oldest first.
        ground_truth: 6 points (metres, ego frame); None in a world that has none.
        stages: the calls, in order; none for a planner without a model.
        actions: the plan, 6 pairs, or None if there is none.
        trajectory: 6 points, or None.
        outcome: ``ok``, ``format:<kind>`` or ``call:<kind>``.
    """

    scene: str
    frame_index: int
    sample_token: str
    image: str
    timestamp: int
    history: list[Pair]
    ground_truth: list[Pair] | None
    stages: list[StageRecord]
    actions: list[Pair] | None
    trajectory: list[Pair] | None
    outcome: str
    image_sha256: str | None = None


class StageNumbers(msgspec.Struct, frozen=True):
    """The parts of a stage that scoring needs; reading only these is several times faster."""

    stage: Stage
    outcome: str
    usage: Usage | None = None
    latency_s: float | None = None


class FrameNumbers(msgspec.Struct, frozen=True):
    """The parts of a frame that scoring needs, without the texts."""

    scene: str
    frame_index: int
    sample_token: str
    history: list[Pair]
    ground_truth: list[Pair] | None
    stages: list[StageNumbers]
    actions: list[Pair] | None
    trajectory: list[Pair] | None
    outcome: str
    image: str = ""
    timestamp: int = 0
