"""The records of a run: one per frame and per call, with outcomes and usage."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from lightemma.label_rows import Steered
from lightemma.run_folder.tool_records import ToolsNumbers, ToolsRecord

OK = "ok"
STAGES = ("scene", "intent", "action")
Stage = str

#: The role of a planner's only model, or of the first of several.
MAIN = "main"

#: Why a frame has no plan where the planner itself failed: it raised an error, or its plan was not one.
PLANNER_ERROR = "planner_error"

UsageSource = Literal["api", "tokenizer", "estimate", "recorded"]
Pair = tuple[float, float]
#: A whole number that an array has room for; a file of others may have longer ones.
Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


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


class AnswerRecord(msgspec.Struct, frozen=True):
    """A further answer of a call that brought several.

    Attributes:
        response: the text as received.
        outcome: ``ok``, ``format:<kind>`` or ``call:<kind>``.
        reasoning: what the model thought, where it says so.
    """

    response: str
    outcome: str = OK
    reasoning: str | None = None


class SampleRecord(msgspec.Struct, frozen=True):
    """One of several plans that a frame's model gave to the same question.

    Attributes:
        call: place in the frame's ``calls`` of the call that brought it.
        answer: which of that call's answers it is: 0 for its ``response``, 1 for the first of ``more``.
        outcome: ``ok``, ``format:<kind>`` or ``call:<kind>``.
        actions: 6 pairs, or None.
        trajectory: 6 points (metres, ego frame), or None.
    """

    call: int
    answer: int
    outcome: str
    actions: list[Pair] | None = None
    trajectory: list[Pair] | None = None


class CallRecord(msgspec.Struct, frozen=True):
    """One call of one frame: what was asked, what came back.

    Attributes:
        stage: what the call was for, such as ``scene``, ``intent`` or ``action``; ``summary`` where a dialogue had outgrown
            the model's context. A planner may give the same name to several calls.
        prompt: the text as sent.
        response: the text as received, or None when the call failed without one.
        outcome: ``ok``, ``format:<kind>`` or ``call:<kind>``.
        usage: tokens, or None if unknown.
        latency_s: seconds from sending to the whole answer, of the attempt that answered.
        attempts: how many times the call was tried.
        cached: whether the answer came from the response cache (no call was made).
        error: the provider's message when the call failed.
        role: which of the planner's models was asked.
        model: name of that model; None where it is the run's only one, in files of 0.1 and imported runs.
        reasoning: what the model thought, where it says so; it is no part of ``response``.
        more: the further answers, where the call brought several.
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
    role: str = MAIN
    model: str | None = None
    reasoning: str | None = None
    more: list[AnswerRecord] | UnsetType = UNSET


class WordsRecord(msgspec.Struct, frozen=True):
    """What the expert of a world says: what is there, what it is about to do, and why."""

    scene: str
    intent: str
    reason: str


class LabelRecord(msgspec.Struct, frozen=True):
    """What the expert of a world would do from the car's state.

    Attributes:
        actions: 6 pairs (m/s, 1/m), the means of each half second; never ground truth where ``valid`` is False.
        valid: whether there is a right answer.
        reason: why there is none, or how the car gets back; empty on the route.
        words: None where the expert says nothing.
    """

    actions: list[Pair]
    valid: bool
    reason: str = ""
    words: WordsRecord | None = None


class PackedPrompts(msgspec.Struct, frozen=True):
    """The prompts of a frame's calls, without what they have in common with those of another (``run_folder.packed_prompts``).

    Attributes:
        sample: which file has the common part.
        data: the rest, in base 64.
    """

    sample: str
    data: str


class FrameRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line of frames.jsonl.

    Attributes:
        scene: name of the scene.
        frame_index: place among the scene's benchmark frames.
        sample_token: the key frame's token.
        image: the picture's name as the data set gives it, or an empty string.
        timestamp: microseconds.
        history: 6 pairs (m/s, 1/m), oldest first.
        ground_truth: 6 points (metres, ego frame); None in a world that has none.
        calls: the calls, in order; none for a planner without a model.
        answer: place in ``calls`` of the call that holds the actions' text, well-formed or not; None if there is no such
            call: the planner has no model, computed its actions, or was not answered.
        actions: the plan, 6 pairs, or None if there is none.
        trajectory: 6 points, or None.
        outcome: ``ok``, ``format:<kind>`` or ``call:<kind>``.
        image_sha256: digest of the picture as sent, or None when none was.
        picture_files: digests of the files of all pictures that the planner was shown, oldest first, the frame's own last; none
            in closed-loop runs, whose pictures are their own, and in files of 0.1.
        latency_s: seconds that a planner without calls took; None where the calls say it.
        error: one line that says how the planner failed, where the outcome is ``call:planner_error``.
        probe_amount: by how much a probe changed the frame, in the unit of its law (``run_folder.probe_entry``); absent
            otherwise.
        answer_unknown: True for a frame of 0.1 whose file does not say which call is the answer.
        stages: the name of ``calls`` in files of 0.1; always unset once read.
        samples: the plans that the plan was chosen from, where the model was asked for several; ``actions`` is their medoid.
        candidates: the plans that the model chose from, 6 pairs each, where the harness drew them.
        chosen: place in ``candidates`` of the one that the model chose, or None.
        command: where the drive goes next, where the planner was given it.
        command_m: metres to where that begins, where the planner was given them.
        examples: sample tokens of the frames of other scenes that were shown as examples.
        label: what the expert would do, in closed-loop runs of worlds that have one; absent in files of 0.1.
        moved_on_s: seconds that the world moved on while this was planned, where it does (``drive --real-time``).
        tools: which experts looked at the frame before the plan, and what they found.
        steered: whose plan was driven, where the expert and the planner took turns: ``expert`` or ``planner``.
        prompts: in files only: the prompts of the calls, whose own ones are empty there; always unset once read.
    """

    scene: str
    frame_index: Whole
    sample_token: str
    image: str
    timestamp: Whole
    history: list[Pair]
    ground_truth: list[Pair] | None
    calls: list[CallRecord] = []
    answer: int | None = None
    actions: list[Pair] | None
    trajectory: list[Pair] | None
    outcome: str
    image_sha256: str | None = None
    latency_s: float | None = None
    error: str | None = None
    picture_files: list[str] = []
    probe_amount: float | UnsetType = UNSET
    answer_unknown: bool | UnsetType = UNSET
    stages: list[CallRecord] | UnsetType = UNSET
    samples: list[SampleRecord] | UnsetType = UNSET
    candidates: list[list[Pair]] | UnsetType = UNSET
    chosen: int | UnsetType | None = UNSET
    command: str | UnsetType = UNSET
    command_m: float | UnsetType = UNSET
    examples: list[str] | UnsetType = UNSET
    label: LabelRecord | UnsetType = UNSET
    moved_on_s: float | UnsetType = UNSET
    tools: ToolsRecord | UnsetType = UNSET
    steered: Steered | UnsetType = UNSET
    prompts: PackedPrompts | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Reads a line of 0.1, in which the last call's name said whether it was the answer."""
        if not take_old_calls(self) or not self.calls:
            return
        if self.calls[-1].stage != STAGES[-1]:
            msgspec.structs.force_setattr(self, "answer_unknown", True)
        elif not is_call_error(self.outcome):
            msgspec.structs.force_setattr(self, "answer", len(self.calls) - 1)


class CallNumbers(msgspec.Struct, frozen=True):
    """The parts of a call that scoring needs; reading only these is several times faster."""

    stage: Stage
    outcome: str
    usage: Usage | None = None
    latency_s: float | None = None
    role: str = MAIN
    cached: bool = False


class SampleNumbers(msgspec.Struct, frozen=True):
    """The parts of a sample that scoring needs."""

    outcome: str
    trajectory: list[Pair] | None = None


class FrameNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a frame that scoring needs, without the texts; see ``FrameRecord``."""

    scene: str
    frame_index: Whole
    sample_token: str
    history: list[Pair]
    ground_truth: list[Pair] | None
    calls: list[CallNumbers] = []
    actions: list[Pair] | None
    trajectory: list[Pair] | None
    outcome: str
    image: str = ""
    timestamp: Whole = 0
    latency_s: float | None = None
    picture_files: list[str] = []
    probe_amount: float | UnsetType = UNSET
    stages: list[CallNumbers] | UnsetType = UNSET
    samples: list[SampleNumbers] | UnsetType = UNSET
    candidates: list[list[Pair]] | UnsetType = UNSET
    chosen: int | UnsetType | None = UNSET
    tools: ToolsNumbers | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Reads a line of 0.1."""
        take_old_calls(self)


def take_old_calls(record: Any) -> bool:
    """Moves the calls of a line of 0.1 from their old name ``stages`` to ``calls``.

    Args:
        record: any struct with both fields.

    Returns:
        Whether it was such a line.
    """
    if record.stages is UNSET:
        return False
    msgspec.structs.force_setattr(record, "calls", record.stages)
    msgspec.structs.force_setattr(record, "stages", UNSET)
    return True
