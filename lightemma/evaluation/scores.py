"""One run as arrays: errors, outcomes, tokens and seconds of every frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, compress, islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UnsetType

from lightemma.errors import UserError
from lightemma.evaluation.metrics.displacement import step_errors
from lightemma.evaluation.reread import led_to, reread_samples
from lightemma.evaluation.several_plans import SeveralPlans, candidates_of, join_plans, samples_of
from lightemma.evaluation.tokens_used import dollars_used, tokens_used
from lightemma.evaluation.tools_used import ToolsUsed, join_tools, tools_used
from lightemma.frame import FloatArray
from lightemma.garbage import rare_collections
from lightemma.kinematics import hold_last_action, integrate
from lightemma.parsing import AnswerFormat, Tier, answer_format, check_tier, parse_answer, plausible
from lightemma.protocol import Protocol
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.records import (
    OK,
    STAGES,
    CallRecord,
    FrameNumbers,
    FrameRecord,
    is_call_error,
)
from lightemma.run_folder.store import read_frames, read_lines, read_manifest

BASELINE = "constant-action"
#: Records that are held as objects at a time.
BLOCK = 2048
#: Six unknown points.
NO_TRUTH = [(float("nan"), float("nan"))] * 6


@dataclass(frozen=True)
class RunScores:
    """A run's frames in order of scene and frame index; every array has one row per frame.

    Attributes:
        name: what the run is called in tables.
        manifest: what the run was; None for the computed baseline.
        protocol: how its plans became trajectories.
        frame_index: (n,) place among the scene's benchmark frames.
        tokens: sample tokens.
        scenes: scene names.
        outcomes: ``ok``, ``format:<kind>`` or ``call:<kind>``.
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) metres; NaN where there is no ground truth, and then no errors.
        actions: (n, 6, 2), NaN where there is no plan.
        trajectory: (n, 6, 2) metres, the planned places; NaN where there is no plan.
        images: pictures' names as the data set gives them, empty where there is none.
        pictures: digests of the pictures' files, empty where none was shown or it was not noted.
        timestamps: (n,) microseconds.
        errors: (n, 6) metres, NaN where there is no plan.
        latency: (n,) seconds over all calls, or the planner's own where it made none; NaN where unknown.
        calls: (n,) calls made.
        usage: (n, 5) input, cached input, output, reasoning and cache-write tokens over all models, NaN where unknown.
        dollars: (n,) by each call's own model's price in the manifest; NaN where a price or the tokens are unknown.
        implausible: (n,) True where a plan is beyond physics.
        amounts: (n,) by how much a probe changed each frame; NaN where there is no probe, or it does not say.
        samples: the plans that each plan is the medoid of, where the model gave several.
        candidates: the plans that the model chose from, where the harness drew them.
        tools: what experts were asked and found, where there were any.
    """

    name: str
    manifest: Manifest | None
    protocol: Protocol
    frame_index: npt.NDArray[np.int64]
    tokens: Sequence[str]
    scenes: Sequence[str]
    outcomes: Sequence[str]
    history: FloatArray
    truth: FloatArray
    actions: FloatArray
    trajectory: FloatArray
    images: Sequence[str]
    pictures: Sequence[str]
    timestamps: npt.NDArray[np.int64]
    errors: FloatArray
    latency: FloatArray
    calls: FloatArray
    usage: FloatArray
    dollars: FloatArray
    implausible: npt.NDArray[np.bool_]
    amounts: FloatArray
    samples: SeveralPlans | None = None
    candidates: SeveralPlans | None = None
    tools: ToolsUsed | None = None

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """(n,) True where there is a scored plan."""
        known: npt.NDArray[np.bool_] = ~np.isnan(self.errors[:, 0])
        return known

    @property
    def planner(self) -> str:
        """The planner's name."""
        return self.manifest.planner.name if self.manifest else BASELINE

    def cost(self) -> FloatArray:
        """(n,) dollars; see the attribute."""
        return self.dollars

    def take(self, rows: npt.NDArray[np.int64]) -> RunScores:
        """The same run on some of its frames, in the given order."""
        pick = rows.tolist()
        return replace(
            self,
            tokens=[self.tokens[i] for i in pick],
            scenes=[self.scenes[i] for i in pick],
            outcomes=[self.outcomes[i] for i in pick],
            images=[self.images[i] for i in pick],
            pictures=[self.pictures[i] for i in pick],
            samples=self.samples.take(rows) if self.samples else None,
            candidates=self.candidates.take(rows) if self.candidates else None,
            tools=self.tools.take(rows) if self.tools else None,
            **{name: getattr(self, name)[rows] for name in _ARRAYS},
        )


def leaks_future(run: RunScores) -> bool:
    """Whether the planner was told a part of what is to be predicted."""
    return run.manifest is not None and run.manifest.known_inputs.leaks_future


_ARRAYS = (
    "frame_index", "history", "truth", "actions", "trajectory", "timestamps", "errors", "latency", "calls", "usage",
    "dollars", "implausible", "amounts",
)  # fmt: skip


@rare_collections()
def load_scores(folder: Path, parser: str | None = None) -> RunScores:
    """Scores a stored run, without asking any model.

    Args:
        folder: the run.
        parser: read the stored answers by another parser than the run did; None takes the stored actions.

    Raises:
        UserError: if the run is broken, empty or not finished being written, or the parser is unknown.
    """
    manifest = read_manifest(folder)
    if parser is None or parser == manifest.parser:
        blocks = [score(manifest.run, manifest, block) for block in _blocks(read_lines(folder, FrameNumbers))]
    else:
        answer = answer_format(manifest.prompts.answer if manifest.prompts else "list")
        whole = with_answers(read_frames(folder), check_tier(manifest.parser), answer, folder)
        records = reread(whole, check_tier(parser), answer, Protocol(**manifest.protocol))
        manifest = msgspec.structs.replace(manifest, parser=parser)
        blocks = [score(manifest.run, manifest, records)] if records else []
    if not blocks:
        raise UserError(f"The run '{folder}' has no frames yet; resume it by the same `lightemma run` command.")
    return _latest_of(blocks)


def _blocks(records: Iterable[FrameNumbers]) -> Iterator[list[FrameNumbers]]:
    """Records, some at a time: as arrays they need a tenth of the memory."""
    waiting = iter(records)
    while block := list(islice(waiting, BLOCK)):
        yield block


def _latest_of(blocks: Sequence[RunScores]) -> RunScores:
    """The frames of several blocks in order; a frame that was tried again counts as it last ended."""
    tokens = [token for block in blocks for token in block.tokens]
    known: dict[str, str] = {}  # one string for each scene and outcome, however many frames have it
    scenes = [known.setdefault(scene, scene) for block in blocks for scene in block.scenes]
    outcomes = [known.setdefault(outcome, outcome) for block in blocks for outcome in block.outcomes]
    arrays: dict[str, Any] = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in _ARRAYS}
    joined = replace(
        blocks[0],
        tokens=tokens,
        scenes=scenes,
        outcomes=outcomes,
        images=[image for block in blocks for image in block.images],
        pictures=[picture for block in blocks for picture in block.pictures],
        samples=join_plans([block.samples for block in blocks], [len(block.tokens) for block in blocks]),
        candidates=join_plans([block.candidates for block in blocks], [len(block.tokens) for block in blocks]),
        tools=join_tools([block.tools for block in blocks], [len(block.tokens) for block in blocks]),
        **arrays,
    )
    latest = {token: row for row, token in enumerate(tokens)}.values()
    order = sorted(latest, key=lambda row: (scenes[row], int(joined.frame_index[row])))
    return joined if order == list(range(len(tokens))) else joined.take(np.array(order, dtype=np.int64))


def reread(records: Sequence[FrameRecord], parser: Tier, form: AnswerFormat, protocol: Protocol) -> list[FrameRecord]:
    """Records with their action answers read again by another parser.

    Failed calls, and frames whose actions are no model's text, stay as they are.
    """
    changed = []
    for record in records:
        if record.samples and record.answer is not None:
            changed.append(reread_samples(record, record.samples, parser, form, protocol))
            continue
        text = None if record.answer is None else record.calls[record.answer].response
        if text is None or is_call_error(record.outcome):
            changed.append(record)
            continue
        cut = record.outcome == "format:truncated"
        parsed = parse_answer(text, parser, form, cut=cut)
        actions, trajectory = parsed.actions, led_to(parsed, protocol)
        changed.append(
            msgspec.structs.replace(
                record,
                outcome=parsed.outcome,
                actions=None if actions is None else actions.tolist(),
                trajectory=None if trajectory is None else trajectory.tolist(),
            )
        )
    return changed


def with_answers(records: Sequence[FrameRecord], parser: Tier, form: AnswerFormat, folder: Path) -> list[FrameRecord]:
    """Records of 0.1 with the call that holds the actions' text, where their file does not say it.

    Where the planner called that call ``action`` it is known. Where no frame has such a call, the planner named its calls in
    another way, and the answer is the only call that reads as what was recorded.

    Args:
        records: of one run.
        parser: by which the run read its answers.
        form: that its prompts ask for.
        folder: of the run, for messages.

    Raises:
        UserError: if no call, or more than one, could be the answer.
    """
    named = {record.calls[record.answer].stage for record in records if record.answer is not None}
    if STAGES[-1] in named:
        return list(records)  # a frame without such a call ended before it
    return [
        msgspec.structs.replace(record, answer=_likely_answer(record, parser, form, folder))
        if record.answer_unknown is True and not is_call_error(record.outcome)
        else record
        for record in records
    ]


def _likely_answer(record: FrameRecord, parser: Tier, form: AnswerFormat, folder: Path) -> int:
    likely = [place for place, call in enumerate(record.calls) if _reads_as(record, call, parser, form)]
    if len(likely) != 1:
        raise UserError(
            f"The run '{folder}' cannot be read by another parser: lightemma 0.1 did not note which call of a frame holds the "
            f"plan, and for frame {record.sample_token} it could be {len(likely)} of {len(record.calls)}; leave the parser "
            "out, or make the run again."
        )
    return likely[0]


def _reads_as(record: FrameRecord, call: CallRecord, parser: Tier, form: AnswerFormat) -> bool:
    """Whether a call's text gives the frame's recorded outcome, and its plan."""
    if call.response is None:
        return False
    cut = record.outcome == "format:truncated"
    parsed = parse_answer(call.response, parser, form, cut=cut)
    if parsed.outcome != record.outcome:
        return False
    if parsed.actions is None or record.actions is None:
        return (
            call.outcome == record.outcome
        )  # prose is prose in every call, but only the answer was judged by its form
    return np.array_equal(parsed.actions, np.asarray(record.actions))


def score(name: str, manifest: Manifest, records: Sequence[FrameNumbers | FrameRecord]) -> RunScores:
    """Turns records into arrays and computes the step errors."""
    records = sorted(records, key=lambda record: (record.scene, record.frame_index))
    count = len(records)
    truth = _pairs([record.ground_truth or NO_TRUTH for record in records])
    ok = np.array([record.outcome == OK and record.trajectory is not None for record in records])
    usage = tokens_used(records)
    actions = np.full((count, 6, 2), np.nan)
    trajectory = np.full((count, 6, 2), np.nan)
    if ok.any():
        scored = list(compress(records, ok))
        actions[ok] = _pairs([record.actions or () for record in scored])
        trajectory[ok] = _pairs([record.trajectory or () for record in scored])
    return RunScores(
        name=name,
        manifest=manifest,
        protocol=Protocol(**manifest.protocol),
        frame_index=np.array([record.frame_index for record in records], dtype=np.int64),
        tokens=[record.sample_token for record in records],
        scenes=[record.scene for record in records],
        outcomes=[record.outcome for record in records],
        history=_pairs([record.history for record in records]),
        truth=truth,
        actions=actions,
        trajectory=trajectory,
        images=[record.image for record in records],
        pictures=[record.picture_files[-1] if record.picture_files else "" for record in records],
        timestamps=np.array([record.timestamp for record in records], dtype=np.int64),
        errors=step_errors(trajectory, truth),
        latency=np.array([_latency(record) for record in records]),
        calls=np.array([float(len(record.calls)) for record in records]),
        usage=usage,
        dollars=dollars_used(manifest, records, usage),
        implausible=ok & ~plausible(actions),
        amounts=np.array([_amount(record) for record in records], dtype=np.float64),
        samples=samples_of(records, truth),
        candidates=candidates_of(records, truth, Protocol(**manifest.protocol)),
        tools=tools_used(records),
    )


def _pairs(rows: Sequence[Sequence[tuple[float, float]]]) -> FloatArray:
    """(n, 6, 2) numbers of lists of six pairs: from one list of all in half the time that lists of lists take."""
    if any(len(row) != 6 for row in rows):
        return np.array(rows, dtype=np.float64)  # other lengths, which the shapes will not allow
    numbers = chain.from_iterable(chain.from_iterable(rows))
    return np.fromiter(numbers, np.float64, 12 * len(rows)).reshape(len(rows), 6, 2)


def baseline_scores(run: RunScores) -> RunScores:
    """The constant-action baseline on a run's frames: the current action six times."""
    actions = hold_last_action(run.history)
    trajectory = integrate(actions, run.protocol)
    count = len(run.tokens)
    return replace(
        run,
        name=BASELINE,
        manifest=None,
        outcomes=[OK] * count,
        pictures=[""] * count,
        actions=actions,
        trajectory=trajectory,
        errors=step_errors(trajectory, run.truth),
        latency=np.full(count, np.nan),
        calls=np.zeros(count),
        usage=np.full((count, 5), np.nan),
        dollars=np.full(count, np.nan),
        implausible=np.zeros(count, dtype=bool),
        amounts=np.full(count, np.nan),
        samples=None,
        candidates=None,
        tools=None,
    )


def _amount(record: FrameNumbers | FrameRecord) -> float:
    return float("nan") if isinstance(record.probe_amount, UnsetType) else float(record.probe_amount)


def _latency(record: FrameNumbers | FrameRecord) -> float:
    if any(call.cached for call in record.calls):
        return float("nan")  # those are the seconds of another run
    seconds = [call.latency_s for call in record.calls if call.latency_s is not None]
    if seconds:
        return sum(seconds)
    return float("nan") if record.latency_s is None else record.latency_s
