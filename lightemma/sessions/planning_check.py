"""How well models plan tasks for experts: each against the plans written by hand, with and without a schema."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from lightemma.backends.base import Backend
from lightemma.calls.prices import cost, resolve_price
from lightemma.experts.planning_score import PlanScore, score_controller
from lightemma.experts.registry import EXPERTS, make_expert
from lightemma.prompts.sets import PromptSet
from lightemma.sessions.chat import single_calls


@dataclass(frozen=True, slots=True)
class PlanningRow:
    """One model's plans.

    Attributes:
        model: its name
        guided: whether its answers were held to the schema of a plan: yes or no
        plans: number of situations that it planned for
        valid: plans that were right at once
        repaired: plans that were right after the complaint
        default: plans that were none, in whose place the default plan is taken
        failed: situations in which the model did not answer
        node_f1: 0 to 1, of tasks, mean over all situations; 0 for those without a plan of the model's
        edge_f1: 0 to 1, of dependencies, the same
        calls: per situation, mean
        tokens_in: per situation, mean
        tokens_out: per situation, mean
        seconds: of the calls of a situation together, mean
        dollars: per situation, mean; empty where no price is known
        complaint: the most frequent complaint about its plans, or why it did not answer
    """

    model: str
    guided: str
    plans: int
    valid: int
    repaired: int
    default: int
    failed: int
    node_f1: float
    edge_f1: float
    calls: float
    tokens_in: float
    tokens_out: float
    seconds: float
    dollars: float
    complaint: str


async def check_planning(
    backend: Backend, prompts: PromptSet, guided: list[bool], concurrency: int
) -> list[PlanningRow]:
    """Has a model plan for all situations, and closes it.

    The tasks offered are those of all experts of lightemma, whether they can be used here or not, so that the numbers of two
    machines can be compared.

    Args:
        backend: of the model.
        prompts: the wording.
        guided: for each time whether the schema goes with the requests.
        concurrency: situations that are planned for at the same time.
    """
    experts = [one for one in (make_expert(name) for name in EXPERTS) if not one.card.privileged]
    rows = []
    try:
        for held in guided:
            scores = await score_controller(
                single_calls(backend), experts, prompts, guided=held, concurrency=concurrency
            )
            rows.append(_row(backend, scores, held))
    finally:
        await backend.aclose()
    return rows


def _row(backend: Backend, scores: list[PlanScore], guided: bool) -> PlanningRow:
    count = len(scores)
    calls = [call for one in scores for call in one.calls]
    used = [call.usage for call in calls if call.usage is not None]
    price = resolve_price(backend.config, datetime.now(UTC))
    origins = Counter(one.origin for one in scores)
    complaints = Counter(one.complaint for one in scores if one.complaint)
    return PlanningRow(
        model=backend.config.name,
        guided="yes" if guided else "no",
        plans=count,
        valid=origins["valid"],
        repaired=origins["repaired"],
        default=origins["default"],
        failed=origins["failed"],
        node_f1=sum(one.node_f1 for one in scores) / count,
        edge_f1=sum(one.edge_f1 for one in scores) / count,
        calls=len(calls) / count,
        tokens_in=sum(one.input for one in used) / count,
        tokens_out=sum(one.output for one in used) / count,
        seconds=sum(call.latency_s or 0.0 for call in calls) / count,
        dollars=sum(cost(price, one) for one in used) / count if price else math.nan,
        complaint=complaints.most_common(1)[0][0] if complaints else "",
    )
