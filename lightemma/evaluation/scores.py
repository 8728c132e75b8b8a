"""One run as arrays: errors, outcomes, tokens and seconds of every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from lightemma.errors import UserError
from lightemma.evaluation.metrics.displacement import step_errors
from lightemma.frame import FloatArray
from lightemma.kinematics import hold_last_action, integrate
from lightemma.parsing import AnswerFormat, Tier, check_tier, parse_answer, plausible
from lightemma.protocol import Protocol
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.records import OK, STAGES, FrameNumbers, FrameRecord, is_call_error
from lightemma.run_folder.store import read_frames, read_manifest, read_numbers

BASELINE = "constant-action"
#: Six points of which nothing is known.
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
        truth: (n, 6, 2) metres.
        actions: (n, 6, 2), NaN where there is no plan.
        trajectory: (n, 6, 2) metres, the planned places; NaN where there is no plan.
        images: pictures' names as the data set gives them, empty where there is none.
        timestamps: (n,) microseconds.
        errors: (n, 6) metres, NaN where there is no plan.
        latency: (n,) seconds over all stages, NaN where unknown.
        calls: (n,) stages asked.
        usage: (n, 5) input, cached input, output, reasoning and cache-write tokens, NaN where nobody counted.
        implausible: (n,) True where a plan lies beyond physics.
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
    timestamps: npt.NDArray[np.int64]
    errors: FloatArray
    latency: FloatArray
    calls: FloatArray
    usage: FloatArray
    implausible: npt.NDArray[np.bool_]

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
        """(n,) dollars, by the price in the manifest; NaN where there is no price or nobody counted."""
        price = self.manifest.model.price if self.manifest and self.manifest.model else None
        if not price:
            return np.full(len(self.tokens), np.nan)
        inputs, cached, output, _, written = self.usage.T
        dear, cheap, write = price["input"] or 0.0, price.get("cached_input"), price.get("cache_write")
        cheap, write = dear if cheap is None else cheap, dear if write is None else write
        dollars: FloatArray = (
            (inputs - cached - written) * dear + cached * cheap + written * write + output * (price["output"] or 0.0)
        ) / 1e6
        return dollars

    def take(self, rows: npt.NDArray[np.int64]) -> RunScores:
        """The same run on some of its frames, in the given order."""
        pick = rows.tolist()
        return replace(
            self,
            tokens=[self.tokens[i] for i in pick],
            scenes=[self.scenes[i] for i in pick],
            outcomes=[self.outcomes[i] for i in pick],
            images=[self.images[i] for i in pick],
            **{name: getattr(self, name)[rows] for name in _ARRAYS},
        )


_ARRAYS = (
    "frame_index", "history", "truth", "actions", "trajectory", "timestamps", "errors", "latency", "calls", "usage",
    "implausible",
)  # fmt: skip


def load_scores(folder: Path, tier: str | None = None) -> RunScores:
    """Scores a stored run, without asking any model.

    Args:
        folder: the run.
        tier: read the stored answers by another parser than the run did; None takes the stored actions.

    Raises:
        UserError: if the run is broken, empty or not finished being written, or the tier is unknown.
    """
    manifest = read_manifest(folder)
    records: Sequence[FrameNumbers | FrameRecord]
    if tier is None or tier == manifest.parser:
        records = read_numbers(folder)
    else:
        answer: AnswerFormat = "json" if manifest.prompts and manifest.prompts.answer == "json" else "list"
        records = reread(read_frames(folder), check_tier(tier), answer, Protocol(**manifest.protocol))
        manifest = msgspec.structs.replace(manifest, parser=tier)
    if not records:
        raise UserError(f"The run '{folder}' has no frames yet; go on with it by the same `lightemma run` command.")
    return score(manifest.run, manifest, records)


def reread(
    records: Sequence[FrameRecord], tier: Tier, answer_format: AnswerFormat, protocol: Protocol
) -> list[FrameRecord]:
    """Records with their action answers read again by another tier; failed calls and model-free frames stay as they are."""
    changed = []
    for record in records:
        last = record.stages[-1] if record.stages else None
        if last is None or last.stage != STAGES[-1] or last.response is None or is_call_error(record.outcome):
            changed.append(record)
            continue
        cut = record.outcome == "format:truncated"
        parsed = parse_answer(last.response, tier, answer_format, cut=cut)
        actions = parsed.actions
        changed.append(
            msgspec.structs.replace(
                record,
                outcome=parsed.outcome,
                actions=None if actions is None else actions.tolist(),
                trajectory=None if actions is None else integrate(actions, protocol).tolist(),
            )
        )
    return changed


def score(name: str, manifest: Manifest, records: Sequence[FrameNumbers | FrameRecord]) -> RunScores:
    """Turns records into arrays and computes the step errors."""
    records = sorted(records, key=lambda record: (record.scene, record.frame_index))
    count = len(records)
    truth = np.array([record.ground_truth or NO_TRUTH for record in records], dtype=np.float64)
    ok = np.array([record.outcome == OK and record.trajectory is not None for record in records])
    actions = np.full((count, 6, 2), np.nan)
    trajectory = np.full((count, 6, 2), np.nan)
    if ok.any():
        actions[ok] = [record.actions for record, good in zip(records, ok, strict=True) if good]
        trajectory[ok] = [record.trajectory for record, good in zip(records, ok, strict=True) if good]
    return RunScores(
        name=name,
        manifest=manifest,
        protocol=Protocol(**manifest.protocol),
        frame_index=np.array([record.frame_index for record in records], dtype=np.int64),
        tokens=[record.sample_token for record in records],
        scenes=[record.scene for record in records],
        outcomes=[record.outcome for record in records],
        history=np.array([record.history for record in records], dtype=np.float64),
        truth=truth,
        actions=actions,
        trajectory=trajectory,
        images=[record.image for record in records],
        timestamps=np.array([record.timestamp for record in records], dtype=np.int64),
        errors=step_errors(trajectory, truth),
        latency=np.array([_latency(record) for record in records]),
        calls=np.array([float(len(record.stages)) for record in records]),
        usage=np.array([_usage(record) for record in records]).reshape(count, 5),
        implausible=ok & ~plausible(actions),
    )


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
        actions=actions,
        trajectory=trajectory,
        errors=step_errors(trajectory, run.truth),
        latency=np.full(count, np.nan),
        calls=np.zeros(count),
        usage=np.full((count, 5), np.nan),
        implausible=np.zeros(count, dtype=bool),
    )


def _latency(record: FrameNumbers | FrameRecord) -> float:
    seconds = [stage.latency_s for stage in record.stages if stage.latency_s is not None]
    return sum(seconds) if seconds else float("nan")


def _usage(record: FrameNumbers | FrameRecord) -> tuple[float, ...]:
    counted = [stage.usage for stage in record.stages if stage.usage is not None]
    if not counted:
        return (float("nan"),) * 5
    return (
        float(sum(usage.input for usage in counted)),
        float(sum(usage.cached_input for usage in counted)),
        float(sum(usage.output for usage in counted)),
        float(sum(usage.reasoning for usage in counted)),
        float(sum(usage.cache_write for usage in counted)),
    )
