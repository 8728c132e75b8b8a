"""closed_loop_scenarios: every closed-loop run by scenario and conditions."""

from __future__ import annotations

from dataclasses import dataclass

from lightemma.closed_loop.records import EpisodeRecord
from lightemma.closed_loop.study import DrivenRun, DrivenStudy, DrivenTable, occurred, share_of, was_at_fault


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """One run in one scenario under one kind of conditions.

    Attributes:
        run: name of the run
        scenario: name of the scenario
        conditions: light and weather
        episodes: number of episodes
        driving_score: score 0 … 100, mean over episodes
        success_rate: share of episodes with the goal reached, no at-fault collision, no red light, never off the road
        collision_at_fault_rate: share of episodes with a collision that the car is to blame for
        off_road_rate: share of episodes in which a corner left the carriageway
        red_light_rate: share of episodes in which at least one red light was run
        progress: share of the way to the goal, mean over episodes
        ends: number of episodes by how they ended, such as `goal:3 stuck:1`
        met_rate: share of what the scenario has in store (a red light, a person) that the car met, of what it came to
    """

    run: str
    scenario: str
    conditions: str
    episodes: int
    driving_score: float
    success_rate: float
    collision_at_fault_rate: float
    off_road_rate: float
    red_light_rate: float
    progress: float
    ends: str
    met_rate: float


class ClosedLoopScenarios(DrivenTable[ScenarioRow]):
    """Every run by scenario and conditions."""

    name = "closed_loop_scenarios"
    Row = ScenarioRow

    def caption(self, study: DrivenStudy) -> str:
        """What the numbers are."""
        return f"{study.where} Driving score 0 … 100 by scenario and conditions."

    def build(self, study: DrivenStudy) -> list[ScenarioRow]:
        """One row per run, scenario and conditions."""
        return [row for run in study.runs for row in _scenario_rows(run)]


def _scenario_rows(run: DrivenRun) -> list[ScenarioRow]:
    groups: dict[tuple[str, str], list[EpisodeRecord]] = {}
    for one in run.episodes.values():
        groups.setdefault((one.scenario, one.conditions), []).append(one)
    rows = []
    for (scenario, conditions), episodes in groups.items():
        ends = [one.outcome.end for one in episodes]
        rows.append(
            ScenarioRow(
                run=run.name,
                scenario=scenario,
                conditions=conditions,
                episodes=len(episodes),
                driving_score=share_of(one.score.score for one in episodes),
                success_rate=share_of(one.score.success for one in episodes),
                collision_at_fault_rate=share_of(was_at_fault(one.outcome) for one in episodes),
                off_road_rate=share_of(one.outcome.off_road for one in episodes),
                red_light_rate=share_of(occurred(one.outcome.red_lights) for one in episodes),
                progress=share_of(one.score.progress for one in episodes),
                ends=" ".join(f"{end}:{ends.count(end)}" for end in sorted(set(ends))),
                met_rate=share_of(each.met for one in episodes for each in one.outcome.incidents or () if each.reached),
            )
        )
    return rows
