"""The samples of a frame read again by another parser: the plan is then the medoid of what that one reads."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from lightemma.frame import FloatArray
from lightemma.kinematics import integrate
from lightemma.medoid import medoid
from lightemma.parsing import AnswerFormat, Parsed, Tier, parse_answer
from lightemma.protocol import Protocol
from lightemma.run_folder.records import FrameRecord, SampleRecord, is_call_error


def led_to(parsed: Parsed, protocol: Protocol) -> FloatArray | None:
    """The points of an answer: as it gives them, or where its actions lead."""
    if parsed.actions is None or parsed.trajectory is not None:
        return parsed.trajectory
    return integrate(parsed.actions, protocol)


def reread_samples(
    record: FrameRecord, samples: Sequence[SampleRecord], parser: Tier, form: AnswerFormat, protocol: Protocol
) -> FrameRecord:
    """A frame with its samples read again.

    Args:
        record: the frame.
        samples: of it.
        parser: reads them.
        form: of answer that the prompt asked for.
        protocol: how actions become trajectories.
    """
    again = [_reread(record, sample, parser, form, protocol) for sample in samples]
    empty = np.full((6, 2), np.nan)
    middle = medoid(np.array([empty if one.trajectory is None else one.trajectory for one in again]))
    plan = again[middle or 0]
    return msgspec.structs.replace(
        record,
        samples=again,
        answer=plan.call,
        outcome=plan.outcome,
        actions=plan.actions,
        trajectory=plan.trajectory,
    )


def _reread(
    record: FrameRecord, sample: SampleRecord, parser: Tier, form: AnswerFormat, protocol: Protocol
) -> SampleRecord:
    call = record.calls[sample.call]
    text = call.response if sample.answer == 0 else (call.more or [])[sample.answer - 1].response
    if text is None or is_call_error(sample.outcome):
        return sample
    parsed = parse_answer(text, parser, form, cut=sample.outcome == "format:truncated")
    trajectory = led_to(parsed, protocol)
    return msgspec.structs.replace(
        sample,
        outcome=parsed.outcome,
        actions=None if parsed.actions is None else parsed.actions.tolist(),
        trajectory=None if trajectory is None else trajectory.tolist(),
    )
