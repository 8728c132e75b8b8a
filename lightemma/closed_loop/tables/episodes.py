"""episodes: every episode of every closed-loop run."""

from __future__ import annotations

from dataclasses import dataclass

from lightemma.closed_loop.records import EpisodeRecord
from lightemma.closed_loop.study import DrivenStudy, DrivenTable, number


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One episode of one run: how it ended, and the factors of its score; empty where the world does not judge it.

    Attributes:
        run: name of the run
        episode: name of the episode
        scenario: name of the scenario
        seed: number that the scenario was made from
        conditions: light and weather
        left_hand: whether traffic keeps to the left
        end: why the episode ended
        success: whether the goal was reached without at-fault collision or red light, never off the road; empty where the
            world could be trusted no longer before that
        driving_score: score 0 … 100
        progress: share of the way to the goal
        collision_factor: factor of the score, 0 … 1
        red_light_factor: factor of the score, 0 … 1
        off_road_factor: factor of the score, 0 … 1
        side_factor: factor of the score, 0 … 1
        ttc_term: term of the score, 0 … 1
        comfort_term: term of the score, 0 … 1
        time_s: seconds it lasted
        crashes: number of collisions
        crashes_at_fault: number of collisions that the car is to blame for
        red_lights: number of stop lines crossed at red
        off_road: whether a corner ever left the carriageway
        wrong_side: number of times it drove among oncoming traffic for longer than overtaking takes
        min_ttc_s: seconds, smallest time to collision; empty if nothing was ever that close on a collision course
        harsh_s: seconds beyond the comfort bounds
        standing_s: seconds at a standstill, whatever the reason
        decisions: number of plans asked for
        missing: number of decisions without a plan
        failed_calls: number of decisions whose call failed
        off_route: whether it left the way it was to take
        route_factor: factor of the score, 0 … 1
        arrival_factor: factor of the score where the goal was not reached in time: 0.7, less where the car was slow
        efficiency_term: term of the score, 0 … 1
        expert_time_s: seconds in which the expert comes as far
        priority_factor: factor of the score, 0.7 for each other that had to brake hard for the car, and for blocking a junction
        speeding_factor: factor of the score, 0.7 after a second or more at more than 1.1 times the speed limit
        hindered: number of those
        speeding_s: seconds at more than 1.1 times the speed limit
        close_share: share of the time behind another with less than 0.8 s between the bumpers; empty without such a time
        incidents: what the scenario has in store, such as `red-light:met`; `missed` if it was over or had not begun when the
            car came, and `not-reached` if the car did not come to the place
        known: what the score is made of
    """

    run: str
    episode: str
    scenario: str
    seed: int
    conditions: str
    left_hand: bool
    end: str
    success: bool | None
    driving_score: float
    progress: float
    collision_factor: float
    red_light_factor: float
    off_road_factor: float
    side_factor: float
    ttc_term: float
    comfort_term: float
    time_s: float
    crashes: int | None
    crashes_at_fault: int | None
    red_lights: int | None
    off_road: bool | None
    wrong_side: int | None
    min_ttc_s: float
    harsh_s: float
    standing_s: float
    decisions: int
    missing: int
    failed_calls: int
    off_route: bool | None
    route_factor: float
    arrival_factor: float
    efficiency_term: float
    expert_time_s: float
    priority_factor: float
    speeding_factor: float
    hindered: int | None
    speeding_s: float
    close_share: float
    incidents: str
    known: str


class Episodes(DrivenTable[EpisodeRow]):
    """Every episode with its factors and numbers."""

    name = "episodes"
    Row = EpisodeRow

    def caption(self, study: DrivenStudy) -> str:
        """What the numbers are."""
        return f"{study.where} Every episode: how it ended, and the factors of its score."

    def build(self, study: DrivenStudy) -> list[EpisodeRow]:
        """One row per run and episode."""
        return [_episode_row(run.name, one) for run in study.runs for one in run.episodes.values()]


def _episode_row(run: str, one: EpisodeRecord) -> EpisodeRow:
    outcome, score = one.outcome, one.score
    return EpisodeRow(
        run=run,
        episode=one.name,
        scenario=one.scenario,
        seed=one.seed,
        conditions=one.conditions,
        left_hand=one.left_hand,
        end=outcome.end,
        success=score.success,
        driving_score=number(score.score),
        progress=number(score.progress),
        collision_factor=number(score.collision),
        red_light_factor=number(score.red_light),
        off_road_factor=number(score.off_road),
        side_factor=number(score.side),
        ttc_term=number(score.ttc),
        comfort_term=number(score.comfort),
        time_s=outcome.time_s,
        crashes=None if outcome.crashes is None else len(outcome.crashes),
        crashes_at_fault=None if outcome.crashes is None else len(outcome.crashes_at_fault),
        red_lights=outcome.red_lights,
        off_road=outcome.off_road,
        wrong_side=outcome.wrong_side,
        min_ttc_s=number(outcome.min_ttc_s),
        harsh_s=number(outcome.harsh_s),
        standing_s=number(outcome.standing_s),
        decisions=one.decisions,
        missing=one.missing,
        failed_calls=one.failed_calls,
        off_route=outcome.off_route,
        route_factor=number(score.route),
        arrival_factor=score.arrival,
        efficiency_term=number(score.efficiency),
        expert_time_s=number(outcome.expert_time_s),
        priority_factor=number(score.priority),
        speeding_factor=number(score.speeding),
        hindered=outcome.hindered,
        speeding_s=number(outcome.speeding_s),
        close_share=number(outcome.close_share),
        incidents=" ".join(
            f"{each.name}:{'met' if each.met else 'missed' if each.reached else 'not-reached'}"
            for each in outcome.incidents or ()
        ),
        known=" ".join(score.known),
    )
