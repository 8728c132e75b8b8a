"""The driving score of one episode: its progress times a factor for each fault.

    score = 100 x progress x collision x red_light x off_road x side x route x priority x speeding x arrival x (1 + quality) / 2
    quality = (5 ttc + 5 efficiency + 2 comfort) / 12

The form, progress times a product of penalties, is that of the CARLA leaderboard and Bench2Drive (Jia et al., NeurIPS 2024
data sets and benchmarks). The faults weigh as in NAVSIM's PDM score and its extended version (Dauner et al., NeurIPS 2024 data
sets and benchmarks; Cao et al., CoRL 2025): an at-fault collision with a person or a vehicle gives the whole episode 0, one
with a thing halves it. Every other serious fault halves it; not to yield, or to drive too fast, costs CARLA's 0.7, and so does
not to arrive in time, which costs more in proportion where the car was slower than half the expert's pace: the CARLA
leaderboard 2.0 scales its penalty for driving below a minimum speed by how slow the car was, too. NAVSIM's 5 : 5 : 2 of
closeness, progress and comfort is kept for the quality of the drive, which can take no more than half: it says how well the
car drove, not how far. Its progress term is here the expert's time to the same place over the driver's own.
"""

from __future__ import annotations

from collections.abc import Collection

from lightemma.closed_loop.records import EpisodeOutcome, ScoreParts, Struck

#: Factor after an at-fault collision (NAVSIM's no-at-fault-collision term).
COLLISION: dict[Struck, float] = {"person": 0.0, "vehicle": 0.0, "thing": 0.5}
#: Factor for each red light that was run: between the CARLA leaderboard's 0.7 and NAVSIM's 0.
RED_LIGHT = 0.5
#: Factor after leaving the carriageway. NAVSIM makes it 0; here the episode ends if the car stays off, and what was
#: driven before counts half, so that a touched kerb and a car in the meadow differ by their progress.
OFF_ROAD = 0.5
#: Factor after driving among oncoming traffic (NAVSIM's driving-direction term where it is broken in part).
WRONG_SIDE = 0.5
#: Factor after leaving the route, such as by not turning; the episode ends there.
OFF_ROUTE = 0.5
#: Factor for every other that had to brake hard for the car, and for standing on a junction (CARLA's for not yielding).
PRIORITY = 0.7
#: Factor for driving too fast, and seconds of it from which it counts.
SPEEDING, SPEEDING_S = 0.7, 1.0
#: Factor where the goal was not reached in time, or the car stood without a reason (CARLA's scenario time-out), if the car
#: came as far as it did at half the expert's pace or faster; below that it falls in proportion to the pace. A car that crawls
#: meets little that could go wrong, so distance alone must not be what it is paid for.
NOT_ARRIVED, PACE = 0.7, 0.5
#: Weights of the soft terms (NAVSIM's of time to collision, progress and comfort).
TTC, EFFICIENCY, COMFORT = 5.0, 5.0, 2.0
#: Seconds to collision below which it is too close (nuPlan, NAVSIM).
TTC_BOUND = 0.95


def score_of(outcome: EpisodeOutcome, knows: Collection[str] | None = None) -> ScoreParts:
    """The driving score, 0 … 100, and its factors. Unknown factors count as 1; without progress there is no score.

    Args:
        outcome: of an episode.
        knows: the fields that its world judges (``WorldInfo.knows``); None for a world that would see whatever came close.
    """
    progress = None if outcome.progress is None else _share(outcome.progress)
    collision = None
    if outcome.crashes is not None:
        collision = min((COLLISION[crash.struck] for crash in outcome.crashes_at_fault), default=1.0)
    red_light = None if outcome.red_lights is None else RED_LIGHT**outcome.red_lights
    off_road = None if outcome.off_road is None else OFF_ROAD if outcome.off_road else 1.0
    side = None if outcome.wrong_side is None else WRONG_SIDE if outcome.wrong_side else 1.0
    route = None if outcome.off_route is None else OFF_ROUTE if outcome.off_route else 1.0
    priority = None if outcome.hindered is None else PRIORITY**outcome.hindered
    speeding = None
    if outcome.speeding_s is not None:
        speeding = SPEEDING if outcome.speeding_s >= SPEEDING_S else 1.0
    # The smallest time to collision is None also where nothing ever came close.
    ttc = None if knows is not None and "min_ttc_s" not in knows else 1.0
    if outcome.min_ttc_s is not None:
        ttc = _share(outcome.min_ttc_s / TTC_BOUND)
    comfort = None if outcome.harsh_s is None else _share(1.0 - outcome.harsh_s / max(outcome.time_s, 1e-9))
    efficiency = None
    if outcome.expert_time_s is not None:
        efficiency = _share(outcome.expert_time_s / max(outcome.time_s, 1e-9))
    late = outcome.end in ("time-out", "stuck")
    arrival = NOT_ARRIVED * _share(_known(efficiency) / PACE) if late else 1.0
    quality = TTC * _known(ttc) + EFFICIENCY * _known(efficiency) + COMFORT * _known(comfort)
    score = None
    if progress is not None:
        score = 100.0 * progress * arrival * (1.0 + quality / (TTC + EFFICIENCY + COMFORT)) / 2.0
        for factor in (collision, red_light, off_road, side, route, priority, speeding):
            score *= _known(factor)
    return ScoreParts(
        progress=progress,
        collision=collision,
        red_light=red_light,
        off_road=off_road,
        side=side,
        ttc=ttc,
        comfort=comfort,
        score=score,
        success=is_success(outcome),
        route=route,
        arrival=arrival,
        efficiency=efficiency,
        priority=priority,
        speeding=speeding,
    )


def is_success(outcome: EpisodeOutcome) -> bool | None:
    """Whether the goal was reached without a known at-fault collision, red light, or leaving of the carriageway or route.

    None where the world's horizon came before either.
    """
    if outcome.crashes_at_fault or outcome.red_lights or outcome.off_road or outcome.off_route:
        return False
    return None if outcome.end == "horizon" else outcome.end == "goal"


def _known(factor: float | None) -> float:
    return 1.0 if factor is None else factor


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
