"""Which of several answers to one question is better, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.distillation.cases import Candidate
from lightemma.evaluation.metrics.displacement import CONVENTION_WEIGHTS, step_errors
from lightemma.frame import FloatArray
from lightemma.kinematics import integrate

UNPARSABLE = "unparsable"
#: Reason of pairs that the critic decided: ``contradicts:<kind>``.
CONTRADICTS = "contradicts"


@dataclass(frozen=True, slots=True)
class Preference:
    """Two answers, the first of which is better.

    Attributes:
        chosen: place of the better one.
        rejected: place of the worse one.
        reason: why.
        margin: by how much; None where the worse one has no plan.
    """

    chosen: int
    rejected: int
    reason: str
    margin: float | None


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a ranking gave.

    Attributes:
        kept: pairs, those of the widest margin first.
        ties: pairs that were left out because nothing tells them apart.
        unpaired: rejected answers that no better one stands against.
    """

    kept: list[Preference]
    ties: int = 0
    unpaired: int = 0


def distance(candidate: Candidate, truth: FloatArray) -> float | None:
    """Average L2 of a plan, metres, by the convention ``lightemma``; None without a plan, or if it is no number.

    Args:
        candidate: the answer.
        truth: (6, 2) metres, ego frame.
    """
    if candidate.actions is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):  # of other people's runs
        points = integrate(candidate.actions) if candidate.points is None else candidate.points
        value = float((step_errors(points, truth) @ CONVENTION_WEIGHTS["lightemma"])[-1])
    return value if np.isfinite(value) else None


def preferences(
    costs: Sequence[float | None],
    margin: float,
    most: int,
    by: str = "l2",
    objections: Sequence[str] = (),
    written: Sequence[str] = (),
) -> Preferences:
    """Pairs of answers to one question: the best against the others.

    Answers without a cost have no plan: they are always on the rejected side, and so are those that the critic objects to,
    which are paired only where the best one is no worse by its cost. Pairs closer than the margin are ties and left out.

    Args:
        costs: of each answer, the less the better; None for one without a plan.
        margin: least difference of two costs.
        most: pairs that are kept.
        by: what the costs are, ``l2`` or ``rollout``.
        objections: kind of the critic's objection to each answer, empty for none; may be left out altogether.
        written: each answer as the student would write it, in so many digits; those that are the same to the letter are a tie,
            whatever their costs. May be left out.
    """
    against = list(objections) or [""] * len(costs)
    ranked = sorted(
        (cost, place)
        for place, cost in enumerate(costs)
        if cost is not None and np.isfinite(cost) and not against[place]
    )
    if not ranked:
        return Preferences([], unpaired=len(costs))
    (least, best), found, ties, unpaired = ranked[0], [], 0, 0
    for place, cost in enumerate(costs):
        if place == best:
            continue
        if written and written[place] == written[best]:
            ties += 1
            continue
        if cost is None or not np.isfinite(cost):
            found.append(Preference(best, place, UNPARSABLE, None))
        elif against[place]:
            if cost >= least:
                found.append(Preference(best, place, f"{CONTRADICTS}:{against[place]}", round(cost - least, 6)))
            else:
                unpaired += 1
        elif round(cost - least, 9) < margin or cost == least:
            ties += 1
        else:
            found.append(Preference(best, place, by, round(cost - least, 6)))
    # Among those that drive, the widest margins first; those without a plan teach the form only, and come last.
    found.sort(key=lambda one: (one.margin is None, -(one.margin or 0.0), one.rejected))
    return Preferences(found[:most], ties, unpaired)
