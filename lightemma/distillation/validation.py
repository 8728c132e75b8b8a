"""How good a student is: it is asked about frames, and its answers are read and measured. No loss says that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from lightemma.backends.local.batching import BatchLimits, Ticket
from lightemma.backends.local.generation import BatchRunner, Sampling
from lightemma.backends.local.inputs import RequestEncoder
from lightemma.backends.local.loading import LoadedModel
from lightemma.distillation.cases import Candidate
from lightemma.distillation.form import StudentForm
from lightemma.distillation.ranking import distance
from lightemma.distillation.rewards import FARTHEST, NO_PLAN
from lightemma.distillation.rows import SftRow
from lightemma.distillation.student_data import request_of
from lightemma.kinematics import hold_last_action

#: Answers that are generated together.
BATCH = 16


class Validation(msgspec.Struct, frozen=True):
    """What a student's answers are worth.

    Attributes:
        frames: that it was asked about.
        l2: metres, mean of the average L2 by the convention ``lightemma``; a frame without a plan counts as the constant
            action's, so that nobody gains by not answering.
        format_errors: share of the frames without a plan.
        constant_action: metres, what the constant action has on the same frames.
        cost: metres, what decides which student is kept: minus the mean reward of `rewards.py`, where a frame without a plan
            costs more than any plan. By ``l2`` an untrained student, which never has a plan, would be as good as the constant
            action, and better than one that has just learnt to plan badly.
    """

    frames: int
    l2: float
    format_errors: float
    constant_action: float
    cost: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A student's answer to a row.

    Attributes:
        row: that it was asked.
        text: the answer.
        complete: whether it came to its end.
    """

    row: SftRow
    text: str
    complete: bool


def answers(model: Any, processor: Any, rows: Sequence[SftRow], longest: int) -> list[Answered]:
    """What a student answers, greedily, by the very code that drives it.

    Args:
        model: of transformers, with adapters or without.
        processor: its own.
        rows: that it is asked.
        longest: tokens of an answer.
    """
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    training = bool(whole.training)
    cached, settings = getattr(whole.config, "use_cache", None), whole.generation_config.to_dict()
    whole.eval()
    try:
        encoder = RequestEncoder(processor, whole.config, 0)
        limits = BatchLimits(calls=BATCH, tokens=1_000_000, output_tokens=longest, wait_s=0.0)
        runner = BatchRunner(LoadedModel(whole, processor, "student"), Sampling(longest, 0), limits, 0)
        found: list[Answered] = []
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            tickets = [Ticket(encoder.encode(request_of(row))) for row in part]
            for kind in {ticket.call.kind for ticket in tickets}:
                runner([ticket for ticket in tickets if ticket.call.kind == kind])
            for row, ticket in zip(part, tickets, strict=True):
                answer = ticket.future.result()
                found.append(Answered(row, answer.text, answer.complete))
        return found
    finally:
        whole.train(training)
        whole.generation_config = type(whole.generation_config).from_dict(settings)
        if cached is not None:
            whole.config.use_cache = cached


def validate(model: Any, processor: Any, rows: Sequence[SftRow], form: StudentForm, longest: int) -> Validation:
    """Measures a student on rows, at least one; see ``answers``."""
    away, missing, constant, costs = [], 0, [], []
    for one in answers(model, processor, rows, longest):
        truth, history = np.array(one.row.truth), np.array(one.row.history)
        held = distance(Candidate("", hold_last_action(history)), truth)
        assert held is not None, "recorded numbers are finite"
        actions = form.read(one.text, cut=not one.complete).actions
        own = None if actions is None else distance(Candidate("", actions), truth)
        missing += own is None
        away.append(held if own is None else own)
        constant.append(held)
        costs.append(-NO_PLAN if own is None else min(own, FARTHEST))
    return Validation(
        len(away), float(np.mean(away)), missing / len(away), float(np.mean(constant)), float(np.mean(costs))
    )
