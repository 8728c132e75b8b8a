"""The verdicts of an episode under the score forms that other closed-loop benchmarks publish.

Only what the episode's outcome holds can be counted: a form's terms for what no world here judges (stop signs, emergency
vehicles, a minimum speed) are left out, so the numbers rank drivers as the form would and are not those benchmarks' scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from lightemma.closed_loop.driving_score import TTC_BOUND
from lightemma.closed_loop.records import EpisodeOutcome, Struck

#: CARLA leaderboard 2.0's factor per collision, whoever is to blame.
CARLA_2_0: dict[Struck, float] = {"person": 0.50, "vehicle": 0.60, "thing": 0.65}
#: CARLA leaderboard 2.1's coefficient per collision.
CARLA_2_1: dict[Struck, float] = {"person": 1.0, "vehicle": 0.70, "thing": 0.60}


def carla_2_0(outcome: EpisodeOutcome) -> float:
    """100 x completion x the product of factors: 0.7 per red light and for a time-out; Bench2Drive's driving score, too."""
    score = 100.0 * _progress(outcome)
    for crash in outcome.crashes or ():
        score *= CARLA_2_0[crash.struck]
    score *= 0.7 ** (outcome.red_lights or 0)
    return score * (0.7 if outcome.end == "time-out" else 1.0)


def carla_2_1(outcome: EpisodeOutcome) -> float:
    """100 x completion / (1 + the sum of coefficients): 0.4 per red light and for a time-out."""
    faults = sum(CARLA_2_1[crash.struck] for crash in outcome.crashes or ())
    faults += 0.4 * (outcome.red_lights or 0) + (0.4 if outcome.end == "time-out" else 0.0)
    return 100.0 * _progress(outcome) / (1.0 + faults)


def navsim_v1(outcome: EpisodeOutcome) -> float:
    """100 x no at-fault collision x on the road x (5 ttc + 5 progress + 2 comfort) / 12, with yes or no for ttc and comfort."""
    at_fault = outcome.crashes_at_fault
    collision = 1.0 if not at_fault else 0.5 if all(crash.struck == "thing" for crash in at_fault) else 0.0
    road = 0.0 if outcome.off_road else 1.0
    ttc = 1.0 if outcome.min_ttc_s is None or outcome.min_ttc_s >= TTC_BOUND else 0.0
    comfort = 0.0 if outcome.harsh_s else 1.0
    return 100.0 * collision * road * (5.0 * ttc + 5.0 * _progress(outcome) + 2.0 * comfort) / 12.0


#: Form -> its score of an episode, 0 … 100; NaN where the progress is unknown.
FORMS: Mapping[str, Callable[[EpisodeOutcome], float]] = {
    "carla_2_0": carla_2_0,
    "carla_2_1": carla_2_1,
    "navsim_v1": navsim_v1,
}


def _progress(outcome: EpisodeOutcome) -> float:
    return math.nan if outcome.progress is None else min(max(outcome.progress, 0.0), 1.0)
